/**
 * The view: the state that people look at, folded from the log by `thread/fold.ts`. PROTOCOL.md#view
 *
 * Plain JSON, complete enough to fold on from it: a saved snapshot is a view. Values are immutable and
 * share structure: what did not change keeps its identity, so a UI can compare with `===`.
 */
import type {
  Answer,
  Citation,
  FinishReason,
  Id,
  MessagePart,
  Role,
  RunOutcome,
  Timestamp,
  ToolOutcome,
  Usage,
  AskOpened
} from "./Event.ts"
import type { Json } from "./Json.ts"

interface ViewPartBase {
  /** The run that wrote the part, where that is not the message's. */
  readonly run?: Id
  readonly step?: Id
  /** Offset at which the part began. */
  readonly offset: number
}
export interface ViewText extends ViewPartBase {
  readonly type: "text"
  readonly id: Id
  readonly text: string
  readonly state: "streaming" | "done"
  readonly citations?: readonly Citation[]
}
export interface ViewReasoning extends ViewPartBase {
  readonly type: "reasoning"
  readonly id: Id
  readonly text: string
  readonly state: "streaming" | "done"
  readonly visible: "full" | "summary" | "redacted"
}
export interface ViewTool extends ViewPartBase {
  readonly type: "tool"
  /** The call's id. */
  readonly id: Id
  readonly name: string
  readonly title?: string
  readonly executor: "agent" | "provider" | "client"
  /** `input`: its input streams in; `running`: it was called; `done`: see `outcome`. */
  readonly state: "input" | "running" | "done"
  /** Raw input as it streams in; gone once `input` is known. */
  readonly rawInput?: string
  readonly input?: Json
  readonly label?: string
  readonly fraction?: number
  /** What the call has shown so far; the outcome's output once it is done. */
  readonly output?: Json
  readonly outcome?: ToolOutcome
}
export interface ViewFile extends ViewPartBase {
  readonly type: "file"
  readonly id: Id
  readonly url: string
  readonly mediaType: string
  readonly name?: string
}
export interface ViewSource extends ViewPartBase {
  readonly type: "source"
  readonly id: Id
  readonly title?: string
  readonly url?: string
  readonly mediaType?: string
  readonly name?: string
}
export interface ViewData extends ViewPartBase {
  readonly type: "data"
  /** The event's `id`, or `""`. */
  readonly id: Id | ""
  readonly name: string
  readonly value: Json
}
export type ViewPart = ViewText | ViewReasoning | ViewTool | ViewFile | ViewSource | ViewData

export interface ViewMessage {
  readonly id: Id
  readonly role: Role
  readonly parts: readonly ViewPart[]
  /** The run that wrote it; absent for what people posted. */
  readonly run?: Id
  readonly by?: Id
  readonly name?: string
  readonly after?: Id
  /** This message was replaced by another and is usually hidden. */
  readonly replacedBy?: Id
  readonly at: Timestamp
}
export interface ViewStep {
  readonly id: Id
  readonly name: string
  readonly parent?: Id
  readonly agent?: string
  readonly state: "running" | "completed" | "failed" | "discarded"
  readonly reason?: FinishReason
  readonly offset: number
}
export interface ViewInterrupt {
  readonly id: Id
  readonly kind: "cancel" | "steer" | "pause" | "resume" | "answer"
  readonly state: "accepted" | "refused" | "applied" | "too-late"
  /** What a steer said. */
  readonly parts?: readonly MessagePart[]
  readonly by?: Id
  /** The step at which it was delivered. */
  readonly step?: Id
  /** Why it was refused or came too late. */
  readonly reason?: string
  readonly at: Timestamp
}
export interface ViewRun {
  readonly id: Id
  readonly agent: string
  readonly state: "waiting" | "running" | "suspended" | "finished"
  readonly epoch: number
  readonly by?: Id
  readonly parent?: { readonly run: Id; readonly call?: Id }
  readonly replaces?: Id
  readonly continues?: Id
  readonly tags?: Readonly<Record<string, string>>
  /** The newest status. */
  readonly label?: string
  readonly detail?: string
  readonly fraction?: number
  readonly level?: "info" | "warning"
  readonly steps: readonly ViewStep[]
  readonly interrupts: readonly ViewInterrupt[]
  readonly suspended?: "asked" | "paused" | "time-limit"
  readonly outcome?: RunOutcome
  readonly usage?: readonly Usage[]
  readonly acceptedAt: Timestamp
  readonly finishedAt?: Timestamp
}
export interface ViewAsk {
  readonly id: Id
  readonly run: Id
  readonly kind: AskOpened["kind"]
  readonly prompt: string
  readonly name?: string
  readonly input?: Json
  readonly call?: Id
  readonly schema?: Json
  readonly options?: readonly { readonly id: Id; readonly label: string }[]
  readonly digest?: string
  readonly expiresAt: Timestamp
  readonly reason?: string
  readonly answerableBy?: readonly Id[]
  readonly fourEyes?: boolean
  /** Absent while the ask is open. */
  readonly answer?: Answer
  readonly by?: Id
}
export interface View {
  /** Where the log was when this was folded; offset 0 before the first entry. */
  readonly logId: Id | ""
  readonly offset: number
  readonly id: Id | ""
  /** Oldest first. */
  readonly messages: readonly ViewMessage[]
  /** Oldest first. */
  readonly runs: readonly ViewRun[]
  readonly asks: readonly ViewAsk[]
  /** State documents by name. */
  readonly state: Readonly<Record<Id, Json>>
  /** Events that did not fit what came before them (a delta of an unknown part, an event after the end). */
  readonly dropped: number
}
/** What the view route answers: a view, and whether older messages were left out of it. */
export interface ViewPage {
  readonly view: View
  /** Pass as `?before=` for older messages; absent when there are none. */
  readonly before?: Id
}
