/**
 * A server process that listens: one socket with a worker's ticket, kept up for as long as its scope.
 *
 * After a cut it connects anew, joins its groups again, and reports a reset, because frames may have been missed. A
 * socket that gives no sign of life for 15 s is replaced.
 */
import * as Effect from "effect/Effect"
import { WebSocket } from "ws"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError, GatewayUnavailable } from "../../../src/ports/GatewayError.ts"
import { parseFromGateway, SUBPROTOCOL, type FromClient } from "./wire.ts"

const PING_MILLIS = 5_000
const SILENCE_MILLIS = 15_000
const FIRST_CONNECT_MILLIS = 10_000
const MAX_BACKOFF_MILLIS = 5_000

const unavailable = (cause: unknown) =>
  new GatewayError({
    operation: "subscribe",
    reason: new GatewayUnavailable({ cause: new Error(cause instanceof Error ? cause.message : "no connection") })
  })

/** `ticket` makes a fresh worker's token. */
export const makeSubscribe =
  (url: string, ticket: () => Promise<string>): NonNullable<GatewayService["subscribe"]> =>
  (handlers) =>
    Effect.acquireRelease(
      Effect.tryPromise({ try: (signal) => open(url, ticket, handlers, signal), catch: unavailable }),
      (line) => Effect.sync(line.close)
    ).pipe(
      Effect.map((line) => ({
        join: (group) => Effect.tryPromise({ try: () => line.join(group), catch: unavailable }),
        leave: (group) => Effect.sync(() => line.leave(group))
      }))
    )

interface Line {
  readonly join: (group: string) => Promise<void>
  readonly leave: (group: string) => void
  readonly close: () => void
}

const open = async (
  url: string,
  ticket: () => Promise<string>,
  handlers: { readonly onFrame: (group: string, frame: string) => void; readonly onReset: () => void },
  signal: AbortSignal
): Promise<Line> => {
  /** Groups that somebody wants; each settles at its first confirmed join. */
  const wanted = new Map<string, PromiseWithResolvers<void>>()
  /** Joins sent over this socket, by id. */
  const pending = new Map<number, string>()
  const first = Promise.withResolvers<void>()
  let socket: WebSocket | undefined
  let everOpen = false
  let rejoining = 0
  let closed = false
  let failures = 0
  let lastSign = Date.now()
  let nextId = 1
  let retry: ReturnType<typeof setTimeout> | undefined

  const send = (message: FromClient) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }
  const sendJoin = (group: string): number => {
    const id = nextId++
    pending.set(id, group)
    send({ type: "join", id, group })
    return id
  }
  const onReset = () => {
    if (everOpen) handlers.onReset()
    everOpen = true
  }
  const receive = (text: string) => {
    lastSign = Date.now()
    const message = parseFromGateway(text)
    if (message === undefined) return
    switch (message[0]) {
      case "frame":
        return handlers.onFrame(message[1], message[2])
      case "open": {
        failures = 0
        first.resolve()
        pending.clear()
        // The gateway answers in order: when the last join is confirmed, all are.
        rejoining = 0
        for (const group of wanted.keys()) rejoining = sendJoin(group)
        return rejoining === 0 ? onReset() : undefined
      }
      case "reply":
      case "failed": {
        const group = pending.get(message[1])
        if (group === undefined) return
        pending.delete(message[1])
        if (message[0] === "reply") wanted.get(group)?.resolve()
        else {
          wanted.get(group)?.reject(new Error(message[2]))
          wanted.delete(group)
        }
        if (message[1] === rejoining) onReset()
      }
    }
  }
  const again = () => {
    if (!closed) retry = setTimeout(connect, Math.random() * Math.min(MAX_BACKOFF_MILLIS, 100 * 2 ** failures++))
  }
  const connect = () => {
    ticket().then((token) => {
      if (closed) return
      const mine = new WebSocket(url, [SUBPROTOCOL, token], { perMessageDeflate: false })
      socket = mine
      mine.on("message", (data) => mine === socket && receive(String(data)))
      mine.on("error", (cause) => first.reject(cause))
      mine.on("close", () => mine === socket && again())
    }, first.reject)
  }
  const watch = setInterval(() => {
    if (socket?.readyState !== WebSocket.OPEN) return
    if (Date.now() - lastSign < SILENCE_MILLIS) send({ type: "ping" })
    else socket.terminate()
  }, PING_MILLIS)
  watch.unref()

  const close = () => {
    closed = true
    clearInterval(watch)
    clearTimeout(retry)
    socket?.close()
    for (const joined of wanted.values()) joined.reject(new Error("the subscription is closed"))
    wanted.clear()
  }
  connect()
  const timeout = setTimeout(() => first.reject(new Error("no connection within 10 s")), FIRST_CONNECT_MILLIS)
  signal.addEventListener("abort", () => first.reject(new Error("interrupted")))
  try {
    await first.promise
  } catch (cause) {
    close()
    throw cause
  } finally {
    clearTimeout(timeout)
  }

  return {
    join: (group) => {
      if (closed) return Promise.reject(new Error("the subscription is closed"))
      const known = wanted.get(group)
      if (known !== undefined) return known.promise
      const joined = Promise.withResolvers<void>()
      joined.promise.catch(() => {})
      wanted.set(group, joined)
      sendJoin(group)
      return joined.promise
    },
    leave: (group) => {
      const joined = wanted.get(group)
      if (joined === undefined) return
      wanted.delete(group)
      joined.reject(new Error("left before it was joined"))
      send({ type: "leave", id: nextId++, group })
    },
    close
  }
}
