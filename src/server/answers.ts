/**
 * A person's answer before it is decided: may this one answer this ask, and does the value fit? PROTOCOL.md#asks
 *
 * What was asked is read from the log, never from the request. Whether the ask is open, in time and the one that was
 * shown is decided by the writer.
 */
import * as Effect from "effect/Effect"
import type { AskOpened } from "../protocol/Event.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import type { AnswerAsk } from "../protocol/UserInterrupt.ts"
import type { Principal } from "../ports/Access.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import { editDigest } from "../agent/askDigest.ts"
import { check } from "../agent/standardSchema.ts"
import { runOf, type OpenRun } from "../thread/control.ts"
import { decodeControl } from "../thread/decide.ts"
import { answerFits } from "../thread/decideAnswer.ts"
import { faultOf, parseEntry } from "../writer/readView.ts"
import type { ServerServices } from "./ServerServices.ts"

/** Answers the digest of an edited input; `undefined` where nothing is edited, or there is nothing to check. */
export const checkAnswer = (
  services: ServerServices,
  principal: Principal,
  name: string,
  thread: ThreadKey,
  interrupt: AnswerAsk
): Effect.Effect<string | undefined, Fault> =>
  Effect.gen(function* () {
    const { answer, ask } = interrupt
    const head = yield* Effect.mapError(services.log.head(thread), faultOf)
    const run = runOf(decodeControl(head.control), interrupt.run)
    const open = run?.asks.find(({ id }) => id === ask)
    if (run === undefined || open === undefined) return undefined
    const { logId, shown } = yield* readAsk(services, thread, open.offset, ask)
    // the thread was dropped in between: what the new log has of the run and its ask is looked at from the beginning
    if (logId !== head.logId) return yield* checkAnswer(services, principal, name, thread, interrupt)
    if (shown === undefined) return yield* Effect.fail(fault("ASK_CLOSED", "what was asked is no longer in the log"))
    const about = { run: run.id, agent: run.agent, startedBy: run.by, ask: shown }
    if (!(yield* services.access.authorize(principal, "answer", name, about)))
      return yield* Effect.fail(fault("FORBIDDEN", "the ask is for others to answer"))
    // what is wrong besides the value is decided with the rest
    if (interrupt.digest !== shown.digest || answer.type === "denied" || !answerFits(open.kind, answer.type))
      return undefined
    const problem = yield* Effect.promise(() => misfit(services, run, shown, answer))
    if (problem !== undefined) return yield* Effect.fail(problem)
    return answer.type === "approved" && answer.input !== undefined && shown.digest !== undefined
      ? editDigest(shown.digest, answer.input)
      : undefined
  })

/** As it was shown, and the log that it was looked for in. */
const readAsk = (services: ServerServices, thread: ThreadKey, offset: number, ask: string) =>
  Effect.map(
    Effect.mapError(services.log.read(thread, offset - 1, { limit: 1, maxBytes: 1 }), faultOf),
    ({ entries: [entry], head: { logId } }) => {
      const events = entry === undefined ? [] : parseEntry(entry).events
      const shown = events.find(
        (event): event is AskOpened => event.type === "ask.opened" && (event as AskOpened).ask === ask
      )
      return { logId, shown }
    }
  )

/** Why the value is not one that the agent can take. */
const misfit = async (
  { agents }: ServerServices,
  { agent: agentName }: OpenRun,
  shown: AskOpened,
  answer: Exclude<AnswerAsk["answer"], { readonly type: "denied" }>
): Promise<Fault | undefined> => {
  const agent = agents.get(agentName)
  if (agent === undefined) return fault("NOT_FOUND", "this backend does not know the agent that asks")
  const [value, path] =
    answer.type === "answered" ? [answer.value, "answer.value"] : ([answer.input, "answer.input"] as const)
  if (value === undefined) return undefined
  if (shown.kind === "choice") {
    const isOption = shown.options?.some(({ id }) => id === value) === true
    return isOption ? undefined : fault("BAD_INPUT", "the value is none of the options", { path })
  }
  const schema = shown.name === undefined ? undefined : agent.asks[shown.name]
  if (schema === undefined)
    return shown.kind === "approval" ? fault("BAD_INPUT", "this input cannot be edited", { path }) : undefined
  const checked = await check(schema, value as Json, "BAD_INPUT")
  if (checked.ok) return undefined
  const inner = checked.fault.path
  return { ...checked.fault, path: inner === undefined ? path : `${path}.${inner}` }
}
