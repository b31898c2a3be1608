/**
 * Works on one job: takes the run under the job's epoch and executes it to its end. PROTOCOL.md#jobs
 *
 * A job that is late, doubled or malformed takes nothing: it is answered and may be deleted. Fails only when the
 * log cannot be asked; then the job should come again.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fault } from "../protocol/Fault.ts"
import { Job } from "../ports/JobQueue.ts"
import type { AgentServices } from "./AgentServices.ts"
import { enqueueAnswered } from "./enqueue.ts"
import { execute } from "./execute.ts"
import { readNotes, readStart } from "./readStart.ts"
import { persist } from "../writer/settle.ts"

export type Worked =
  | { readonly type: "finished"; readonly outcome: "completed" | "cancelled" | "failed" }
  /** The run waits for people, or goes on in another job; this process holds nothing of it. */
  | { readonly type: "suspended" }
  /** Another worker has the run, or it has ended. */
  | { readonly type: "fenced" }
  /** Nothing to do: `why` is a fault's code. */
  | { readonly type: "skipped"; readonly why: string }

const never = () => false
const decodeJob = Schema.decodeUnknownOption(Job)

export const work = Effect.fn("throughline.work")(function* (
  services: AgentServices,
  rawJob: unknown,
  options?: { readonly hostMillis?: number | undefined }
) {
  const decoded = decodeJob(rawJob)
  if (decoded._tag === "None") {
    yield* Effect.logWarning("a job that is not one of ours was skipped")
    return { type: "skipped", why: "BAD_SHAPE" } satisfies Worked as Worked
  }
  const { epoch, run, thread } = decoded.value
  yield* Effect.annotateCurrentSpan({ run, epoch })
  return yield* Effect.scoped(
    Effect.gen(function* () {
      // join first, then read the head: what is appended in between is not missed
      yield* services.writers.listen(thread)
      const writer = services.writers.get(thread)
      const taken = yield* writer.submit({ type: "take", run, epoch })
      if (!taken.ok) {
        if (taken.fault.retryable) return yield* Effect.fail(taken.fault)
        return { type: "skipped", why: taken.fault.code } satisfies Worked as Worked
      }
      yield* enqueueAnswered(services.queue, thread, taken.answer)
      if (taken.answer.type !== "taken") return { type: "skipped", why: "RUN_TERMINAL" } satisfies Worked as Worked
      // the run is ours from here on, and its job would not be taken again: wait for the log
      const start = yield* persist(readStart(services.log, thread, run), never)
      const agent = start === undefined ? undefined : services.agents.get(start.accepted.agent)
      if (start === undefined || agent === undefined) {
        const missing = start === undefined ? "its beginning is no longer in the log" : "no worker here knows its agent"
        yield* Effect.promise(() => endUnknown(services, thread, run, epoch, missing))
        return { type: "skipped", why: "NOT_FOUND" } satisfies Worked as Worked
      }
      const notes = epoch === 1 ? [] : yield* persist(readNotes(services.log, thread, run), never)
      const outcome = yield* Effect.promise(() =>
        execute(services, agent, { thread, run, epoch, start, notes, hostMillis: options?.hostMillis })
      )
      return (typeof outcome === "string"
        ? { type: outcome }
        : { type: "finished", outcome: outcome.type }) satisfies Worked as Worked
    })
  )
})

const endUnknown = async (services: AgentServices, thread: string, run: string, epoch: number, why: string) => {
  const line = services.writers.get(thread).attach(run, epoch, { onControl: () => {}, onRefused: () => {} })
  const error = fault("AGENT_FAILED", `the run cannot be executed: ${why}`)
  await line.commit([{ type: "run.finished", run, outcome: { type: "failed", error } }])
  line.detach()
}
