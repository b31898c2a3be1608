/** What every job queue must do, as tests under vitest. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { expect, it } from "vitest"
import { JobQueue } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService, QueueError } from "../../../src/ports/JobQueue.ts"

const HIDE_MILLIS = 1_000
const LIMIT = { limit: 10, visibleAfterMillis: HIDE_MILLIS }
export const job = (run: string) => ({ thread: "main/é\u2028\ud800<&>", run, epoch: 1 })
export const runsOf = (deliveries: readonly Delivery[]) =>
  deliveries.map((delivery) => (delivery.job as { readonly run: string }).run)

const receive = (queue: JobQueueService): Effect.Effect<readonly Delivery[], QueueError> =>
  queue.receive?.(LIMIT) ?? Effect.die(new Error("this queue cannot receive"))
/** Receives until something comes. */
export const next = (queue: JobQueueService): Effect.Effect<readonly Delivery[], QueueError> =>
  Effect.flatMap(receive(queue), (found) => (found.length > 0 ? Effect.succeed(found) : next(queue)))

/** What every queue does: one test per case, each with a queue of its own. */
export const behaves = (open: () => Layer.Layer<JobQueue, QueueError>): void => {
  const test = (name: string, body: (queue: JobQueueService) => Effect.Effect<void, QueueError>) =>
    it(name, () => Effect.runPromise(Effect.provide(JobQueue.use(body), Layer.fresh(open()))))

  test(
    "jobs come as they were enqueued, hidden from others until they are completed",
    Effect.fnUntraced(function* (queue) {
      yield* queue.enqueue(job("a"))
      yield* queue.enqueue(job("b"))
      const found = yield* next(queue)
      expect(found.map((delivery) => delivery.job)).toEqual([job("a"), job("b")])
      expect(found.map((delivery) => delivery.attempt)).toEqual([1, 1])
      yield* queue.enqueue(job("c"))
      const others = yield* next(queue)
      expect(runsOf(others)).toEqual(["c"])
      for (const delivery of [...found, ...others]) yield* delivery.complete
    })
  )
  test(
    "a job that is not completed in time is delivered again, and its first holder cannot complete it",
    Effect.fnUntraced(function* (queue) {
      yield* queue.enqueue(job("again"))
      const [first] = yield* next(queue)
      const [second] = yield* next(queue)
      expect([first?.attempt, second?.attempt, second?.job]).toEqual([1, 2, job("again")])
      yield* first!.complete
      yield* second!.release(0)
      const [third] = yield* next(queue)
      expect(third?.attempt).toBe(3)
      yield* third!.complete
      yield* third!.complete
    })
  )
  test(
    "extending keeps a job hidden longer, releasing gives it back",
    Effect.fnUntraced(function* (queue) {
      yield* queue.enqueue(job("held"))
      const [held] = yield* next(queue)
      yield* held!.extend(60_000)
      yield* Effect.sleep(HIDE_MILLIS + 300)
      yield* queue.enqueue(job("other"))
      const others = yield* next(queue)
      expect(runsOf(others)).toEqual(["other"])
      yield* others[0]!.complete
      yield* held!.release(0)
      const back = yield* next(queue)
      expect(runsOf(back)).toEqual(["held"])
      yield* back[0]!.complete
    })
  )
  test(
    "a waiting receive can be interrupted, and gets what is enqueued while it waits",
    Effect.fnUntraced(function* (queue) {
      const interrupted = yield* Effect.forkChild(receive(queue))
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(interrupted)
      const waiting = yield* Effect.forkChild(next(queue))
      yield* Effect.sleep(20)
      yield* queue.enqueue(job("late"))
      const found = yield* Fiber.join(waiting)
      expect(runsOf(found)).toEqual(["late"])
      yield* found[0]!.complete
    })
  )
  test(
    "two receivers never hold the same delivery",
    Effect.fnUntraced(function* (queue) {
      const names = Array.from({ length: 20 }, (_, n) => `run-${n}`)
      for (const name of names) yield* queue.enqueue(job(name))
      const got: string[] = []
      const drain = Effect.fnUntraced(function* () {
        while (got.length < names.length) {
          for (const delivery of yield* receive(queue)) {
            yield* delivery.complete
            got.push(...runsOf([delivery]))
          }
        }
      })
      // The one that gets the last job ends; the other may be waiting for more.
      yield* Effect.race(drain(), drain())
      expect(got.sort()).toEqual(names.sort())
    })
  )
}
