/**
 * The client half for Pushpin, on what browsers and Node have: `WebSocket`, or `fetch` for networks that let no sockets
 * through.
 *
 * No recovery: a cut ends the connection at once, and the caller asks for a new grant.
 */
import type { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { makeReplies } from "../../../src/gateway/replies.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { createParser, frameOf, parseToClient, STREAM_SILENCE_MILLIS, SUBPROTOCOL, type FromClient } from "./wire.ts"

export interface PushpinClientOptions {
  /** `"sse"`: server-sent events; interrupts then go over HTTP. Default `"websocket"`. */
  readonly transport?: "websocket" | "sse"
}

export const pushpinClient = ({ transport = "websocket" }: PushpinClientOptions = {}): GatewayClient => ({
  name: "pushpin",
  connect: transport === "sse" ? openStream : openSocket
})

/** Brings frames, carries invokes, ends once. */
const openSocket: GatewayClient["connect"] = (grant, handlers) => {
  const socket = new WebSocket(grant.url.replace(/^http/, "ws"), [SUBPROTOCOL, grant.token ?? ""])
  const replies = makeReplies()
  let isClosed = false

  const send = (message: FromClient) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }
  const close = (message: string) => {
    if (isClosed) return
    isClosed = true
    replies.rejectAll("the connection closed before the reply came")
    socket.close()
    queueMicrotask(() => handlers.onClosed({ message }))
  }
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (isClosed) return
    handlers.onAlive()
    if (typeof data !== "string") return
    if (data.startsWith("{")) return handlers.onFrame(data)
    const message = parseToClient(data)
    if (message?.[0] === "open") handlers.onOpen()
    else if (message?.[0] === "reply") replies.resolve(message[1], message[2])
    else if (message?.[0] === "failed") replies.reject(message[1], message[2])
  }
  socket.onclose = ({ code }) => close(code === 1006 ? "the connection was cut or refused" : `closed with code ${code}`)
  // `close` follows and says as much
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

/**
 * Brings frames, ends once.
 *
 * The ticket is the body of a plain POST, where no access log writes it down and for which browsers ask no permission
 * first; that is why this is `fetch` and not `EventSource`. Nobody can ask a stream for a sign of life, so silence ends
 * it: Pushpin breaks it every few seconds.
 */
const openStream: GatewayClient["connect"] = (grant, handlers) => {
  const ended = new AbortController()
  let silence: ReturnType<typeof setTimeout> | undefined

  const close = (message: string) => {
    if (ended.signal.aborted) return
    clearTimeout(silence)
    ended.abort()
    queueMicrotask(() => handlers.onClosed({ message }))
  }
  const hear = () => {
    clearTimeout(silence)
    silence = setTimeout(() => close(`nothing was heard for ${STREAM_SILENCE_MILLIS} ms`), STREAM_SILENCE_MILLIS)
  }
  const listen = async () => {
    hear()
    const response = await fetch(grant.url, {
      method: "POST",
      headers: { accept: "text/event-stream", "content-type": "text/plain" },
      body: grant.token ?? "",
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: ended.signal
    })
    if (!response.ok || !response.body) throw new Error(`the gateway answered ${response.status}`)
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parse = createParser()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) throw new Error("the stream ended")
      if (ended.signal.aborted) return
      hear()
      handlers.onAlive()
      for (const event of parse(value)) {
        const frame = frameOf(event)
        if (ended.signal.aborted) return
        if (event.name === "open") handlers.onOpen()
        else if (frame !== undefined) handlers.onFrame(frame)
      }
    }
  }
  listen().catch((cause: unknown) => close(cause instanceof Error ? cause.message : String(cause)))
  return { close: () => close("closed by the caller") }
}
