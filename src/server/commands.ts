/**
 * What people send: messages, runs, interrupts. Checked for shape and rights here, decided by the writer.
 * PROTOCOL.md#requests
 *
 * Refused for shape, rights or size: answered, never appended. Refused by state: recorded in the log.
 */
import * as Effect from "effect/Effect"
import type {
  InterruptReceipt,
  PostMessage,
  PostMessageReceipt,
  SocketInterrupt,
  StartRun,
  StartRunReceipt
} from "../protocol/Exchange.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"
import type { Principal } from "../ports/Access.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import { enqueueAnswered } from "../agent/enqueue.ts"
import { digestOf } from "../writer/digest.ts"
import { check } from "../agent/standardSchema.ts"
import type { Command, EmitCommand } from "../thread/command.ts"
import { admitted } from "./admit.ts"
import { checkAnswer } from "./answers.ts"
import { permit } from "./caller.ts"
import type { ServerServices } from "./ServerServices.ts"

/** A request that the log did not settle by then is answered; the same id asks again. */
const ANSWER_MILLIS = 20_000
/** Plain data by construction: it was decoded from JSON. */
const digest = (body: object) => digestOf(body as unknown as Json)

const submit = (services: ServerServices, thread: ThreadKey, command: Exclude<Command, EmitCommand>) =>
  Effect.gen(function* () {
    const outcome = yield* services.writers
      .get(thread)
      .submit(command)
      .pipe(
        Effect.timeoutOrElse({
          duration: ANSWER_MILLIS,
          orElse: () =>
            Effect.fail(fault("OUTCOME_UNKNOWN", "the log did not settle it in time; send the same id again"))
        })
      )
    if (!outcome.ok) return yield* Effect.fail(outcome.fault)
    yield* enqueueAnswered(services.queue, thread, outcome.answer)
    return outcome
  })

export const postMessage = (services: ServerServices, principal: Principal, name: string, message: PostMessage) =>
  Effect.gen(function* () {
    const thread = yield* permit(services, principal, "post", name)
    const { offset } = yield* submit(services, thread, {
      type: "post",
      by: principal.id,
      message,
      digest: digest(message)
    })
    return { ok: true, offset, message: message.id } satisfies PostMessageReceipt
  })

export const startRun = (services: ServerServices, principal: Principal, name: string, start: StartRun) =>
  Effect.gen(function* () {
    const thread = yield* permit(services, principal, "start", name)
    const agent = services.agents.get(start.agent)
    if (agent === undefined)
      return yield* Effect.fail(fault("NOT_FOUND", "there is no agent of this name", { path: "agent" }))
    // notes of a run begin with its id and a slash, and are nobody else's
    if (start.id.includes("/")) return yield* Effect.fail(fault("BAD_ID", "a run's id has no slash", { path: "id" }))
    // who may only start does not stop what others run, unless the agent was made so
    if (start.onBusy === "replace" && agent.policy.onBusy !== "replace")
      yield* permit(services, principal, "interrupt", name)
    const input = yield* Effect.promise(() => check(agent.input, start.input ?? null, "BAD_INPUT"))
    if (!input.ok) {
      const { path } = input.fault
      return yield* Effect.fail({ ...input.fault, path: path === undefined ? "input" : `input.${path}` } as Fault)
    }
    yield* admitted(services.admit, principal, name, start)
    const { offset } = yield* submit(services, thread, {
      type: "start",
      by: principal.id,
      start,
      policy: agent.policy,
      digest: digest(start),
      principal: principal as unknown as Json
    })
    return { ok: true, offset, run: start.id } satisfies StartRunReceipt
  })

export const interruptRun = (services: ServerServices, principal: Principal, name: string, interrupt: UserInterrupt) =>
  Effect.gen(function* () {
    const thread = yield* permit(services, principal, interrupt.kind === "answer" ? "answer" : "interrupt", name)
    const edited =
      interrupt.kind === "answer" ? yield* checkAnswer(services, principal, name, thread, interrupt) : undefined
    const { answer, offset } = yield* submit(services, thread, {
      type: "interrupt",
      by: principal.id,
      interrupt,
      digest: digest(interrupt),
      ...(edited === undefined ? {} : { edited })
    })
    const verdict = answer.type === "verdict" ? answer.verdict : ({ type: "accepted" } as const)
    if (verdict.type === "refused") return yield* Effect.fail(verdict.error)
    return { ok: true, offset, interrupt: interrupt.id, verdict } satisfies InterruptReceipt
  })

export const socketInterrupt = (services: ServerServices, principal: Principal, sent: SocketInterrupt) =>
  interruptRun(services, principal, sent.thread, sent.interrupt)
