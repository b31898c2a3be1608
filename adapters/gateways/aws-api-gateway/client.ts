/**
 * The client half for API Gateway, on the global `WebSocket` of browsers and Node; AWS has no client package for it.
 *
 * The socket being open is not enough: the function is asked to join the groups, and its answer is `onOpen`. No recovery:
 * a cut ends the connection at once, and the caller asks for a new grant. Every ping also asks whether the registry still
 * knows the connection, so one that was taken out of it ends, and does not stay open deaf.
 */
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import { makeReplies } from "../../../src/gateway/replies.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { MAX_CLIENT_BYTES, parseFromGateway, parseServiceError, SUBPROTOCOL, type FromClient } from "./wire.ts"

export const awsApiGatewayClient = (): GatewayClient => ({
  name: "aws-api-gateway",
  connect: (grant, handlers): GatewayConnection => {
    const socket = new WebSocket(grant.url, [SUBPROTOCOL, grant.token ?? ""])
    const replies = makeReplies()
    let opened = false
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
    /** The function failed, or was not called; API Gateway does not say which message it was about. */
    const failed = (problem: string) => {
      if (opened) replies.rejectAll(`API Gateway answered: ${problem}`)
      else close(`API Gateway answered: ${problem}`)
    }
    socket.onopen = () => send({ action: "open" })
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (closed || typeof data !== "string") return
      handlers.onAlive()
      if (data.startsWith("{")) {
        const problem = parseServiceError(data)
        return problem === undefined ? handlers.onFrame(data) : failed(problem)
      }
      const message = parseFromGateway(data)
      if (message?.[0] === "open" && !opened) {
        opened = true
        handlers.onOpen()
      } else if (message?.[0] === "gone") close("the gateway does not know this connection any more")
      else if (message?.[0] === "reply") replies.resolve(message[1], message[2])
      else if (message?.[0] === "failed") replies.reject(message[1], message[2])
    }
    socket.onclose = ({ code, reason }) =>
      close(reason || (code === 1006 ? "the connection was cut or refused" : `closed with code ${code}`))
    // `close` follows and says as much.
    socket.onerror = () => {}

    const invoke = async (event: string, data: Json, { timeoutMillis }: { readonly timeoutMillis: number }) => {
      if (socket.readyState !== WebSocket.OPEN) throw new Error("the connection is not open")
      return replies.ask(timeoutMillis, (id) => {
        const message: FromClient = { action: "invoke", id, event, data }
        // sent, it would end the connection
        if (new TextEncoder().encode(JSON.stringify(message)).length > MAX_CLIENT_BYTES)
          throw new Error(`a message over this gateway has at most ${MAX_CLIENT_BYTES} bytes`)
        send(message)
      })
    }
    return {
      ...(grant.upstream ? { invoke } : {}),
      ping: () => send({ action: "ping" }),
      close: () => close("closed by the caller")
    }
  }
})
