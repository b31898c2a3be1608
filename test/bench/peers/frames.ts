/**
 * Sends ready-made frames of one thread to the only socket that is connected, in bursts with room to breathe.
 */
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { WebSocketServer, type WebSocket } from "ws"
import { answer } from "../child.ts"

/** Where the log stands before the first frame; the watcher's view ends there. */
export interface Stand {
  readonly logId: string
  readonly thread: string
  readonly offset: number
  readonly run: string
  readonly part: string
}
const BURST = 50
const idOf = (offset: number) => `entry-${offset}`
const frameAt = ({ logId, thread, run, part }: Stand, offset: number) =>
  JSON.stringify({
    v: 1,
    logId,
    thread,
    offset,
    id: idOf(offset),
    prev: idOf(offset - 1),
    at: "2026-01-01T00:00:00.000Z",
    events: [{ type: "text.delta", run, part, text: " and so on" }]
  })

let socket: WebSocket | undefined
let offset = 0
answer({
  listen: async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
    server.on("connection", (connected) => {
      socket = connected
    })
    await once(server, "listening")
    return (server.address() as AddressInfo).port
  },
  send: async ({ stand, count }: { readonly stand: Stand; readonly count: number }) => {
    offset = Math.max(offset, stand.offset)
    for (let sent = 0; sent < count; sent += BURST) {
      for (let next = 0; next < BURST; next++) socket?.send(frameAt(stand, ++offset))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
})
