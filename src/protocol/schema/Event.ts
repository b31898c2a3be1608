/**
 * The schema of every event, by type, and of events that this version does not know. PROTOCOL.md#unknown
 */
import * as Schema from "effect/Schema"
import type * as Plain from "../Event.ts"
import * as Message from "./MessageEvent.ts"
import { Id, open } from "./open.ts"
import * as Run from "./RunEvent.ts"

/** The schema of each event by its type; a type without one does not compile. */
export const EventByType = {
  "run.accepted": Run.RunAccepted,
  "run.started": Run.RunStarted,
  "run.status": Run.RunStatus,
  "run.heartbeat": Run.RunHeartbeat,
  "run.suspended": Run.RunSuspended,
  "run.finished": Run.RunFinished,
  "step.started": Run.StepStarted,
  "step.finished": Run.StepFinished,
  "message.posted": Message.MessagePosted,
  "text.started": Message.TextStarted,
  "text.delta": Message.TextDelta,
  "text.finished": Message.TextFinished,
  "reasoning.started": Message.ReasoningStarted,
  "reasoning.delta": Message.ReasoningDelta,
  "reasoning.finished": Message.ReasoningFinished,
  "tool.started": Message.ToolStarted,
  "tool.delta": Message.ToolDelta,
  "tool.called": Message.ToolCalled,
  "tool.progress": Message.ToolProgress,
  "tool.finished": Message.ToolFinished,
  "ask.opened": Run.AskOpened,
  "ask.resolved": Run.AskResolved,
  "interrupt.received": Run.InterruptReceived,
  "interrupt.applied": Run.InterruptApplied,
  "state.snapshot": Message.StateSnapshot,
  "state.delta": Message.StateDelta,
  "file.added": Message.FileAdded,
  "source.cited": Message.SourceCited,
  custom: Message.Custom,
  "content.erased": Message.ContentErased
} satisfies { readonly [T in Plain.EventType]: Schema.Codec<Extract<Plain.KnownEvent, { readonly type: T }>, unknown> }

export const KnownEvent = Schema.Union(Object.values(EventByType)) as unknown as Schema.Codec<Plain.KnownEvent>

/** Kept as it came: a type, perhaps a run, and any JSON. */
export const UnknownEvent = open({
  type: Id.check(
    Schema.makeFilter((type: string) => !Object.hasOwn(EventByType, type), { expected: "a type of another version" })
  ),
  ...Run.base,
  run: Schema.optionalKey(Id)
}) as unknown as Schema.Codec<Plain.UnknownEvent>

export const Event = Schema.Union([KnownEvent, UnknownEvent])
