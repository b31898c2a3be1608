/**
 * A job queue in this process's memory: for tests, benchmarks and programs of one process.
 *
 * Jobs are delivered oldest first; a delivered job that is neither completed nor released comes back when its
 * time is over. A job lost with the process is enqueued again by the sweeper, because the log still names it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { JobQueue } from "../../../src/ports/JobQueue.ts"
import type { Delivery, Job, JobQueueService } from "../../../src/ports/JobQueue.ts"

interface Waiting {
  readonly job: Job
  visibleAt: number
  attempts: number
  /** Grows with each delivery, so that an earlier holder can no longer complete the job. */
  receipt: number
}
/** Longest that `receive` waits before it answers an empty list. */
const WAIT_MILLIS = 1_000

const make = (): JobQueueService => {
  const waiting = new Set<Waiting>()
  const wakers = new Set<() => void>()
  /** Counts what could make a job visible, so that nothing between a look and a wait is missed. */
  let changes = 0
  const wake = (): void => {
    changes += 1
    for (const waker of [...wakers]) waker()
  }
  const delivery = (entry: Waiting): Delivery => {
    const receipt = entry.receipt
    const ifHeld = (work: (now: number) => void): Effect.Effect<void> =>
      Clock.clockWith((clock) => {
        if (entry.receipt === receipt && waiting.has(entry)) work(clock.currentTimeMillisUnsafe())
        return Effect.void
      })
    return {
      job: entry.job,
      attempt: entry.attempts,
      complete: ifHeld(() => waiting.delete(entry)),
      release: (delayMillis) =>
        ifHeld((now) => {
          entry.visibleAt = now + delayMillis
          entry.receipt += 1
          wake()
        }),
      extend: (millis) => ifHeld((now) => (entry.visibleAt = now + millis))
    }
  }
  const take = (now: number, limit: number, hideMillis: number): readonly Delivery[] => {
    const taken: Delivery[] = []
    for (const entry of waiting) {
      if (taken.length === limit) break
      if (entry.visibleAt > now) continue
      entry.visibleAt = now + hideMillis
      entry.attempts += 1
      entry.receipt += 1
      taken.push(delivery(entry))
    }
    return taken
  }
  /** Until a job was enqueued or released since `seen` was taken; the caller bounds it in time. */
  const changeSince = (seen: number): Effect.Effect<void> =>
    Effect.callback((resume) => {
      if (changes !== seen) return resume(Effect.void)
      const waker = (): void => {
        wakers.delete(waker)
        resume(Effect.void)
      }
      wakers.add(waker)
      return Effect.sync(() => wakers.delete(waker))
    })
  const nextVisible = (now: number): number => {
    let next = now + WAIT_MILLIS
    for (const { visibleAt } of waiting) if (visibleAt < next) next = visibleAt
    return Math.max(1, next - now)
  }
  return {
    name: "memory",
    enqueue: (job) =>
      Effect.sync(() => {
        waiting.add({ job, visibleAt: 0, attempts: 0, receipt: 0 })
        wake()
      }),
    receive: Effect.fnUntraced(function* ({ limit, visibleAfterMillis }) {
      const until = (yield* Clock.currentTimeMillis) + WAIT_MILLIS
      for (;;) {
        const seen = changes
        const now = yield* Clock.currentTimeMillis
        const taken = take(now, limit, visibleAfterMillis)
        if (taken.length > 0 || now >= until) return taken
        yield* Effect.race(changeSince(seen), Effect.sleep(Math.min(nextVisible(now), until - now)))
      }
    })
  }
}

/** A queue that lives as long as this process. */
export const memoryQueue = (): Layer.Layer<JobQueue> => Layer.sync(JobQueue, make)
