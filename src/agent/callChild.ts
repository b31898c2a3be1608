/**
 * Sub-agents: a child run in the same thread, executed by the same worker, as a recorded call of its parent.
 *
 * The child's id follows from the parent's and the call's key, so that a parent that is taken again finds it. It has
 * no job: it suspends with its parent, and its parent's next epoch takes it on. PROTOCOL.md#suspend
 */
import { v5 } from "uuid"
import type { Id, RunOutcome } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { Principal } from "../ports/Access.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import { runOf } from "../thread/control.ts"
import { decodeControl } from "../thread/decide.ts"
import { digestOf } from "../writer/digest.ts"
import { persist } from "../writer/settle.ts"
import type { AgentServices } from "./AgentServices.ts"
import type { Agent } from "./defineAgent.ts"
import type { Hold } from "./hold.ts"
import type { RecordedCalls } from "./recordedCalls.ts"
import { resultNotes } from "./recordedNotes.ts"
import { readNotes, readStart } from "./readStart.ts"
import { AgentError, OutcomeUnknown, ReplayDiverged, RunAborted } from "./RunAborted.ts"
import type { Executed, Taken } from "./Taken.ts"
import type { Values } from "./values.ts"

/** Names the ids that are derived from a parent and a key. */
const CHILD_NAMESPACE = "5f0c1b52-6c1e-5b7e-9d0a-3f1f0f6f2b11"

/** Codes of faults that a store in trouble brings. */
const NO_ANSWER = new Set(["STORE_UNAVAILABLE", "STORE_FULL"])

interface Parent {
  readonly thread: ThreadKey
  readonly run: Id
  readonly epoch: number
  readonly by: Principal
  readonly signal: AbortSignal
  readonly calls: Pick<RecordedCalls, "recorded">
  readonly hold: Hold
  readonly values: Values
}
type Execute = (services: AgentServices, agent: Agent, taken: Taken) => Promise<Executed>

export const callChild = async (
  services: AgentServices,
  parent: Parent,
  call: { readonly child: Agent; readonly input: Json; readonly key: string },
  execute: Execute
): Promise<Json | void> => {
  const before = await parent.calls.recorded(call.key)
  if (before !== undefined) return resultOf(call.child, before.output as unknown as RunOutcome)
  return parent.hold.fly(() => startChild(services, parent, call, execute))
}

const startChild = async (
  services: AgentServices,
  parent: Parent,
  { child, input, key }: { readonly child: Agent; readonly input: Json; readonly key: string },
  execute: Execute
): Promise<Json | void> => {
  const { thread } = parent
  const run = v5(`${parent.run}/${key}`, CHILD_NAMESPACE)
  const writer = services.writers.get(thread)
  const aborted = () => parent.signal.aborted
  /** A run waits for the log, where people are told; and what they are told of was never sent. */
  const submit = async (command: Parameters<typeof writer.submit>[0]) => {
    for (;;) {
      const outcome = await services.perform(writer.submit(command))
      if (outcome.ok || aborted() || !NO_ANSWER.has(outcome.fault.code)) return outcome
    }
  }
  await parent.hold.gate()
  const started = await submit({
    type: "start",
    by: parent.by.id,
    start: { id: run, agent: child.name, input, onBusy: "parallel" },
    parent: { run: parent.run },
    policy: child.policy,
    digest: digestOf({ agent: child.name, input }),
    principal: parent.by as unknown as Json
  })
  if (!started.ok) {
    const { code, message } = started.fault
    throw code === "DUPLICATE_DIFFERENT" ? new ReplayDiverged(child.name) : new RunAborted(code, message)
  }
  const unknown = () => new OutcomeUnknown(child.name, `${parent.run}/${key}`)
  const head = await services.perform(persist(services.log.head(thread), aborted))
  const epoch = (runOf(decodeControl(head.control), run)?.epoch ?? 0) + 1
  const taken = await submit({ type: "take", run, epoch, parentEpoch: parent.epoch })
  // it ended under an earlier worker, whose parent did not hear of it
  if (!taken.ok || taken.answer.type !== "taken") throw unknown()
  // the child is ours from here on: wait for the log
  const start = await services.perform(persist(readStart(services.log, thread, run), aborted))
  if (start === undefined) throw unknown()
  const notes = epoch === 1 ? [] : await services.perform(persist(readNotes(services.log, thread, run), aborted))
  const outcome = await execute(services, child, {
    thread,
    run,
    epoch,
    start,
    notes,
    parent: { signal: parent.signal, hold: parent.hold },
    notesAtEnd: (end) => resultNotes(parent.values, parent.run, key, end as unknown as Json)
  })
  if (outcome === "fenced" || outcome === "suspended") throw unknown()
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
