/**
 * Looks after runs whose time has come: lost workers, lost jobs, deadlines, expiries. PROTOCOL.md#due
 *
 * Any process may sweep, any number at once: what is decided is decided by the log. Call it every 15 s.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import type { CommandAnswer, Enqueue } from "../thread/command.ts"
import { decodeControl } from "../thread/decide.ts"
import { FAR_MILLIS } from "../thread/transitions.ts"
import type { AgentServices } from "./AgentServices.ts"
import { enqueueAnswered } from "./enqueue.ts"

/** How many threads are asked for first; twice as many whenever that many were due. */
const FIRST_PAGE = 500
/** No more are asked for: what is due after so many others waits until some of them are done. */
const MOST_THREADS = 64_000

export interface Swept {
  /** Runs that were handed to a worker again. */
  readonly enqueued: number
  /** Runs that were ended. */
  readonly ended: number
}
export const sweep = Effect.fn("throughline.sweep")(function* (services: AgentServices) {
  const { log } = services
  let enqueued = 0
  let ended = 0
  const [first] = yield* log.due(FAR_MILLIS, 1)
  if (first === undefined) return { enqueued, ended } satisfies Swept as Swept
  // what is due is so by the store's clock, which a head tells; this process's own may be wrong by days
  const own = Clock.currentTimeMillis
  const now = yield* Effect.matchEffect(log.head(first), {
    onSuccess: (head) => Effect.succeed(head.now),
    onFailure: () => own
  })
  const seen = new Set<ThreadKey>()
  for (let limit = FIRST_PAGE; limit <= MOST_THREADS; limit *= 2) {
    const due = yield* log.due(now, limit)
    for (const thread of due) {
      // what waits or is damaged stays due, and is named first again
      if (seen.has(thread)) continue
      seen.add(thread)
      // a damaged thread does not keep the others from being looked after
      const swept = yield* Effect.catchCause(sweepThread(services, thread), (cause) =>
        Effect.as(Effect.logError(`thread ${thread} cannot be swept`, cause), { enqueued: 0, ended: 0 })
      )
      enqueued += swept.enqueued
      ended += swept.ended
    }
    if (due.length < limit) break
  }
  return { enqueued, ended } satisfies Swept as Swept
})

/** Without jobs that were handed out lately: workers that are busy would find one more of them with every sweep. */
const withoutRecent = (answer: CommandAnswer, isDue: (job: Enqueue) => boolean) => ({
  ...answer,
  enqueue: "enqueue" in answer ? (answer.enqueue ?? []).filter(isDue) : []
})

const sweepThread = Effect.fnUntraced(function* (services: AgentServices, thread: ThreadKey) {
  const { handedOut, log, queue, writers } = services
  let enqueued = 0
  let ended = 0
  const head = yield* log.head(thread)
  const late = decodeControl(head.control).runs.filter((run) => run.due <= head.now)
  for (const { id } of late) {
    const outcome = yield* writers.get(thread).submit({ type: "sweep", run: id })
    if (!outcome.ok) continue
    if (outcome.offset > 0) ended++
    const answer = withoutRecent(outcome.answer, (job) =>
      handedOut.again(`${thread}/${job.run}/${job.epoch}`, head.now)
    )
    enqueued += answer.enqueue?.length ?? 0
    yield* enqueueAnswered(queue, thread, answer)
  }
  return { enqueued, ended }
})
