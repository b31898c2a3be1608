/** The job queue of a schedule: at least once as it promises, and worse where a fault strikes. */
import * as Exit from "effect/Exit"
import { QueueError, type Delivery, type Job, type JobQueueService } from "../../src/ports/JobQueue.ts"
import type { Faults } from "./faults.ts"
import type { Io } from "./process.ts"
import type { Chance, World } from "./world.ts"

interface Waiting {
  readonly job: Job
  visibleAt: number
  attempts: number
  /** Grows with each delivery, so that an earlier holder can no longer complete the job. */
  receipt: number
}
export interface Queue {
  readonly queueFor: (io: Io) => JobQueueService
}
/** How long who asks waits for a job before the empty answer. */
const POLL_MILLIS = 30_000

export const createQueue = (world: World, faults: Faults, latency: Chance): Queue => {
  const jobs = new Set<Waiting>()
  const takers = new Set<() => void>()
  const half = () => latency.between(0.5, 4)
  const offer = (job: Job, millis: number) => {
    jobs.add({ job, visibleAt: world.now() + millis, attempts: 0, receipt: 0 })
    world.after(undefined, millis, wake)
  }
  const wake = () => {
    for (const taker of [...takers]) taker()
  }
  const queueFor = (io: Io): JobQueueService => {
    const tell = (operation: QueueError["operation"], work: () => void) =>
      io.call<void, QueueError>(`queue ${operation}`, (answer) => {
        const fails = faults.strikes("queue unavailable")
        world.after(undefined, half(), () => {
          if (!fails) work()
          answer(fails ? Exit.fail(new QueueError({ operation, cause: "simulated" })) : Exit.void, half())
        })
      })
    const deliveryOf = (entry: Waiting): Delivery => {
      const { receipt } = entry
      const held = (work: () => void) => () => {
        if (entry.receipt === receipt && jobs.has(entry)) work()
      }
      return {
        job: entry.job,
        attempt: entry.attempts,
        complete: tell(
          "complete",
          held(() => jobs.delete(entry))
        ),
        release: (millis) =>
          tell(
            "release",
            held(() => {
              entry.visibleAt = world.now() + millis
              entry.receipt++
              world.after(undefined, millis, wake)
            })
          ),
        extend: (millis) =>
          tell(
            "extend",
            held(() => {
              entry.visibleAt = world.now() + millis
            })
          )
      }
    }
    return {
      name: "simulated",
      enqueue: (job) =>
        tell("enqueue", () => {
          if (faults.strikes("job lost")) return
          offer(job, faults.strikes("job late") ? latency.between(100, 20_000) : 0)
          if (faults.strikes("job doubled")) offer(job, latency.between(0, 5_000))
        }),
      receive: ({ visibleAfterMillis }) =>
        io.call("queue receive", (answer) => {
          const give = (deliveries: readonly Delivery[]) => {
            takers.delete(take)
            timeout.run = undefined
            answer(Exit.succeed(deliveries), half())
          }
          const take = () => {
            if (io.party.state === "dead") return void takers.delete(take)
            for (const entry of jobs) {
              if (entry.visibleAt > world.now()) continue
              entry.visibleAt = world.now() + visibleAfterMillis
              entry.attempts++
              entry.receipt++
              // if nobody completes it, it comes back
              world.after(undefined, visibleAfterMillis, wake)
              return give([deliveryOf(entry)])
            }
          }
          const timeout = world.after(undefined, POLL_MILLIS, () => give([]))
          takers.add(take)
          world.after(undefined, half(), take)
        })
    } satisfies JobQueueService
  }
  return { queueFor }
}
