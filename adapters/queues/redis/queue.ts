/**
 * A job queue in a Redis server, by the server's clock. Any number of processes share it.
 *
 * A waiting `receive` hears of a new job on a connection of its own, and looks by itself when one becomes visible,
 * and once a second because what is only heard may be missed. Only a job's newest receipt may complete it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { JobQueue, QueueError } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService } from "../../../src/ports/JobQueue.ts"
import { checkUrl, openConnection } from "./connection.ts"
import type { Connection } from "./connection.ts"
import { COMPLETE, ENQUEUE, HIDE, TAKE } from "./scripts.ts"

export interface RedisQueueOptions {
  /** `redis://user:password@host:6379/0`; `rediss://` with TLS. A primary, or what always leads to it. */
  readonly url: string
  /** Begins every key and the channel, without braces. Default `throughline:`. */
  readonly prefix?: string
  /** How long one command may take. Default 10,000. */
  readonly timeoutMillis?: number
}
/** Longest that `receive` waits before it answers an empty list. */
const WAIT_MILLIS = 1_000

/** Those who wait for a job, and how often they were called. */
const makeBell = () => {
  const listeners = new Set<() => void>()
  let rung = 0
  return {
    rung: () => rung,
    ring: (): void => {
      rung += 1
      const all = [...listeners]
      listeners.clear()
      for (const listener of all) listener()
    },
    /** Waits until it rings, or has since it had rung `seen` times. */
    after: (seen: number): Effect.Effect<void> =>
      Effect.callback<void>((resume) => {
        const listener = () => resume(Effect.void)
        if (rung !== seen) return listener()
        listeners.add(listener)
        return Effect.sync(() => void listeners.delete(listener))
      })
  }
}
type Bell = ReturnType<typeof makeBell>

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
const namesOf = (prefix: string) => {
  // One hash tag: in a cluster all lie in one slot.
  const name = (what: string): string => `${prefix}{jobs}:${what}`
  const keys = [name("jobs"), name("times"), name("tries")]
  return { keys, numbers: name("numbers"), channel: name("new") }
}

const make = ({ run }: Connection, bell: Bell, { channel, keys, numbers }: ReturnType<typeof namesOf>) => {
  const attempt = (operation: QueueError["operation"], script: string, names: readonly string[], args: unknown[]) =>
    Effect.tryPromise({
      try: () => run(script, names, args.map(String)),
      catch: (cause) => new QueueError({ operation, cause })
    })
  const delivery = (id: string, receipt: number, body: string): Delivery => {
    const hide = (operation: "release" | "extend", tell: string) => (millis: number) =>
      Effect.asVoid(attempt(operation, HIDE, keys, [id, receipt, millis, tell]))
    return {
      job: parsed(body),
      attempt: receipt,
      complete: Effect.asVoid(attempt("complete", COMPLETE, keys, [id, receipt])),
      release: hide("release", channel),
      extend: hide("extend", "")
    }
  }
  return JobQueue.of({
    name: "redis",
    enqueue: (job) => Effect.asVoid(attempt("enqueue", ENQUEUE, [...keys, numbers], [JSON.stringify(job), channel])),
    receive: Effect.fnUntraced(function* ({ limit, visibleAfterMillis }) {
      const until = (yield* Clock.currentTimeMillis) + WAIT_MILLIS
      for (;;) {
        const seen = bell.rung()
        const reply = yield* attempt("receive", TAKE, keys, [limit, visibleAfterMillis])
        const [taken, nextMillis] = reply as [(string | number)[], number]
        const deliveries = taken.flatMap((id, n) =>
          n % 3 === 0 ? [delivery(String(id), Number(taken[n + 1]), String(taken[n + 2]))] : []
        )
        const left = until - (yield* Clock.currentTimeMillis)
        if (deliveries.length > 0 || left <= 0) return deliveries
        yield* Effect.race(bell.after(seen), Effect.sleep(nextMillis < 0 ? left : Math.min(left, nextMillis)))
      }
    })
  } satisfies JobQueueService)
}

/**
 * A queue in a Redis server, connected when the layer is built; fails to build where the server does not answer.
 * Throws a `TypeError` for what cannot be a URL or a prefix.
 */
export const redisQueue = (options: RedisQueueOptions): Layer.Layer<JobQueue, QueueError> => {
  const { prefix = "throughline:", timeoutMillis = 10_000, url } = options
  checkUrl(url)
  if (/[{}]/.test(prefix)) throw new TypeError("prefix must not contain braces: they choose the slot of a key")
  const names = namesOf(prefix)
  return Layer.effect(
    JobQueue,
    Effect.suspend(() => {
      const bell = makeBell()
      const open = Effect.tryPromise({
        try: () => openConnection(url, timeoutMillis, names.channel, bell.ring),
        catch: (cause) => new QueueError({ operation: "receive", cause })
      })
      return Effect.map(
        Effect.acquireRelease(open, (connection) => Effect.sync(() => connection.close())),
        (connection) => make(connection, bell, names)
      )
    })
  )
}
