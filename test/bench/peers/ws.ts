/**
 * Raw `ws`: the run and the sockets in one process, a JSON text per token. The least that streaming can cost.
 */
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { WebSocketServer, type WebSocket } from "ws"
import { answer } from "../child.ts"
import { pace, type Load } from "../workload.ts"

const sockets: WebSocket[] = []
answer({
  listen: async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
    server.on("connection", (socket, request) => {
      sockets[Number(new URL(request.url ?? "/", "ws://peer").searchParams.get("group"))] = socket
    })
    await once(server, "listening")
    return (server.address() as AddressInfo).port
  },
  produce: (load: Load) => pace(load, (run, text) => sockets[run]?.send(JSON.stringify({ type: "text.delta", text })))
})
