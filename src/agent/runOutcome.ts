/** How an agent's function ends: its input and result checked, its errors as what people may be told. */
import { fault, type Fault } from "../protocol/Fault.ts"
import type { RunOutcome } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import { jsonFault } from "../protocol/JsonValue.ts"
import type { Agent } from "./defineAgent.ts"
import { faultOfError } from "./makeRun.ts"
import type { Run } from "./Run.ts"
import { ApprovalMismatch, OutcomeUnknown, ReplayDiverged, RunAborted } from "./RunAborted.ts"
import { check } from "./standardSchema.ts"

/** Rejects with what the function throws. */
export const callAgent = async (agent: Agent, run: Run, raw: Json): Promise<RunOutcome> => {
  const input = await check(agent.input, raw, "BAD_INPUT")
  if (!input.ok) return { type: "failed", error: input.fault }
  const returned = await agent.run(run, input.value)
  const result =
    agent.output === undefined
      ? ({ ok: true, value: returned } as const)
      : await check(agent.output, returned, "BAD_OUTPUT")
  if (!result.ok) return { type: "failed", error: result.fault }
  if (result.value === undefined) return { type: "completed" }
  const problem = jsonFault(result.value, "result")
  if (problem !== undefined)
    return { type: "failed", error: fault("BAD_OUTPUT", problem.message, { path: problem.path ?? "result" }) }
  return { type: "completed", result: result.value as Json }
}

export const runFault = (error: unknown): Fault => {
  if (error instanceof RunAborted) return fault("AGENT_FAILED", error.message)
  if (error instanceof OutcomeUnknown) return fault("OUTCOME_UNKNOWN", error.message, { retryable: false })
  if (error instanceof ReplayDiverged) return fault("REPLAY_DIVERGED", error.message)
  if (error instanceof ApprovalMismatch) return fault("APPROVAL_MISMATCH", error.message)
  return faultOfError(error, "the agent's function failed")
}
