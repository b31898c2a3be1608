/**
 * Works through a queue, for hosts that do not deliver jobs themselves: a Node process, a container.
 *
 * A job stays hidden from others while it is worked on. One that came too often is deleted: its run is in the log
 * with a `due`, so the sweeper ends it or hands it out again. PROTOCOL.md#jobs
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Delivery, JobQueueService } from "../ports/JobQueue.ts"
import type { AgentServices } from "./AgentServices.ts"
import { sweep } from "./sweep.ts"
import { work } from "./worker.ts"

const VISIBLE_MILLIS = 30_000
const RELEASE_MILLIS = 1_000
const MAX_ATTEMPTS = 10
const SWEEP_MILLIS = 5_000

/** How long runs have to end or to suspend when the process lets go of them. */
const DRAIN_MILLIS = 10_000

/**
 * Never ends; interrupt it to stop. It takes no more jobs then, and its runs suspend at their next recorded call, to go
 * on in another process; what did neither end nor suspend in time is left to the sweeper.
 */
export const consume = (
  services: AgentServices,
  receive: NonNullable<JobQueueService["receive"]>,
  options: { readonly concurrency: number }
): Effect.Effect<never> =>
  Effect.gen(function* () {
    const slots = yield* Semaphore.make(options.concurrency)
    const jobs = yield* Scope.make()
    const working = new Set<Fiber.Fiber<void>>()
    const takeOne = Effect.gen(function* () {
      // wait for one free slot, then take one job; more are taken by the next turns
      yield* slots.take(1)
      const deliveries = yield* receive({ limit: 1, visibleAfterMillis: VISIBLE_MILLIS }).pipe(
        Effect.catch((error) =>
          Effect.andThen(
            Effect.logWarning(error.message),
            Effect.as(Effect.sleep(RELEASE_MILLIS), [] as readonly Delivery[])
          )
        )
      )
      const delivery = deliveries[0]
      if (delivery === undefined) return yield* slots.release(1)
      const fiber = yield* Effect.forkIn(Effect.ensuring(workOn(services, delivery), slots.release(1)), jobs)
      working.add(fiber)
      fiber.addObserver(() => working.delete(fiber))
      return undefined
    })
    const drain = Effect.suspend(() => {
      services.drain()
      return Effect.ignore(Effect.timeout(Effect.forEach([...working], Fiber.await), DRAIN_MILLIS))
    })
    const sweeping = Effect.forkScoped(sweepNowAndThen(services))
    return yield* Effect.scoped(Effect.andThen(sweeping, Effect.forever(takeOne))).pipe(
      Effect.ensuring(Effect.andThen(drain, Scope.close(jobs, Exit.void)))
    )
  })

const sweepNowAndThen = (services: AgentServices) =>
  Effect.catch(sweep(services), (error) => Effect.logWarning(`sweep: ${error.message}`)).pipe(
    Effect.repeat(Schedule.spaced(SWEEP_MILLIS))
  )

const workOn = (services: AgentServices, delivery: Delivery): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (delivery.attempt > MAX_ATTEMPTS) {
      yield* Effect.logError(`a job came ${delivery.attempt} times and is deleted`, delivery.job)
      return yield* Effect.ignore(delivery.complete)
    }
    const keepHidden = Effect.ignore(delivery.extend(VISIBLE_MILLIS)).pipe(
      Effect.delay(VISIBLE_MILLIS / 3),
      Effect.forever
    )
    const worked = Effect.matchEffect(work(services, delivery.job), {
      onSuccess: () => delivery.complete,
      onFailure: (error) => Effect.andThen(Effect.logWarning(`job: ${error.message}`), delivery.release(RELEASE_MILLIS))
    })
    yield* Effect.ignore(Effect.raceFirst(worked, keepHidden))
  }).pipe(Effect.catchDefect((defect) => Effect.logError("a job failed", defect)))
