/** The schemas of the events about a run as a whole: its life, its steps, its asks, its interrupts. PROTOCOL.md#events */
import * as Schema from "effect/Schema"
import { Count, Fraction, Id, Json, JsonObject, open, Positive, TextByKey, Timestamp } from "./open.ts"
import { UserInterrupt } from "./UserInterrupt.ts"
import { Answer, FinishReason, RunOutcome, Usage, Verdict } from "./Value.ts"

const Text = Schema.optionalKey(Schema.String)
export const base = { by: Schema.optionalKey(Id), meta: Schema.optionalKey(JsonObject) }
export const ofRun = { ...base, run: Id }

export const RunAccepted = open({
  type: Schema.Literal("run.accepted"),
  ...ofRun,
  agent: Schema.String,
  input: Schema.optionalKey(Json),
  message: Schema.optionalKey(Id),
  parent: Schema.optionalKey(open({ run: Id, call: Schema.optionalKey(Id) })),
  continues: Schema.optionalKey(Id),
  replaces: Schema.optionalKey(Id),
  tags: Schema.optionalKey(TextByKey),
  deadline: Schema.optionalKey(Timestamp)
})
export const RunStarted = open({
  type: Schema.Literal("run.started"),
  ...ofRun,
  epoch: Positive,
  from: Schema.optionalKey(Count)
})
export const RunStatus = open({
  type: Schema.Literal("run.status"),
  ...ofRun,
  label: Schema.String,
  detail: Text,
  fraction: Schema.optionalKey(Fraction),
  level: Schema.optionalKey(Schema.Literals(["info", "warning"]))
})
export const RunHeartbeat = open({ type: Schema.Literal("run.heartbeat"), ...ofRun, epoch: Positive })
export const RunSuspended = open({
  type: Schema.Literal("run.suspended"),
  ...ofRun,
  why: Schema.Literals(["asked", "paused", "time-limit"]),
  asks: Schema.optionalKey(Schema.Array(Id))
})
export const RunFinished = open({
  type: Schema.Literal("run.finished"),
  ...ofRun,
  outcome: RunOutcome,
  usage: Schema.optionalKey(Schema.Array(Usage))
})

export const StepStarted = open({
  type: Schema.Literal("step.started"),
  ...ofRun,
  step: Id,
  name: Schema.String,
  parent: Schema.optionalKey(Id),
  agent: Text
})
export const StepFinished = open({
  type: Schema.Literal("step.finished"),
  ...ofRun,
  step: Id,
  outcome: Schema.Literals(["completed", "failed", "discarded"]),
  reason: Schema.optionalKey(FinishReason),
  usage: Schema.optionalKey(Schema.Array(Usage))
})

export const AskOpened = open({
  type: Schema.Literal("ask.opened"),
  ...ofRun,
  ask: Id,
  kind: Schema.Literals(["approval", "input", "choice", "tool"]),
  prompt: Schema.String,
  name: Text,
  input: Schema.optionalKey(Json),
  call: Schema.optionalKey(Id),
  schema: Schema.optionalKey(Json),
  options: Schema.optionalKey(Schema.Array(open({ id: Id, label: Schema.String }))),
  digest: Text,
  expiresAt: Timestamp,
  reason: Text,
  answerableBy: Schema.optionalKey(Schema.Array(Id)),
  fourEyes: Schema.optionalKey(Schema.Boolean)
})
export const AskResolved = open({
  type: Schema.Literal("ask.resolved"),
  ...ofRun,
  ask: Id,
  answer: Answer,
  resolver: Schema.Literals(["person", "policy", "system"])
})

export const InterruptReceived = open({
  type: Schema.Literal("interrupt.received"),
  ...ofRun,
  interrupt: UserInterrupt,
  verdict: Verdict
})
export const InterruptApplied = open({
  type: Schema.Literal("interrupt.applied"),
  ...ofRun,
  interrupt: Id,
  step: Schema.optionalKey(Id),
  outcome: Schema.Union([
    open({ type: Schema.Literal("applied") }),
    open({
      type: Schema.Literal("too-late"),
      reason: Schema.Literals(["finished", "cancelled", "failed", "suspended", "dropped"])
    })
  ])
})
