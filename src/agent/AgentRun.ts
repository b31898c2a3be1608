/**
 * Agents as Effect programs: the run as a service, cancel as interruption, the agent's needs in its type.
 *
 * `run.signal` interrupts the program's fiber, so finalizers run within the grace; a typed failure ends the run as
 * failed, and only an `AgentError`'s message is shown to people.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { defineAgent, type Agent, type AgentOptions } from "./defineAgent.ts"
import type { Approval, AskOptions, AskSchemas, Reply } from "./Ask.ts"
import type { CustomEvents, HistoryMessage, Run, Steering, ToolContext } from "./Run.ts"
import { KeptFailure } from "./recordedCalls.ts"
import { MAX_MESSAGE_UNITS } from "./recordedNotes.ts"
import { AgentError } from "./RunAborted.ts"
import type { Json } from "../protocol/Json.ts"
import { jsonFault } from "../protocol/JsonValue.ts"
import { MAX_NOTE_BYTES } from "../protocol/Limits.ts"

export interface AgentRunService {
  /** The Promise face of the same run, for what is not wrapped here. */
  readonly handle: Run
  readonly status: (label: string, options?: Parameters<Run["status"]>[1]) => Effect.Effect<void>
  /** Waits when the writer is full. */
  readonly text: (delta: string) => Effect.Effect<void>
  readonly reasoning: (delta: string) => Effect.Effect<void>
  /**
   * A recorded call, as in the Promise face.
   *
   * - Fails: as `execute` fails, in every epoch. The first one has the failure itself. Later ones have what was recorded
   *   of it: JSON as it was; of an object `_tag`, `name`, `message` and the fields that are JSON, as an `AgentError` if
   *   it was one, else as an `Error`. So tell failures apart by `_tag`, not by `instanceof`
   * - Dies: as `execute` dies; on what the Promise face rejects with besides, such as `OutcomeUnknown`
   */
  readonly tool: <I extends Json, O extends Json | void, E, R>(
    name: string,
    input: I,
    execute: (input: I, context: ToolContext) => Effect.Effect<O, E, R>,
    options?: {
      readonly key?: string
      readonly idempotent?: boolean
      readonly title?: string
      /** Asks people first; a denial is a defect: ask with `ask.approval` and pass it on to handle one. */
      readonly approve?: true | AskOptions
      readonly approval?: Approval<I>
    }
  ) => Effect.Effect<O, E, R>
  readonly ask: {
    readonly approval: <I extends Json>(
      options: AskOptions & { readonly tool: string; readonly input: I }
    ) => Effect.Effect<Approval<I>>
    readonly input: (name: string, options?: AskOptions) => Effect.Effect<Reply<unknown>>
    readonly choice: (options: Parameters<Run["ask"]["choice"]>[0]) => Effect.Effect<Reply<string>>
    readonly tool: (name: string, input: Json, options?: AskOptions) => Effect.Effect<Reply<unknown>>
  }
  /** Fails as a `tool` does. */
  readonly step: <A extends Json | void, E, R>(name: string, body: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly steered: Effect.Effect<readonly Steering[]>
  readonly history: Effect.Effect<readonly HistoryMessage[]>
}
export class AgentRun extends Context.Service<AgentRun, AgentRunService>()("throughline/agent/AgentRun") {}

export interface EffectAgentOptions<In extends StandardSchemaV1, Out extends StandardSchemaV1, R> extends Omit<
  AgentOptions<In, Out, CustomEvents, unknown, AskSchemas>,
  "run"
> {
  readonly run: (input: StandardSchemaV1.InferOutput<In>) => Effect.Effect<StandardSchemaV1.InferInput<Out>, unknown, R>
}

/** Answers the agent in an effect that needs what the program needs, but the run itself. */
export const makeAgent = <
  In extends StandardSchemaV1,
  Out extends StandardSchemaV1 = StandardSchemaV1<void, void>,
  R = never
>(
  options: EffectAgentOptions<In, Out, R>
): Effect.Effect<
  Agent<StandardSchemaV1.InferInput<In>, StandardSchemaV1.InferOutput<Out>>,
  never,
  Exclude<R, AgentRun>
