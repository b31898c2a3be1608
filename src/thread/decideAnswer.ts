/**
 * Deciding a person's answer to an ask: whether it may be, and what it does. PROTOCOL.md#asks
 *
 * An ask is decided once, by someone who may, in time, and on what was shown; everything else is refused. Whether a
 * value fits its schema is checked before, by who holds the schema.
 */
import type { Event } from "../protocol/Event.ts"
import { fault, type Fault, type FaultCode } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import type { AnswerAsk } from "../protocol/UserInterrupt.ts"
import { askKey, type Decided, type DecideContext, type InterruptCommand } from "./command.ts"
import type { Control, OpenAsk, OpenRun } from "./control.ts"
import { wake, type Ended } from "./transitions.ts"

/** `recorded`: refused by state, so that it is the same for ever; the rest is only answered. */
interface Refused {
  readonly recorded: boolean
  readonly fault: Fault & { readonly code: FaultCode }
}
const refused = (recorded: boolean, code: FaultCode, message: string, path?: string): Refused => ({
  recorded,
  fault: { ...fault(code, message, path === undefined ? {} : { path }), code }
})

/** Why the answer is not taken; `undefined` if it is. */
export const answerRefused = (
  run: OpenRun,
  interrupt: AnswerAsk,
  by: string,
  { notes, now }: DecideContext
): Refused | undefined => {
  const ask = run.asks.find((open) => open.id === interrupt.ask)
  if (ask === undefined) return closed(notes.get(askKey(run.id, interrupt.ask)))
  if (ask.answerableBy !== undefined && !ask.answerableBy.includes(by))
    return refused(false, "FORBIDDEN", "the ask is for others to answer")
  if (ask.fourEyes === true && run.by === by)
    return refused(false, "FORBIDDEN", "somebody else than who started the run must answer")
  if (!answerFits(ask.kind, interrupt.answer.type))
    return refused(false, "BAD_SHAPE", `an ask of this kind is not ${interrupt.answer.type}`, "answer.type")
  // written so that an expiry which is not a number counts as passed
  if (!(now < ask.expiresAt)) return refused(true, "APPROVAL_EXPIRED", "the ask expired before the answer came")
  if (ask.digest !== undefined && !isSame(ask.digest, interrupt.digest))
    return refused(true, "APPROVAL_MISMATCH", "what was answered is not what was asked; reload and look again")
  return undefined
}

const closed = (note: Json | undefined): Refused => {
  const decided = note as unknown as Decided | undefined
  switch (decided?.answer.type) {
    case "approved":
    case "denied":
      return refused(true, "APPROVAL_ALREADY_DECIDED", `it was ${decided.answer.type} by ${decided.by ?? "a policy"}`)
    case "expired":
      return refused(true, "APPROVAL_EXPIRED", "the ask expired before the answer came")
    default:
      return refused(true, "ASK_CLOSED", "the ask is not open")
  }
}

/** Whether asks of this kind are answered so. */
export const answerFits = (kind: OpenAsk["kind"], answer: AnswerAsk["answer"]["type"]): boolean =>
  answer === "denied" || (kind === "approval" ? answer === "approved" : answer === "answered")

/** Takes as long whatever differs. */
const isSame = (expected: string, got: string | undefined): boolean => {
  let different = got?.length === expected.length ? 0 : 1
  for (let at = 0; at < expected.length; at++) different |= expected.charCodeAt(at) ^ (got?.charCodeAt(at) ?? 0)
  return different === 0
}

/** The decision as a worker will read it, and check it again where the tool runs. */
export const decisionNote = (run: OpenRun, command: InterruptCommand, { now }: DecideContext) => {
  const { answer, ask } = command.interrupt as AnswerAsk
  const digest = command.edited ?? run.asks.find((open) => open.id === ask)?.digest
  const decided: Decided = { answer, ...(digest === undefined ? {} : { digest }), by: command.by, at: now }
  return [{ key: askKey(run.id, ask), value: decided as unknown as Json }]
}

/** An answer is applied by being recorded; a run that waits for it goes on. */
export const answered = (
  control: Control,
  run: OpenRun,
  { by, interrupt }: InterruptCommand,
  { now, offset }: DecideContext
): Ended => {
  const { answer, ask, id } = interrupt as AnswerAsk
  const events: Event[] = [
    { type: "interrupt.received", run: run.id, interrupt, verdict: { type: "accepted" }, by },
    { type: "interrupt.applied", run: run.id, interrupt: id, outcome: { type: "applied" } },
    { type: "ask.resolved", run: run.id, ask, answer, resolver: "person", by }
  ]
  const next: OpenRun = { ...run, settled: offset, asks: run.asks.filter((open) => open.id !== ask) }
  return { events, ...wake(control, next, now) }
}
