/**
 * A server process that listens: one socket with a worker's ticket, kept up for as long as its scope.
 *
 * Socket.IO's client connects anew after a cut, with a fresh ticket each time; the groups are then joined again, and a
 * reset is reported, because frames may have been missed.
 */
import * as Effect from "effect/Effect"
import type { Socket } from "socket.io-client"
import { messageOf, unavailable } from "../../../src/gateway/errors.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { addressOf, MAX_GROUPS, type FromClient, type FromGateway } from "./wire.ts"

type Subscribe = NonNullable<GatewayService["subscribe"]>
interface Line {
  readonly join: (group: string) => Promise<void>
  readonly leave: (group: string) => void
  readonly close: () => void
}
/** For the first connection, and for each join. */
const WITHIN_MILLIS = 10_000
const PAUSE_MILLIS = 1_000
/** As many names as surely fit into one message. */
const GROUPS_AT_ONCE = 500

const failed = (cause: unknown) => unavailable("subscribe", messageOf(cause))
const loadClient = () => import("socket.io-client")

/** `ticket` makes a fresh worker's token. */
export const makeSubscribe =
  (url: string, ticket: () => Promise<string>, load = loadClient): Subscribe =>
  (handlers) =>
    Effect.acquireRelease(
      Effect.tryPromise({ try: (interrupted) => open(url, ticket, load, handlers, interrupted), catch: failed }),
      (line) => Effect.sync(line.close)
    ).pipe(
      Effect.map((line) => ({
        join: (group) => Effect.tryPromise({ try: () => line.join(group), catch: failed }),
        leave: (group) => Effect.sync(() => line.leave(group))
      }))
    )

const open = async (
  url: string,
  ticket: () => Promise<string>,
  load: typeof loadClient,
  handlers: Parameters<Subscribe>[0],
  interrupted: AbortSignal
): Promise<Line> => {
  const { io } = await load().catch(() => {
    throw new Error("listening needs: npm install socket.io-client")
  })
  /** Groups that somebody wants; each settles at its first confirmed join. */
  const wanted = new Map<string, PromiseWithResolvers<void>>()
  const first = Promise.withResolvers<void>()
  const { path, uri } = addressOf(url)
  const socket: Socket<FromGateway, FromClient> = io(uri, {
    path,
    transports: ["websocket"],
    forceNew: true,
    timeout: WITHIN_MILLIS,
    reconnectionDelay: 100,
    reconnectionDelayMax: 5_000,
    auth: (give) =>
      void ticket().then(
        (token) => give({ token }),
        () => give({})
      )
  })
  let wasOpen = false
  let closed = false
  let pause: ReturnType<typeof setTimeout> | undefined

  /** After what the vendor's client takes for an end: a refusal, or the gateway's goodbye. */
  const again = () => {
    clearTimeout(pause)
    if (!closed) pause = setTimeout(() => socket.disconnect().connect(), PAUSE_MILLIS)
  }
  /** Answers whether they are joined; if not, they are at the next connection. */
  const send = async (groups: readonly string[]): Promise<boolean> => {
    try {
      for (let at = 0; at < groups.length; at += GROUPS_AT_ONCE) {
        const some = groups.slice(at, at + GROUPS_AT_ONCE)
        const answer = await socket.timeout(WITHIN_MILLIS).emitWithAck("join", some)
        if (!answer.ok) throw new Error(answer.problem)
        for (const group of some) wanted.get(group)?.resolve()
      }
      return true
    } catch {
      if (socket.connected) again()
      return false
    }
  }
  socket.on("open", () => {
    void send([...wanted.keys()]).then((joined) => {
      if (!joined || closed) return
      if (wasOpen) handlers.onReset()
      wasOpen = true
      first.resolve()
    })
  })
  socket.on("frame", (frame, group) => {
    if (wanted.has(group)) handlers.onFrame(group, frame)
  })
  socket.on("connect_error", (cause) => {
    first.reject(cause)
    if (!socket.active) again()
  })
  socket.on("disconnect", () => {
    if (!socket.active) again()
  })
  const close = () => {
    closed = true
    clearTimeout(pause)
    socket.disconnect()
    for (const joined of wanted.values()) joined.reject(new Error("the subscription is closed"))
    wanted.clear()
  }
  const timer = setTimeout(() => first.reject(new Error(`no connection within ${WITHIN_MILLIS} ms`)), WITHIN_MILLIS)
  interrupted.addEventListener("abort", () => first.reject(new Error("interrupted")))
  try {
    await first.promise
  } catch (cause) {
    close()
    throw cause
  } finally {
    clearTimeout(timer)
  }

  const leave = (group: string, why = "left before it was joined") => {
    const joined = wanted.get(group)
    if (joined === undefined) return
    wanted.delete(group)
    joined.reject(new Error(why))
    if (socket.connected) socket.emit("leave", group)
  }
  return {
    join: (group) => {
      const known = wanted.get(group)
      if (known !== undefined) return known.promise
      if (closed) return Promise.reject(new Error("the subscription is closed"))
      if (wanted.size >= MAX_GROUPS) return Promise.reject(new Error(`more than ${MAX_GROUPS} groups`))
      const joined = Promise.withResolvers<void>()
      wanted.set(group, joined)
      if (socket.connected) void send([group])
      const late = setTimeout(() => leave(group, `not joined within ${WITHIN_MILLIS} ms`), WITHIN_MILLIS)
      return joined.promise.finally(() => clearTimeout(late))
    },
    leave,
    close
  }
}
