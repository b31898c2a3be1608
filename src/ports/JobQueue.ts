/**
 * The port of a job queue: hand a run to some worker, at least once.
 *
 * A job is a hint. Whether the run still waits for this epoch is decided by the log when it is taken, so a lost
 * job is enqueued again by the sweeper, and a doubled or late one is refused and deleted. PROTOCOL.md#jobs
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Encoded as JSON, below 1 KiB. */
export const Job = Schema.Struct({
  thread: Schema.String,
  run: Schema.String,
  /** The epoch that taking it begins. */
  epoch: Schema.Int
})
export type Job = typeof Job.Type

/** A job handed to this worker for a while. */
export interface Delivery {
  /** As it was enqueued; not validated. */
  readonly job: unknown
  /** 1 at the first delivery. */
  readonly attempt: number
  /** Deletes it. */
  readonly complete: Effect.Effect<void, QueueError>
  /** Gives it back, to be delivered again after the delay. */
  readonly release: (delayMillis: number) => Effect.Effect<void, QueueError>
  /** Keeps it hidden from others for this long from now. */
  readonly extend: (millis: number) => Effect.Effect<void, QueueError>
}
/** The queue did not answer. Enqueue again is safe: a doubled job is refused when it is taken. */
export class QueueError extends Schema.TaggedError<QueueError>()("QueueError", {
  operation: Schema.Literals(["enqueue", "receive", "complete", "release", "extend"]),
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.operation}: the queue did not answer`
  }
}
export interface JobQueueService {
  readonly name: string
  readonly enqueue: (job: Job) => Effect.Effect<void, QueueError>
  /**
   * Waits for up to `limit` jobs, hidden from others for `visibleAfterMillis`; may answer an empty list after a
   * while. Absent where the host delivers jobs itself.
   */
  readonly receive?: (options: {
    readonly limit: number
    readonly visibleAfterMillis: number
  }) => Effect.Effect<readonly Delivery[], QueueError>
}
export class JobQueue extends Context.Service<JobQueue, JobQueueService>()("throughline/ports/JobQueue") {}
