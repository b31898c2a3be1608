/**
 * Deciding what people send to a run: cancel, steer, pause, resume, answer. PROTOCOL.md#interrupts
 *
 * Refused by state is recorded in the log, so that it is the same for ever and everyone sees it. Refused for
 * lack of rights, for shape or for number is only answered.
 */
import type { Event, Verdict } from "../protocol/Event.ts"
import { fault, type FaultCode } from "../protocol/Fault.ts"
import { MAX_OPEN_INTERRUPTS } from "../protocol/Limits.ts"
import type { AnswerAsk } from "../protocol/UserInterrupt.ts"
import { cancelRun } from "./cancel.ts"
import type { CommandAnswer, DecideContext, Decision, InterruptCommand } from "./command.ts"
import { runOf, type Control, type OpenRun } from "./control.ts"
import { answeredBefore, noteTooLarge, recordOf } from "./recorded.ts"
import { append, mayEnqueue, nextEpoch, putRun, refuse, withStatus, type Ended } from "./transitions.ts"

export const decideInterrupt = (control: Control, command: InterruptCommand, context: DecideContext): Decision => {
  const { by, digest, interrupt } = command
  const key = `interrupt/${interrupt.id}`
  const before = answeredBefore(key, digest, context)
  if (before !== undefined) return before

  const run = runOf(control, interrupt.run)
  if (run === undefined && !context.notes.has(`run/${interrupt.run}`)) {
    return refuse(fault("NOT_FOUND", "there is no such run in this thread"))
  }
  const decide = (verdict: Verdict, changed: Ended): Decision => {
    const answer: CommandAnswer = { type: "verdict", interrupt: interrupt.id, verdict, ...mayEnqueue(changed.enqueue) }
    const value = recordOf(digest, context.offset, answer, { interrupt, by })
    const tooLarge = noteTooLarge(value)
    return tooLarge === undefined ? append(changed.events, changed.control, answer, [{ key, value }]) : refuse(tooLarge)
  }
  const refuseByState = (code: FaultCode, message: string): Decision => {
    const verdict: Verdict = { type: "refused", error: fault(code, message) }
    return decide(verdict, {
      events: [{ type: "interrupt.received", run: interrupt.run, interrupt, verdict, by }],
      control,
      enqueue: []
    })
  }
  const accept = (changed: Ended): Decision => decide({ type: "accepted" }, changed)

  if (run === undefined) return refuseByState("RUN_TERMINAL", "the run has ended")
  // a cancel gets through however much else is open; a second one changes nothing
  if (interrupt.kind !== "cancel" && interrupt.kind !== "answer" && run.interrupts.length >= MAX_OPEN_INTERRUPTS) {
    return refuse(
      fault("TOO_MANY", `the run has ${MAX_OPEN_INTERRUPTS} interrupts to apply first`, { limit: MAX_OPEN_INTERRUPTS })
    )
  }
  switch (interrupt.kind) {
    case "cancel":
      return accept(cancelRun(control, run, interrupt, by, context.now, context.offset))
    case "steer":
      return accept(received(control, run, run, command, context))
    case "pause":
      return accept(received(control, run, { ...run, pause: interrupt.id }, command, context))
    case "resume": {
      const { pause: _, ...resumed } = run
      const wakes = run.status === "suspended" && run.asks.length === 0
      return accept(
        received(control, run, wakes ? withStatus(resumed, "waiting", context.now) : resumed, command, context)
      )
    }
    case "answer": {
      const ask = run.asks.find((open) => open.id === interrupt.ask)
      if (ask === undefined) return refuseByState("ASK_CLOSED", "the ask is not open")
      if (ask.answerableBy !== undefined && !ask.answerableBy.includes(by)) {
        return refuse(fault("FORBIDDEN", "the ask is for others to answer"))
      }
      if (!answerFits(ask.kind, interrupt.answer.type)) {
        return refuse(
          fault("BAD_SHAPE", `an ask of this kind is not ${interrupt.answer.type}`, { path: "answer.type" })
        )
      }
      // written so that an expiry which is not a number counts as passed
      if (!(context.now < ask.expiresAt))
        return refuseByState("APPROVAL_EXPIRED", "the ask expired before the answer came")
      if (ask.digest !== undefined && ask.digest !== interrupt.digest) {
        return refuseByState("APPROVAL_MISMATCH", "what was answered is not what was asked; reload and look again")
      }
      return accept(answered(control, run, interrupt, command, context))
    }
    default:
      return refuse(fault("UNKNOWN_TYPE", "an interrupt of this kind is not known", { path: "kind" }))
  }
}

const answerFits = (kind: string, answer: AnswerAsk["answer"]["type"]): boolean =>
  answer === "denied" || (kind === "approval" ? answer === "approved" : answer === "answered")

/** Kept in control until the run's worker applies it; `changed` is what else it does to the run. */
const received = (
  control: Control,
  run: OpenRun,
  changed: OpenRun,
  { by, interrupt }: InterruptCommand,
  { offset }: DecideContext
): Ended => ({
  events: [{ type: "interrupt.received", run: run.id, interrupt, verdict: { type: "accepted" }, by }],
  control: putRun(control, {
    ...changed,
    interrupts: [...run.interrupts, { id: interrupt.id, kind: interrupt.kind, offset }]
  }),
  enqueue: changed.status === "waiting" && run.status === "suspended" ? [nextEpoch(run)] : []
})

/** An answer is applied by being recorded; a run that waits for it goes on. */
const answered = (
  control: Control,
  run: OpenRun,
  interrupt: AnswerAsk,
  { by }: InterruptCommand,
  { now, offset }: DecideContext
): Ended => {
  const events: Event[] = [
    { type: "interrupt.received", run: run.id, interrupt, verdict: { type: "accepted" }, by },
    { type: "interrupt.applied", run: run.id, interrupt: interrupt.id, outcome: { type: "applied" } },
    { type: "ask.resolved", run: run.id, ask: interrupt.ask, answer: interrupt.answer, resolver: "person", by }
  ]
  const next: OpenRun = { ...run, settled: offset, asks: run.asks.filter((ask) => ask.id !== interrupt.ask) }
  const wakes = run.status === "suspended"
  return {
    events,
    control: putRun(control, wakes ? withStatus(next, "waiting", now) : next),
    enqueue: wakes ? [nextEpoch(run)] : []
  }
}
