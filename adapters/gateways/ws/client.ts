/**
 * The client half for the plain gateway, on the global `WebSocket` of browsers and Node.
 *
 * No recovery: a cut ends the connection at once, and the caller asks for a new grant.
 */
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import { makeReplies } from "../../../src/gateway/replies.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { parseFromGateway, SUBPROTOCOL, type FromClient } from "./wire.ts"

export const wsClient = (): GatewayClient => ({
  name: "ws",
  connect: (grant, handlers): GatewayConnection => {
    const socket = new WebSocket(grant.url, [SUBPROTOCOL, grant.token ?? ""])
    const replies = makeReplies()
    let closed = false

    const send = (message: FromClient) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
    }
    const close = (message: string) => {
      if (closed) return
      closed = true
      replies.rejectAll("the connection closed before the reply came")
      socket.close()
      queueMicrotask(() => handlers.onClosed({ message }))
    }
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (closed) return
      handlers.onAlive()
      if (typeof data !== "string") return
      if (data.startsWith("{")) return handlers.onFrame(data)
      const message = parseFromGateway(data)
      if (message?.[0] === "open") handlers.onOpen()
      else if (message?.[0] === "reply") replies.resolve(message[1], message[2])
      else if (message?.[0] === "failed") replies.reject(message[1], message[2])
    }
    socket.onclose = ({ code, reason }) =>
      close(reason || (code === 1006 ? "the connection was cut or refused" : `closed with code ${code}`))
    // `close` follows and says as much.
    socket.onerror = () => {}

    const invoke = async (event: string, data: Json, { timeoutMillis }: { readonly timeoutMillis: number }) => {
      if (socket.readyState !== WebSocket.OPEN) throw new Error("the connection is not open")
      return replies.ask(timeoutMillis, (id) => send({ type: "invoke", id, event, data }))
    }
    return {
      ...(grant.upstream ? { invoke } : {}),
      ping: () => send({ type: "ping" }),
      close: () => close("closed by the caller")
    }
  }
})
