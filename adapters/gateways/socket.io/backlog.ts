/**
 * Cuts who does not read: Socket.IO itself keeps what it could not send yet, however much that is.
 *
 * Counted with Engine.IO's own events. `packetCreate` comes before each packet, `flush` when all that waits is handed to
 * the transport, and the transport is `writable` again when the operating system has taken all of it.
 */
import type { Socket } from "socket.io"

type Connection = Socket["conn"]

/** Watches a connection until it ends; a second call for the same does nothing. */
export const makeWatch = (maxBufferedBytes: number): ((connection: Connection) => void) => {
  const watched = new WeakSet<Connection>()
  return (connection) => {
    if (watched.has(connection)) return
    watched.add(connection)
    let waiting = 0
    let underWay = 0
    connection.on("packetCreate", ({ data = "" }: { readonly data?: string | Buffer }) => {
      if (connection.transport.writable) underWay = 0
      waiting += Buffer.byteLength(data)
      if (underWay + waiting > maxBufferedBytes) cut(connection)
    })
    connection.on("flush", () => {
      underWay = waiting
      waiting = 0
    })
  }
}

/** Closing politely would keep what is under way until the other side reads it. */
const cut = (connection: Connection) => {
  // the first request of a connection that began as a WebSocket is that WebSocket; a poll may share its line with others
  const isDirect = connection.transport.name === "websocket" && !connection.upgraded
  if (isDirect) connection.request?.socket.destroy()
  connection.close(true)
}
