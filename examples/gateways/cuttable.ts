/** A way to a server that can be cut: bytes are passed on, until every connection is destroyed as a failing network would. */
import { once } from "node:events"
import * as net from "node:net"

export interface Cuttable {
  /** Leads to the server's port. */
  readonly port: number
  readonly cut: () => void
  readonly close: () => void
}
export const cuttable = async (port: number): Promise<Cuttable> => {
  const sockets = new Set<net.Socket>()
  const track = (socket: net.Socket) => {
    sockets.add(socket)
    return socket.on("error", () => {}).on("close", () => sockets.delete(socket))
  }
  const server = net.createServer((client) => {
    const service = track(net.connect(port, "127.0.0.1"))
    track(client).pipe(service).pipe(client)
    client.on("close", () => service.destroy())
    service.on("close", () => client.destroy())
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const cut = () => sockets.forEach((socket) => socket.destroy())
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    close: () => {
      cut()
      server.close()
    }
  }
}
