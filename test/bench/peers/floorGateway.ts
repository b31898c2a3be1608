/**
 * The floor's gateway: sockets join a group, `POST /publish?group=` goes to everyone in it. Stores nothing, checks nothing.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { WebSocketServer, type WebSocket } from "ws"
import { answer } from "../child.ts"

const groups = new Map<string, Set<WebSocket>>()
const groupOf = (request: IncomingMessage) => new URL(request.url ?? "/", "http://peer").searchParams.get("group") ?? ""
let delayMillis = 0

const publish = (request: IncomingMessage, response: ServerResponse) => {
  const chunks: Buffer[] = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const send = () => {
      const text = Buffer.concat(chunks)
      for (const socket of groups.get(groupOf(request)) ?? []) socket.send(text, { binary: false })
      response.writeHead(202).end()
    }
    if (delayMillis > 0) setTimeout(send, delayMillis)
    else send()
  })
}

answer({
  listen: async (options: { readonly delayMillis: number }) => {
    delayMillis = options.delayMillis
    const http = createServer(publish)
    const server = new WebSocketServer({ server: http, perMessageDeflate: false })
    server.on("connection", (socket, request) => {
      const group = groupOf(request)
      groups.set(group, (groups.get(group) ?? new Set()).add(socket))
    })
    http.listen(0, "127.0.0.1")
    await once(http, "listening")
    return (http.address() as AddressInfo).port
  }
})