> =>
  Effect.map(Effect.context<Exclude<R, AgentRun>>(), (context) =>
    defineAgent<In, Out, CustomEvents, unknown, AskSchemas>({
      ...options,
      run: async (run, input) => {
        const program = Effect.provideService(options.run(input), AgentRun, serviceOf(run as unknown as Run))
        const exit = await Effect.runPromiseExitWith(context as Context.Context<never>)(
          program as Effect.Effect<StandardSchemaV1.InferInput<Out>, unknown>,
          { signal: run.signal }
        )
        if (Exit.isSuccess(exit)) return exit.value
        throw Cause.squash(exit.cause)
      }
    })
  )

const serviceOf = (run: Run): AgentRunService => ({
  handle: run,
  status: (label, options) => Effect.sync(() => run.status(label, options)),
  text: (delta) => Effect.promise(() => run.text(delta)),
  reasoning: (delta) => Effect.promise(() => run.reasoning(delta)),
  tool: (name, input, execute, options) => recorded((body) => run.tool(name, input, body, options), execute),
  ask: {
    approval: (options) => Effect.promise(() => run.ask.approval(options) as Promise<Approval<never>>),
    input: (name, options) => Effect.promise(() => run.ask.input(name, options)),
    choice: (options) => Effect.promise(() => run.ask.choice(options)),
    tool: (name, input, options) => Effect.promise(() => run.ask.tool(name, input, options))
  },
  step: (name, body) =>
    recorded(
      (inner) => run.step(name, (context) => inner(undefined, context)),
      () => body
    ),
  steered: Effect.promise(() => run.steered()),
  history: Effect.promise(() => run.history())
})

/** What a note has room for, beside the message. */
const MAX_KEPT_BYTES = MAX_NOTE_BYTES / 2
type Kept = { readonly value: Json } | { readonly agent: boolean; readonly fields: Readonly<Record<string, Json>> }

/** What a later epoch needs to know a typed failure again; its fields only where they fit. */
const keptOf = (failure: unknown): string => {
  const agent = failure instanceof AgentError
  const { _tag, message, name } = Object(failure) as Readonly<Record<string, unknown>>
  const named = { _tag, name, message: typeof message === "string" ? message.slice(0, MAX_MESSAGE_UNITS) : message }
  const fieldsOf = (of: object) => Object.fromEntries(Object.entries(of).filter(([, value]) => isJson(value)))
  const whole = JSON.stringify(
    isJson(failure) ? { value: failure } : { agent, fields: fieldsOf({ ...Object(failure), ...named }) }
  )
  // a note holds it as text
  if (Buffer.byteLength(JSON.stringify(whole)) <= MAX_KEPT_BYTES) return whole
  return JSON.stringify({ agent, fields: fieldsOf(named) })
}
const isJson = (value: unknown) => jsonFault(value) === undefined
const failureOf = ({ cause, kept }: KeptFailure): unknown => {
  const failed = JSON.parse(kept) as Kept
  if ("value" in failed) return failed.value
  const { message } = cause as AgentError
  return Object.assign(failed.agent ? (cause as AgentError) : new Error(message), failed.fields)
}

/** Runs the effect inside a recorded call, with the caller's services and its typed failures. */
const recorded = <I, C extends { readonly signal: AbortSignal }, O, E, R>(
  call: (body: (input: I, context: C) => Promise<O>) => Promise<O>,
  execute: (input: I, context: C) => Effect.Effect<O, E, R>
): Effect.Effect<O, E, R> =>
  Effect.flatMap(Effect.context<R>(), (services) => {
    let failed: Exit.Exit<O, E> | undefined
    return Effect.flatMap(
      Effect.promise(() =>
        call(async (input, context) => {
          const exit = await Effect.runPromiseExitWith(services)(execute(input, context), { signal: context.signal })
          if (Exit.isSuccess(exit)) return exit.value
          failed = exit
          const failure = Cause.findErrorOption(exit.cause)
          throw Option.isSome(failure)
            ? new KeptFailure(failure.value, keptOf(failure.value))
            : Cause.squash(exit.cause)
        }).then(Exit.succeed, (error: unknown): Exit.Exit<O, E> => {
          if (failed !== undefined) return failed
          return error instanceof KeptFailure ? Exit.fail(failureOf(error) as E) : Exit.die(error)
        })
      ),
      (exit) => exit
    )
  })
