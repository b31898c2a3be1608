/** What a run can ask of people, and what it gets for an answer: the types of `run.ask`. */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import type * as Duration from "effect/Duration"
import type { Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"

/** Schemas of what people may answer or edit, by the name of the input or tool. */
export type AskSchemas = Readonly<Record<string, StandardSchemaV1>>
type In<Asks, K> = K extends keyof Asks ? (Asks[K] extends StandardSchemaV1<infer I> ? I : Json) : Json
type Out<Asks, K> = K extends keyof Asks ? (Asks[K] extends StandardSchemaV1<unknown, infer O> ? O : Json) : Json

export interface AskOptions {
  /** What is asked, in words. Text, never rendered as HTML. */
  readonly prompt?: string
  /** Why it is asked. */
  readonly reason?: string
  /** After this the ask counts as denied; a number is milliseconds. Default one hour. */
  readonly expiresIn?: Duration.Input
  /** Somebody else than who started the run must answer. */
  readonly fourEyes?: boolean
  /** Ids of the principals that may answer; default: whoever the backend's `authorize` allows. */
  readonly answerableBy?: readonly Id[]
  /** Names the ask within the run; default: by name and count. */
  readonly key?: string
}
/** Nobody approved or answered: somebody refused, time ran out, or the ask was taken back. Nothing may be done. */
export interface Unanswered {
  readonly why: "denied" | "expired" | "withdrawn"
  readonly reason?: string
  readonly by?: Id
  readonly ask: Id
}
export interface Approved<I = Json> {
  readonly approved: true
  /** What may be done: what was shown, or what the person made of it. */
  readonly input: I
  readonly edited: boolean
  readonly by: Id | undefined
  readonly ask: Id
  readonly digest: string
}
export type Approval<I = Json> = Approved<I> | ({ readonly approved: false } & Unanswered)
export interface Answered<T> {
  readonly answered: true
  readonly value: T
  readonly by: Id | undefined
  readonly ask: Id
}
export type Reply<T> = Answered<T> | ({ readonly answered: false } & Unanswered)

/**
 * Each call asks once, whatever happens to workers: it is recorded like a tool call. It waits in the process for the
 * agent's `holdFor`; then the run suspends, and goes on from its first line when the answer is there.
 */
export interface Ask<Asks extends AskSchemas = AskSchemas> {
  /**
   * May this tool be called with this input? Pass the approval to `run.tool`, which checks it again.
   *
   * - An edited input is accepted only where the agent declares the tool's schema in `asks`
   */
  readonly approval: <K extends string, I extends In<Asks, K> & Json>(
    options: AskOptions & { readonly tool: K; readonly input: I }
  ) => Promise<Approval<I>>
  /** A value that fits the schema of this name in the agent's `asks`. */
  readonly input: <K extends keyof Asks & string>(name: K, options?: AskOptions) => Promise<Reply<Out<Asks, K>>>
  /** One of the options; `value` is its id. */
  readonly choice: <O extends Id>(
    options: AskOptions & { readonly options: readonly { readonly id: O; readonly label: string }[] }
  ) => Promise<Reply<O>>
  /** The client executes the tool and answers its result, checked by the schema of this name, if there is one. */
  readonly tool: <K extends string>(name: K, input: Json, options?: AskOptions) => Promise<Reply<Out<Asks, K>>>
}
