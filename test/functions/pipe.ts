/** A TCP pipe in front of a server of the tests: it can hold back what passes, or let nobody through. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net"

export interface Pipe {
  readonly port: number
  /** Holds back each piece of a request; change it at any time. */
  readonly faults: { delayMillis: number }
  /** Ends every connection, and new ones as soon as they are made, until `open`. */
  readonly shut: () => void
  readonly open: () => void
  readonly close: () => Promise<void>
}
export const startPipe = async (to: number): Promise<Pipe> => {
  const faults = { delayMillis: 0 }
  let isOpen = true
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (incoming) => {
    if (!isOpen) return void incoming.destroy()
    const outgoing = connect({ port: to, host: "127.0.0.1", noDelay: true })
    for (const [from, into] of [
      [incoming, outgoing],
      [outgoing, incoming]
    ] as const) {
      sockets.add(from)
      from.on("error", () => into.destroy())
      from.on("close", () => {
        sockets.delete(from)
        into.destroy()
      })
    }
    // requests wait, answers do not; equal timers fire in order
    incoming.on("data", (chunk) => {
      if (faults.delayMillis === 0) outgoing.write(chunk)
      else setTimeout(() => outgoing.write(chunk), faults.delayMillis)
    })
    outgoing.on("data", (chunk) => incoming.write(chunk))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    faults,
    shut: () => {
      isOpen = false
      for (const socket of sockets) socket.destroy()
    },
    open: () => void (isOpen = true),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
  }
}
