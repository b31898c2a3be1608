/**
 * The handle that an agent's function gets: say what happens, run tools, hear what people say.
 *
 * Everything said goes into the thread's log in the order of the calls, then to the screens. A call that
 * returns a promise resolves when there is room for more (back-pressure), not when it is durable; recorded
 * calls (`tool`, `step`, `call`) are durable before their code runs. Values must be JSON: anything else is
 * thrown back at the call, naming the path.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import type {
  Citation,
  Id,
  MessagePart,
  PatchOperation,
  Role,
  Timestamp,
  ToolOutcome,
  Usage
} from "../protocol/Event.ts"
import type { Json, JsonObject } from "../protocol/Json.ts"
import type { Principal } from "../ports/Access.ts"
import type { Approval, Ask, AskOptions, AskSchemas } from "./Ask.ts"

/** One message of the thread so far, as a model would want it. */
export interface HistoryMessage {
  readonly id: Id
  readonly role: Role
  readonly parts: readonly HistoryPart[]
  readonly by?: Id
  readonly run?: Id
  readonly at: Timestamp
}
export type HistoryPart =
  | MessagePart
  | { readonly type: "reasoning"; readonly text: string }
  | {
      readonly type: "tool"
      readonly call: Id
      readonly name: string
      readonly input: Json
      readonly outcome: ToolOutcome
    }

/** What a person said to the run while it worked. */
export interface Steering {
  readonly interrupt: Id
  readonly by?: Id
  readonly parts: readonly MessagePart[]
  /** The text parts, joined. */
  readonly text: string
}
export interface CallContext {
  /** Aborts with the run, or when the call is given up. */
  readonly signal: AbortSignal
  /** Stable across epochs: hand it to services as idempotency key. */
  readonly key: string
}
export interface ToolContext extends CallContext {
  readonly call: Id
  readonly progress: (progress: {
    readonly label?: string
    /** 0 to 1. */
    readonly fraction?: number
    /** Replaces what the call has shown so far. */
    readonly output?: Json
    /** Text added to what the call has shown so far. */
    readonly append?: string
  }) => void
}
export interface StateDoc {
  /** The newest value that this run set or the thread held when it began; `null` before the first. */
  readonly get: () => Promise<Json>
  readonly set: (value: Json) => void
  /** RFC 6902; rejects with `BAD_PATCH` and changes nothing when it does not apply. */
  readonly patch: (operations: readonly PatchOperation[]) => Promise<void>
}
/** Schemas of an agent's own events, by name. */
export type CustomEvents = Readonly<Record<string, StandardSchemaV1>>

// oxlint-disable-next-line typescript/no-empty-object-type -- no events of its own
export interface Run<Events extends CustomEvents = {}, Context = unknown, Asks extends AskSchemas = AskSchemas> {
  readonly id: Id
  readonly thread: string
  readonly epoch: number
  /** Who started it, verified. */
  readonly by: Principal
  readonly tags: Readonly<Record<string, string>>
  /** Aborts on cancel, fencing and deadline; `signal.reason` is a `RunAborted` with a fault's `code`. */
  readonly signal: AbortSignal
  readonly deadline: Date | undefined
  readonly context: Context
  /** Messages before this run, oldest first, its own prompt included. At most `limit` (default 100) newest. */
  readonly history: (options?: { readonly limit?: number }) => Promise<readonly HistoryMessage[]>
  readonly status: (
    label: string,
    options?: { readonly detail?: string; readonly fraction?: number; readonly level?: "info" | "warning" }
  ) => void
  /** Adds text to the answer. A new part begins after a tool, a step or reasoning in between. */
  readonly text: (delta: string, options?: { readonly citations?: readonly Citation[] }) => Promise<void>
  readonly reasoning: (delta: string, options?: { readonly visible?: "full" | "summary" | "redacted" }) => Promise<void>
  readonly step: <T extends Json | void>(
    name: string,
    body: (context: CallContext) => Promise<T> | T,
    options?: { readonly key?: string; readonly idempotent?: boolean }
  ) => Promise<T>
  readonly tool: <I extends Json, O extends Json | void>(
    name: string,
    input: I,
    execute: (input: I, context: ToolContext) => Promise<O> | O,
    options?: {
      readonly key?: string
      readonly idempotent?: boolean
      readonly title?: string
      /** What people see of the result; default all of it. */
      readonly show?: (output: O) => Json
      /** Asks people first: runs with the input that was approved, or rejects with `Denied`. */
      readonly approve?: true | AskOptions
      /** What `run.ask.approval` answered: checked again here against `input`, and used up. */
      readonly approval?: Approval<I>
    }
  ) => Promise<O>
  /** What people are asked: to approve, to answer, to choose, to execute a tool. */
  readonly ask: Ask<Asks>
  /** Keeps a value of the author's own: a later epoch may go on from it instead of from the first line. */
  readonly checkpoint: (value: Json) => Promise<void>
  /**
   * The newest checkpoint of an earlier epoch; `undefined` if there is none. Whoever calls it says that the function
   * goes on from there: calls made before the checkpoint are not made again.
   */
  readonly resumedFrom: () => Promise<Json | undefined>
  readonly state: (doc?: string) => StateDoc
  /** One of the agent's own events, checked against its schema; throws `BAD_SHAPE` at the call. */
  readonly emit: <K extends keyof Events & string>(
    name: K,
    value: StandardSchemaV1.InferInput<Events[K]>,
    options?: { readonly id?: Id; readonly transient?: boolean }
  ) => void
  readonly file: (file: {
    readonly url: string
    readonly mediaType: string
    readonly name?: string
    readonly bytes?: number
    readonly sha256?: string
  }) => Id
  readonly source: (source: {
    readonly id?: Id
    readonly title?: string
    readonly url?: string
    readonly mediaType?: string
    readonly name?: string
  }) => Id
  readonly usage: (usage: Usage) => void
  /** What people said since the last call, each once; marks it as applied. Empty when nobody did. */
  readonly steered: () => Promise<readonly Steering[]>
  /** A child run of another agent in this thread; resolves with its result, rejects when it fails. */
  readonly call: <I, O>(
    agent: { readonly name: string; readonly "~types"?: { readonly input: I; readonly output: O } },
    input: I,
    options?: { readonly key?: string }
  ) => Promise<O>
  /** Streams a framework's output into the run. `adapter` says how; default: the agent's `pipe` option. */
  readonly pipe: <P, R = unknown>(stream: AsyncIterable<P>, adapter?: StreamAdapter<P, R>) => Promise<R>
  /** Escape hatch for adapters: events of this run, without `run`. Prefer the calls above. */
  readonly raw: (event: RawEvent) => Promise<void>
  /** The message that the run writes; adapters refer to it. */
  readonly message: Id
}
/** Consumes a framework's stream and says it with `run.raw`; answers what the caller may want to know. */
export type StreamAdapter<P, R> = (
  stream: AsyncIterable<P>,
  run: Pick<Run, "raw" | "message" | "signal" | "usage" | "status">
) => Promise<R>
export interface RawEvent extends JsonObject {
  readonly type: string
}
