/**
 * Declares an agent: a name, what goes in and comes out, how its runs are treated, and the function that runs.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import * as Duration from "effect/Duration"
import type { OnBusy } from "../protocol/Exchange.ts"
import type { RunPolicy } from "../thread/control.ts"
import type { AskSchemas } from "./Ask.ts"
import type { CustomEvents, Run, StreamAdapter } from "./Run.ts"

const DEFAULT_HOLD = "30 seconds"

export interface AgentOptions<
  In extends StandardSchemaV1,
  Out extends StandardSchemaV1,
  Events extends CustomEvents,
  Context,
  Asks extends AskSchemas
> {
  /** 1–128 characters; clients start the agent by it. */
  readonly name: string
  /** Any Standard Schema. Checked before the run is accepted; a client gets `BAD_INPUT` naming the field. */
  readonly input: In
  /** Checked when the function returns; a misfit ends the run as failed with `BAD_OUTPUT`. */
  readonly output?: Out
  /** Schemas of the agent's own events, for `run.emit`. */
  readonly events?: Events
  /** Schemas of what people may answer (`run.ask.input`), edit (`run.ask.approval`) or execute, by name. */
  readonly asks?: Asks
  /**
   * How long an ask is waited for in the process before the run suspends and lets go of it; default 30 seconds. A
   * number is milliseconds; 0 suspends at once.
   */
  readonly holdFor?: Duration.Input
  /** What to do with a start while a run of this agent is unfinished in the thread; default `queue`. */
  readonly onBusy?: OnBusy
  /** From acceptance to the end; default none. A number is milliseconds. */
  readonly deadline?: Duration.Input
  /** A run whose worker died: end it as failed (default), or give it to another from the first line. */
  readonly onWorkerLost?: "fail" | "retry"
  /** How `run.pipe` reads a stream when it is not told, such as `aiSdk`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- any framework's parts
  readonly pipe?: StreamAdapter<any, any>
  readonly run: (
    run: Run<Events, Context, Asks>,
    input: StandardSchemaV1.InferOutput<In>
  ) => Promise<StandardSchemaV1.InferInput<Out>>
}
export interface Agent<Input = unknown, Output = unknown> {
  readonly name: string
  readonly input: StandardSchemaV1
  readonly output: StandardSchemaV1 | undefined
  readonly events: CustomEvents
  readonly asks: AskSchemas
  readonly holdMillis: number
  readonly policy: RunPolicy
  // oxlint-disable-next-line typescript/no-explicit-any -- any framework's parts
  readonly pipe: StreamAdapter<any, any> | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- the worker holds agents of every type
  readonly run: (run: Run<any, any, any>, input: any) => Promise<unknown>
  /** Only types: what a client passes to `start` and what the run's result is. */
  readonly "~types"?: { readonly input: Input; readonly output: Output }
}

export const defineAgent = <
  In extends StandardSchemaV1,
  Out extends StandardSchemaV1 = StandardSchemaV1<void, void>,
  // oxlint-disable-next-line typescript/no-empty-object-type -- no events of its own
  Events extends CustomEvents = {},
  Context = unknown,
  // oxlint-disable-next-line typescript/no-empty-object-type -- no asks of its own
  Asks extends AskSchemas = {}
>(
  options: AgentOptions<In, Out, Events, Context, Asks>
): Agent<StandardSchemaV1.InferInput<In>, StandardSchemaV1.InferOutput<Out>> => ({
  name: options.name,
  input: options.input,
  output: options.output,
  events: options.events ?? {},
  asks: options.asks ?? {},
  holdMillis: Duration.toMillis(Duration.fromInputUnsafe(options.holdFor ?? DEFAULT_HOLD)),
  policy: {
    onBusy: options.onBusy ?? "queue",
    onWorkerLost: options.onWorkerLost ?? "fail",
    ...(options.deadline === undefined
      ? {}
      : { deadlineMillis: Duration.toMillis(Duration.fromInputUnsafe(options.deadline)) })
  },
  pipe: options.pipe,
  run: options.run
})
