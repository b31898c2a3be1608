/**
 * The client half for the plain gateway, on the global `WebSocket` of browsers and Node.
 *
 * No recovery: a cut ends the connection at once, and the caller asks for a new grant.
 */
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { parseFromGateway, SUBPROTOCOL, type FromClient } from "./wire.ts"

interface Waiting {
  readonly resolve: (reply: unknown) => void
  readonly reject: (problem: Error) => void
}

export const wsClient = (): GatewayClient => ({
  name: "ws",
  connect: (grant, handlers): GatewayConnection => {
    const socket = new WebSocket(grant.url, [SUBPROTOCOL, grant.token ?? ""])
    const waiting = new Map<number, Waiting>()
    let nextId = 1
    let closed = false

    const send = (message: FromClient) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
    }
    const close = (message: string) => {
      if (closed) return
      closed = true
      for (const { reject } of waiting.values()) reject(new Error("the connection closed before the reply came"))
      waiting.clear()
      socket.close()
      queueMicrotask(() => handlers.onClosed({ message }))
    }
    const settle = (id: number, then: (entry: Waiting) => void) => {
      const entry = waiting.get(id)
      if (waiting.delete(id)) then(entry as Waiting)
    }
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (closed) return
      handlers.onAlive()
      if (typeof data !== "string") return
      if (data.startsWith("{")) return handlers.onFrame(data)
      const message = parseFromGateway(data)
      if (message?.[0] === "open") handlers.onOpen()
      else if (message?.[0] === "reply") settle(message[1], ({ resolve }) => resolve(message[2]))
      else if (message?.[0] === "failed") settle(message[1], ({ reject }) => reject(new Error(message[2])))
    }
    socket.onclose = ({ code, reason }) =>
      close(reason || (code === 1006 ? "the connection was cut or refused" : `closed with code ${code}`))
    // `close` follows and says as much.
    socket.onerror = () => {}

    const invoke = (event: string, data: Json, { timeoutMillis }: { readonly timeoutMillis: number }) =>
      new Promise<unknown>((resolve, reject) => {
        if (socket.readyState !== WebSocket.OPEN) return reject(new Error("the connection is not open"))
        const id = nextId++
        const timer = setTimeout(
          () => settle(id, (entry) => entry.reject(new Error(`no reply within ${timeoutMillis} ms`))),
          timeoutMillis
        )
        waiting.set(id, {
          resolve: (reply) => (clearTimeout(timer), resolve(reply)),
          reject: (problem) => (clearTimeout(timer), reject(problem))
        })
        send({ type: "invoke", id, event, data })
      })
    return {
      ...(grant.upstream ? { invoke } : {}),
      ping: () => send({ type: "ping" }),
      close: () => close("closed by the caller")
    }
  }
})
