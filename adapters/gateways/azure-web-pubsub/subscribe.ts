/**
 * A server process that listens: one connection with the right to join groups, kept up for as long as its scope.
 *
 * After a cut it recovers or connects anew, joins its groups again, and reports a reset, because frames may have been
 * missed. A connection that gives no sign of life for 15 s is replaced.
 */
import * as Effect from "effect/Effect"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError, GatewayUnavailable } from "../../../src/ports/GatewayError.ts"
import { withoutRequest } from "./publish.ts"
import type { Socket } from "./socket.ts"

const PING_MILLIS = 5_000
const SILENCE_MILLIS = 15_000
const FIRST_CONNECT_MILLIS = 10_000
const MAX_BACKOFF_MILLIS = 5_000

const unavailable = (cause: unknown) =>
  new GatewayError({ operation: "subscribe", reason: new GatewayUnavailable({ cause: withoutRequest(cause) }) })

/** `connectUrl` makes a URL with a fresh token that may join and leave groups. */
export const makeSubscribe =
  (connectUrl: () => Promise<string>): NonNullable<GatewayService["subscribe"]> =>
  (handlers) =>
    Effect.acquireRelease(
      Effect.tryPromise({ try: (signal) => open(connectUrl, handlers, signal), catch: unavailable }),
      (line) => Effect.sync(line.close)
    ).pipe(
      Effect.map((line) => ({
        join: (group) => Effect.tryPromise({ try: () => line.join(group), catch: unavailable }),
        leave: (group) => Effect.promise(() => line.leave(group))
      }))
    )

interface Line {
  readonly join: (group: string) => Promise<void>
  readonly leave: (group: string) => Promise<void>
  readonly close: () => void
}
/** A group that somebody wants; `joined` settles at its first confirmed join. */
interface Wanted {
  readonly joined: PromiseWithResolvers<void>
}

const open = async (
  connectUrl: () => Promise<string>,
  handlers: { readonly onFrame: (group: string, frame: string) => void; readonly onReset: () => void },
  signal: AbortSignal
): Promise<Line> => {
  const wanted = new Map<string, Wanted>()
  const first = Promise.withResolvers<void>()
  let socket: Socket | undefined
  let connected = false
  let everConnected = false
  let closed = false
  let failures = 0
  let lastSign = Date.now()
  let nextAckId = 1
  let retry: ReturnType<typeof setTimeout> | undefined

  /** Joins now if it can; a join that a cut swallows is repeated at the next connection. */
  const joinNow = async (group: string, entry: Wanted): Promise<void> => {
    if (!connected || socket === undefined) return
    try {
      await socket.client.joinGroup(group, { ackId: nextAckId++ })
      entry.joined.resolve()
    } catch (cause) {
      // Still connected: the service said no, and saying it again would not help.
      if (connected && !closed) {
        wanted.delete(group)
        entry.joined.reject(cause)
      }
    }
  }
  const onConnected = async () => {
    connected = true
    failures = 0
    lastSign = Date.now()
    first.resolve()
    await Promise.all([...wanted].map(([group, entry]) => joinNow(group, entry)))
    if (everConnected && connected && !closed) handlers.onReset()
    everConnected = true
  }
  const again = () => {
    if (closed) return
    const delay = Math.random() * Math.min(MAX_BACKOFF_MILLIS, 100 * 2 ** failures++)
    retry = setTimeout(connect, delay)
  }
  const connect = () => {
    // the socket's SDK is loaded only where somebody listens
    Promise.all([connectUrl(), import("./socket.ts")]).then(
      ([url, { openSocket }]) => {
        if (closed) return
        let recovering = false
        const mine = openSocket(url, {
          onConnected: () => void onConnected(),
          onFrame: (frame, group) => handlers.onFrame(group, frame),
          onAlive: () => void (lastSign = Date.now()),
          onEnded: (message) => {
            if (mine !== socket || closed) return
            // A recovery that does not even connect is not tried twice.
            recovering = (connected || !recovering) && mine.recover()
            connected = false
            if (!recovering) {
              first.reject(new Error(message))
              again()
            }
          }
        })
        socket = mine
      },
      (cause: unknown) => {
        first.reject(cause)
        again()
      }
    )
  }
  const watch = setInterval(() => {
    if (!connected) return
    if (Date.now() - lastSign < SILENCE_MILLIS) return socket?.ping()
    connected = false
    socket?.close()
    socket = undefined
    connect()
  }, PING_MILLIS)
  watch.unref()

  const close = () => {
    closed = true
    connected = false
    clearInterval(watch)
    clearTimeout(retry)
    socket?.close()
    for (const entry of wanted.values()) entry.joined.reject(new Error("the subscription is closed"))
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
      if (known !== undefined) return known.joined.promise
      const entry: Wanted = { joined: Promise.withResolvers() }
      entry.joined.promise.catch(() => {})
      wanted.set(group, entry)
      void joinNow(group, entry)
      return entry.joined.promise
    },
    leave: async (group) => {
      const entry = wanted.get(group)
      if (entry === undefined) return
      wanted.delete(group)
      entry.joined.reject(new Error("left before it was joined"))
      if (connected) await socket?.client.leaveGroup(group, { ackId: nextAckId++ }).catch(() => {})
    },
    close
  }
}
