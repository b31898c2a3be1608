/**
 * Sub-agents: a child run in the same thread, executed by the same worker, as a recorded call of its parent.
 *
 * The child's id follows from the parent's and the call's key, so that a parent that is taken again finds it.
 */
import * as Effect from "effect/Effect"
import { v5 } from "uuid"
import type { Id, RunOutcome } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { Principal } from "../ports/Access.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import type { AgentServices } from "./AgentServices.ts"
import type { Agent } from "./defineAgent.ts"
import { digestOf } from "../writer/digest.ts"
import { resultNotes, type RecordedCalls } from "./recordedCalls.ts"
import { readStart } from "./readStart.ts"
import { AgentError, OutcomeUnknown, RunAborted } from "./RunAborted.ts"
import type { Taken } from "./Taken.ts"

/** Names the ids that are derived from a parent and a key. */
const CHILD_NAMESPACE = "5f0c1b52-6c1e-5b7e-9d0a-3f1f0f6f2b11"

interface Parent {
  readonly thread: ThreadKey
  readonly run: Id
  readonly by: Principal
  readonly signal: AbortSignal
  readonly calls: Pick<RecordedCalls, "recorded">
}
export const callChild = async (
  services: AgentServices,
  parent: Parent,
  call: { readonly child: Agent; readonly input: Json; readonly key: string },
  execute: (services: AgentServices, agent: Agent, taken: Taken) => Promise<RunOutcome | undefined>
): Promise<Json | void> => {
  const { child, input, key } = call
  const { thread } = parent
  const before = parent.calls.recorded(key)
  if (before !== undefined) return resultOf(child, before.output as unknown as RunOutcome)
  const run = v5(`${parent.run}/${key}`, CHILD_NAMESPACE)
  const writer = services.writers.get(thread)
  const started = await Effect.runPromise(
    writer.submit({
      type: "start",
      by: parent.by.id,
      start: { id: run, agent: child.name, input, onBusy: "parallel" },
      parent: { run: parent.run },
      policy: child.policy,
      digest: digestOf({ agent: child.name, input }),
      principal: parent.by as unknown as Json
    })
  )
  if (!started.ok) throw new RunAborted(started.fault.code, started.fault.message)
  const taken = await Effect.runPromise(writer.submit({ type: "take", run, epoch: 1 }))
  // begun by an earlier worker of the parent, and not finished
  if (!taken.ok || taken.answer.type !== "taken") throw new OutcomeUnknown(child.name, `${parent.run}/${key}`)
  const start = await Effect.runPromise(readStart(services.log, thread, run))
  if (start === undefined) throw new OutcomeUnknown(child.name, `${parent.run}/${key}`)
  const outcome = await execute(services, child, {
    thread,
    run,
    epoch: 1,
    start,
    notes: [],
    parentSignal: parent.signal,
    notesAtEnd: (end) => resultNotes(parent.run, key, end as unknown as Json)
  })
  if (outcome === undefined) throw new OutcomeUnknown(child.name, `${parent.run}/${key}`)
  return resultOf(child, outcome)
}

const resultOf = (child: Agent, outcome: RunOutcome): Json | void => {
  switch (outcome.type) {
    case "completed":
      return outcome.result
    case "cancelled":
      throw new RunAborted("CANCELLED", `"${child.name}" was cancelled`)
    case "failed":
      throw new AgentError(`"${child.name}" failed: ${outcome.error.message}`, { retryable: outcome.error.retryable })
  }
}
