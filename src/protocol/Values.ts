/**
 * The values that events, interrupts and requests share: ids, message parts, outcomes, answers. Only types.
 */
import type { Fault } from "./Fault.ts"
import type { Json } from "./Json.ts"

/** 1–128 characters, no control characters. Ids that Throughline makes are UUIDv7. PROTOCOL.md#ids */
export type Id = string
/** RFC 3339 in UTC with milliseconds, as `Date.prototype.toISOString` writes it. */
export type Timestamp = string

export type Role = "user" | "assistant" | "system" | "developer" | "tool"

/** Tokens of one model call; every count is optional because providers differ. */
export interface Usage {
  readonly provider?: string
  readonly model?: string
  readonly input?: number
  readonly output?: number
  readonly total?: number
  readonly reasoning?: number
  readonly cachedInput?: number
  readonly cacheWrite?: number
}

/** What a message holds when it is posted whole. */
export type MessagePart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "file"; readonly url: string; readonly mediaType: string; readonly name?: string }
  | { readonly type: "data"; readonly name: string; readonly value: Json }

export type FinishReason = "stop" | "length" | "content-filter" | "tool-calls" | "error" | "interrupted" | "other"

export interface Citation {
  readonly source: Id
  /** Range of the part's text that the source supports, in UTF-16 units. */
  readonly start?: number
  readonly end?: number
  readonly quote?: string
}

export type RunOutcome =
  | {
      readonly type: "completed"
      readonly result?: Json
      readonly reason?: FinishReason
      readonly calls?: readonly Id[]
    }
  | { readonly type: "cancelled"; readonly reason?: string }
  | { readonly type: "failed"; readonly error: Fault }

export type ToolOutcome =
  | { readonly type: "ok"; readonly output?: Json; readonly parts?: readonly MessagePart[] }
  | { readonly type: "failed"; readonly error: Fault }
  | { readonly type: "invalid"; readonly input: Json; readonly error: Fault }
  | { readonly type: "denied"; readonly reason?: string }
  | { readonly type: "cancelled" }
  /** The call began, its worker died, and nobody knows whether it took effect. */
  | { readonly type: "unknown"; readonly key: string }

/** How an ask ended. */
export type Answer =
  | { readonly type: "approved"; readonly input?: Json }
  | { readonly type: "denied"; readonly reason?: string }
  | { readonly type: "answered"; readonly value: Json }
  | { readonly type: "expired" }
  | { readonly type: "withdrawn"; readonly reason?: string }

export type Verdict = { readonly type: "accepted" } | { readonly type: "refused"; readonly error: Fault }
