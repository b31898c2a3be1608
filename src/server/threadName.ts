/** A thread as operators name it, outside of any request. */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import { isThreadName } from "../protocol/Id.ts"
import type { LogError } from "../ports/LogError.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import type { Command, CommandAnswer, EmitCommand } from "../thread/command.ts"
import { faultOf } from "../writer/readView.ts"
import type { ServerServices } from "./ServerServices.ts"
import { keyOf, TENANT } from "./tenants.ts"

export interface ThreadName {
  /** `"main"` when absent. */
  readonly tenant?: string
  readonly thread: string
}
export const namedThread = (name: ThreadName): Effect.Effect<ThreadKey, Fault> =>
  isThreadName(name.thread) && (name.tenant === undefined || TENANT.test(name.tenant))
    ? Effect.succeed(keyOf(name, name.thread))
    : Effect.fail(fault("BAD_ID", "the tenant or the thread is not a name", { path: "thread" }))

export const orFault = <A>(effect: Effect.Effect<A, LogError>): Effect.Effect<A, Fault> =>
  Effect.catch(effect, (error) => Effect.fail(faultOf(error)))

/** What an operator wants appended; the writer itself gives up on a log that does not answer. */
export const command = (
  services: ServerServices,
  thread: ThreadKey,
  command: Exclude<Command, EmitCommand>
): Effect.Effect<{ readonly answer: CommandAnswer; readonly offset: number }, Fault> =>
  Effect.flatMap(services.writers.get(thread).submit(command), (outcome) =>
    outcome.ok ? Effect.succeed(outcome) : Effect.fail(outcome.fault)
  )
