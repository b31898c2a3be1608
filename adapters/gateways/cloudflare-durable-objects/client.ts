/**
 * The client half for Cloudflare Durable Objects, on the global `WebSocket` of browsers and Node.
 *
 * Each group has an object of its own, so one connection is a socket per group; they open together and end together. The
 * first carries interrupts. No recovery: a cut of any ends the connection at once, and the caller asks for a new grant.
 */
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import { makeReplies } from "../../../src/gateway/replies.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { NAME, parseFromObject, PING, SUBPROTOCOL, type FromClient } from "./wire.ts"

export const durableObjectsClient = (): GatewayClient => ({
  name: NAME,
  connect: (grant, handlers): GatewayConnection => {
    const groups = [...new Set(Object.values(grant.groups))]
    const sockets: WebSocket[] = []
    /** Sockets that are not open yet, and those that were asked for a sign of life and gave none. */
    const opening = new Set<WebSocket>()
    const silent = new Set<WebSocket>()
    const replies = makeReplies()
    let closed = false

    const send = (socket: WebSocket, message: FromClient) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
    }
    const close = (message: string) => {
      if (closed) return
      closed = true
      replies.rejectAll("the connection closed before the reply came")
      for (const socket of sockets) socket.close()
      queueMicrotask(() => handlers.onClosed({ message }))
    }
    const receive = (socket: WebSocket, text: string) => {
      const message = parseFromObject(text)
      if (message?.[0] === "open") {
        if (opening.delete(socket) && opening.size === 0) handlers.onOpen()
      } else if (message?.[0] === "mark") send(socket, { type: "read", id: message[1] })
      else if (message?.[0] === "reply") replies.resolve(message[1], message[2])
      else if (message?.[0] === "failed") replies.reject(message[1], message[2])
    }
    const dial = (group: string, index: number) => {
      const query = new URLSearchParams(index === 0 ? { group, lead: "" } : { group })
      const socket = new WebSocket(`${grant.url}?${query}`, [SUBPROTOCOL, grant.token ?? ""])
      sockets.push(socket)
      opening.add(socket)
      socket.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (closed) return
        silent.delete(socket)
        // as long as one of them owes a sign, the others prove nothing
        if (silent.size === 0) handlers.onAlive()
        if (typeof data !== "string") return
        if (data.startsWith("{")) handlers.onFrame(data)
        else receive(socket, data)
      }
      socket.onclose = ({ code, reason }) =>
        close(reason || (code === 1006 ? "the connection was cut or refused" : `closed with code ${code}`))
      // `close` follows and says as much.
      socket.onerror = () => {}
    }
    groups.forEach(dial)
    if (groups.length === 0) close("the grant names no group")

    const invoke = async (event: string, data: Json, { timeoutMillis }: { readonly timeoutMillis: number }) => {
      const [lead] = sockets
      if (lead?.readyState !== WebSocket.OPEN) throw new Error("the connection is not open")
      return replies.ask(timeoutMillis, (id) => send(lead, { type: "invoke", id, event, data }))
    }
    return {
      ...(grant.upstream ? { invoke } : {}),
      ping: () => {
        for (const socket of sockets) {
          if (socket.readyState !== WebSocket.OPEN) continue
          silent.add(socket)
          socket.send(PING)
        }
      },
      close: () => close("closed by the caller")
    }
  }
})
