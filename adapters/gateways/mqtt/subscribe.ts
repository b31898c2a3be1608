/**
 * A server process that listens, as a client of the broker: one connection, kept up for as long as its scope.
 *
 * After a cut it subscribes to its groups again and then reports a reset, because frames may have been missed.
 */
import * as Effect from "effect/Effect"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError } from "../../../src/ports/GatewayError.ts"
import { keepUp } from "./keepUp.ts"
import type { Line, LineOptions } from "./line.ts"
import { reasonOf } from "./reasons.ts"
import type { topics } from "./wire.ts"

const fail = (cause: unknown) => new GatewayError({ operation: "subscribe", reason: reasonOf(cause) })

export const makeSubscribe =
  (
    open: (onMessage: NonNullable<LineOptions["onMessage"]>) => Promise<Line>,
    topicOf: ReturnType<typeof topics>["group"],
    timeoutMillis: number
  ): NonNullable<GatewayService["subscribe"]> =>
  (handlers) =>
    Effect.acquireRelease(
      Effect.tryPromise({ try: () => listen(open, topicOf, timeoutMillis, handlers), catch: fail }),
      (inbox) => Effect.sync(inbox.close)
    ).pipe(
      Effect.map(({ join, leave }) => ({
        join: (group) => Effect.tryPromise({ try: () => join(group), catch: fail }),
        leave: (group) => Effect.sync(() => leave(group))
      }))
    )

const listen = async (
  open: (onMessage: NonNullable<LineOptions["onMessage"]>) => Promise<Line>,
  topicOf: (group: string) => string,
  timeoutMillis: number,
  handlers: { readonly onFrame: (group: string, frame: string) => void; readonly onReset: () => void }
) => {
  /** By topic. Each settles when it is first subscribed to. */
  const wanted = new Map<string, { readonly group: string; readonly joined: PromiseWithResolvers<void> }>()
  let closed = false
  const kept = await keepUp(
    () =>
      open((topic, frame) => {
        const group = wanted.get(topic)?.group
        if (group !== undefined && !closed) handlers.onFrame(group, frame)
      }),
    async (line, isFirst) => {
      const joining = [...wanted]
      if (joining.length > 0) await line.subscribe(joining.map(([topic]) => topic))
      for (const [, { joined }] of joining) joined.resolve()
      if (!isFirst) handlers.onReset()
    }
  )
  const drop = (topic: string, problem: unknown) => {
    wanted.get(topic)?.joined.reject(problem)
    wanted.delete(topic)
  }
  return {
    join: async (group: string) => {
      if (closed) throw new Error("the subscription is closed")
      const topic = topicOf(group)
      const known = wanted.get(topic)
      if (known !== undefined) return known.joined.promise
      const joined = Promise.withResolvers<void>()
      wanted.set(topic, { group, joined })
      const timer = setTimeout(() => drop(topic, new Error(`not joined within ${timeoutMillis} ms`)), timeoutMillis)
      // a line that breaks meanwhile is followed by another, which subscribes to all that is wanted
      const line = kept.line()
      line?.subscribe([topic]).then(joined.resolve, (cause) => line.isOpen() && drop(topic, cause))
      return joined.promise.finally(() => clearTimeout(timer))
    },
    leave: (group: string) => {
      const topic = topicOf(group)
      drop(topic, new Error("left before it was joined"))
      kept.line()?.unsubscribe(topic)
    },
    close: () => {
      closed = true
      kept.close()
      for (const topic of [...wanted.keys()]) drop(topic, new Error("the subscription is closed"))
    }
  }
}
