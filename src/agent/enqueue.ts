/**
 * Append first, enqueue second: a job that is lost here is enqueued again by the sweeper, because the run's `due`
 * is already in the log. PROTOCOL.md#jobs
 */
import * as Effect from "effect/Effect"
import type { JobQueueService } from "../ports/JobQueue.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import type { CommandAnswer } from "../thread/command.ts"

export const enqueueAnswered = (
  queue: JobQueueService,
  thread: ThreadKey,
  answer: CommandAnswer
): Effect.Effect<void> => {
  const jobs = "enqueue" in answer ? (answer.enqueue ?? []) : []
  return Effect.forEach(
    jobs,
    (job) =>
      queue
        .enqueue({ thread, ...job })
        .pipe(Effect.catch((error) => Effect.logWarning(`${error.message}; the sweeper will enqueue run ${job.run}`))),
    { discard: true }
  )
}
