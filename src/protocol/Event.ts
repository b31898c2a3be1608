/**
 * The events of a thread: every fact that a log can hold, as plain types.
 *
 * The Effect Schemas of the same shapes are in `schema/`; the fast check of what comes over the wire is
 * `guard.ts`; the meaning of each event is normative in PROTOCOL.md#events. Unknown types and unknown
 * fields are kept as they came, see `UnknownEvent`.
 */
import type { Json, JsonObject } from "./Json.ts"
import type { UserInterrupt } from "./UserInterrupt.ts"
import type {
  Id,
  Timestamp,
  Role,
  Usage,
  MessagePart,
  FinishReason,
  Citation,
  RunOutcome,
  ToolOutcome,
  Answer,
  Verdict
} from "./Values.ts"

export type * from "./Values.ts"

interface Base {
  /** Who caused the event, when it was a person. */
  readonly by?: Id
  /** Small and public, as everything in an entry is. Deltas with `meta` are never merged. */
  readonly meta?: JsonObject
}
interface OfRun extends Base {
  readonly run: Id
}
interface InMessage extends OfRun {
  readonly message: Id
  readonly step?: Id
}
interface MayBeOfRun extends Base {
  readonly run?: Id
}

export interface RunAccepted extends OfRun {
  readonly type: "run.accepted"
  readonly agent: string
  readonly input?: Json
  readonly message?: Id
  readonly parent?: { readonly run: Id; readonly call?: Id }
  readonly continues?: Id
  readonly replaces?: Id
  readonly tags?: Readonly<Record<string, string>>
  readonly deadline?: Timestamp
}
export interface RunStarted extends OfRun {
  readonly type: "run.started"
  readonly epoch: number
  /** What an earlier epoch showed after this offset, outside finished steps, leaves the view. */
  readonly from?: number
}
export interface RunStatus extends OfRun {
  readonly type: "run.status"
  readonly label: string
  readonly detail?: string
  /** 0 to 1. */
  readonly fraction?: number
  readonly level?: "info" | "warning"
}
export interface RunHeartbeat extends OfRun {
  readonly type: "run.heartbeat"
  readonly epoch: number
}
export interface RunSuspended extends OfRun {
  readonly type: "run.suspended"
  readonly why: "asked" | "paused" | "time-limit"
  readonly asks?: readonly Id[]
}
export interface RunFinished extends OfRun {
  readonly type: "run.finished"
  readonly outcome: RunOutcome
  readonly usage?: readonly Usage[]
}
export interface StepStarted extends OfRun {
  readonly type: "step.started"
  readonly step: Id
  readonly name: string
  readonly parent?: Id
  readonly agent?: string
}
export interface StepFinished extends OfRun {
  readonly type: "step.finished"
  readonly step: Id
  readonly outcome: "completed" | "failed" | "discarded"
  readonly reason?: FinishReason
  readonly usage?: readonly Usage[]
}
export interface MessagePosted extends MayBeOfRun {
  readonly type: "message.posted"
  readonly message: Id
  readonly role: Role
  readonly parts: readonly MessagePart[]
  readonly name?: string
  /** The message that this one follows, when it is not the newest. */
  readonly after?: Id
  readonly replaces?: Id
}
export interface TextStarted extends InMessage {
  readonly type: "text.started"
  readonly part: Id
  readonly role?: Exclude<Role, "tool">
}
export interface TextDelta extends OfRun {
  readonly type: "text.delta"
  readonly part: Id
  readonly text: string
}
export interface TextFinished extends OfRun {
  readonly type: "text.finished"
  readonly part: Id
  readonly citations?: readonly Citation[]
}
export interface ReasoningStarted extends InMessage {
  readonly type: "reasoning.started"
  readonly part: Id
  readonly visible: "full" | "summary" | "redacted"
}
export interface ReasoningDelta extends OfRun {
  readonly type: "reasoning.delta"
  readonly part: Id
  readonly text: string
}
export interface ReasoningFinished extends OfRun {
  readonly type: "reasoning.finished"
  readonly part: Id
}
export interface ToolStarted extends InMessage {
  readonly type: "tool.started"
  readonly call: Id
  readonly name: string
  readonly title?: string
  /** Who executes the call. (`by` names a person, as in every event.) */
  readonly executor: "agent" | "provider" | "client"
  readonly dynamic?: boolean
  readonly encoding?: "json" | "text"
}
export interface ToolDelta extends OfRun {
  readonly type: "tool.delta"
  readonly call: Id
  /** The next piece of the raw input. */
  readonly text: string
}
export interface ToolCalled extends OfRun {
  readonly type: "tool.called"
  readonly call: Id
  readonly input: Json
  readonly digest?: string
}
export interface ToolProgress extends OfRun {
  readonly type: "tool.progress"
  readonly call: Id
  readonly label?: string
  /** 0 to 1. */
  readonly fraction?: number
  /** Replaces what the call has shown so far. */
  readonly output?: Json
  /** Text added to what the call has shown so far. */
  readonly append?: string
}
export interface ToolFinished extends OfRun {
  readonly type: "tool.finished"
  readonly call: Id
  readonly outcome: ToolOutcome
}
export interface AskOpened extends OfRun {
  readonly type: "ask.opened"
  readonly ask: Id
  readonly kind: "approval" | "input" | "choice" | "tool"
  readonly prompt: string
  /** What is asked for: the tool to approve or to execute, or the agent's name of the input. */
  readonly name?: string
  /** What the tool would be called with. */
  readonly input?: Json
  readonly call?: Id
  /** JSON Schema (2020-12) of the answer's value. */
  readonly schema?: Json
  readonly options?: readonly { readonly id: Id; readonly label: string }[]
  readonly digest?: string
  readonly expiresAt: Timestamp
  readonly reason?: string
  /** Who may answer; absent: whoever the application lets. */
  readonly answerableBy?: readonly Id[]
  /** Who started the run may not answer. */
  readonly fourEyes?: boolean
}
export interface AskResolved extends OfRun {
  readonly type: "ask.resolved"
  readonly ask: Id
  readonly answer: Answer
  /** What decided: a person (named in `by`), a policy, or the system. */
  readonly resolver: "person" | "policy" | "system"
}
export interface InterruptReceived extends OfRun {
  readonly type: "interrupt.received"
  readonly interrupt: UserInterrupt
  readonly verdict: Verdict
}
export interface InterruptApplied extends OfRun {
  readonly type: "interrupt.applied"
  readonly interrupt: Id
  readonly step?: Id
  readonly outcome:
    | { readonly type: "applied" }
    | { readonly type: "too-late"; readonly reason: "finished" | "cancelled" | "failed" | "suspended" | "dropped" }
}
export interface StateSnapshot extends MayBeOfRun {
  readonly type: "state.snapshot"
  readonly doc: Id
  readonly kind?: string
  readonly message?: Id
  readonly value: Json
}
/** One operation of RFC 6902. `test` fails the whole patch. */
export type PatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string }
export interface StateDelta extends MayBeOfRun {
  readonly type: "state.delta"
  readonly doc: Id
  readonly patch: readonly PatchOperation[]
}
export interface FileAdded extends InMessage {
  readonly type: "file.added"
  readonly file: Id
  readonly url: string
  readonly mediaType: string
  readonly name?: string
  readonly bytes?: number
  readonly sha256?: string
  readonly purpose?: "output" | "reasoning"
}
export interface SourceCited extends InMessage {
  readonly type: "source.cited"
  readonly source: Id
  readonly title?: string
  readonly url?: string
  readonly mediaType?: string
  readonly name?: string
}
/** What an application means by it; `id` updates the earlier value of the same name in place. */
export interface Custom extends MayBeOfRun {
  readonly type: "custom"
  readonly name: string
  readonly value: Json
  readonly id?: Id
  readonly message?: Id
  /** Shown to who watches now; not kept in the view. */
  readonly transient?: boolean
}
/** What `erase` removed, after `content.erased` was appended: the offset stays, the content is gone. */
export interface ContentErased extends Base {
  readonly type: "content.erased"
  readonly offsets: readonly (readonly [from: number, to: number])[]
  readonly reason?: string
}

export type KnownEvent =
  | RunAccepted
  | RunStarted
  | RunStatus
  | RunHeartbeat
  | RunSuspended
  | RunFinished
  | StepStarted
  | StepFinished
  | MessagePosted
  | TextStarted
  | TextDelta
  | TextFinished
  | ReasoningStarted
  | ReasoningDelta
  | ReasoningFinished
  | ToolStarted
  | ToolDelta
  | ToolCalled
  | ToolProgress
  | ToolFinished
  | AskOpened
  | AskResolved
  | InterruptReceived
  | InterruptApplied
  | StateSnapshot
  | StateDelta
  | FileAdded
  | SourceCited
  | Custom
  | ContentErased
export type EventType = KnownEvent["type"]

/** An event of a later version: the offset advances and the value is handed on as it came. PROTOCOL.md#unknown */
export interface UnknownEvent {
  readonly type: string & { readonly __unknown?: never }
  readonly run?: Id
  readonly [field: string]: unknown
}
export type Event = KnownEvent
