/**
 * Deciding what people send to a run: cancel, steer, pause, resume; answers are `decideAnswer`'s. PROTOCOL.md#interrupts
 *
 * Refused by state is recorded in the log, so that it is the same for ever and everyone sees it. Refused for
 * lack of rights, for shape or for number is only answered.
 */
import type { Event, Id, InterruptApplied, Verdict } from "../protocol/Event.ts"
import { fault, type FaultCode } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { MAX_OPEN_INTERRUPTS } from "../protocol/Limits.ts"
import { cancelRun } from "./cancel.ts"
import type { CommandAnswer, DecideContext, Decision, InterruptCommand } from "./command.ts"
import { runOf, type Control, type OpenRun } from "./control.ts"
import { answered, answerRefused, decisionNote } from "./decideAnswer.ts"
import { answeredBefore, noteTooLarge, recordOf } from "./recorded.ts"
import { append, mayEnqueue, putRun, refuse, wake, type Ended } from "./transitions.ts"

type Note = { readonly key: string; readonly value: Json }

export const decideInterrupt = (control: Control, command: InterruptCommand, context: DecideContext): Decision => {
  const { by, digest, interrupt } = command
  const key = `interrupt/${interrupt.id}`
  const before = answeredBefore(key, digest, context)
  if (before !== undefined) return before

  const run = runOf(control, interrupt.run)
  if (run === undefined && !context.notes.has(`run/${interrupt.run}`)) {
    return refuse(fault("NOT_FOUND", "there is no such run in this thread"))
  }
  const decide = (verdict: Verdict, changed: Ended, notes: readonly Note[] = []): Decision => {
    const answer: CommandAnswer = { type: "verdict", interrupt: interrupt.id, verdict, ...mayEnqueue(changed.enqueue) }
    const value = recordOf(digest, context.offset, answer, { interrupt, by })
    const tooLarge = noteTooLarge(value)
    if (tooLarge !== undefined) return refuse(tooLarge)
    return append(changed.events, changed.control, answer, [{ key, value }, ...notes])
  }
  const refuseByState = (code: FaultCode, message: string): Decision => {
    const verdict: Verdict = { type: "refused", error: fault(code, message) }
    return decide(verdict, {
      events: [{ type: "interrupt.received", run: interrupt.run, interrupt, verdict, by }],
      control,
      enqueue: []
    })
  }
  const accept = (changed: Ended, notes?: readonly Note[]): Decision => decide({ type: "accepted" }, changed, notes)

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
      return accept(received(control, run, command, context))
    case "pause":
      return accept(paused(control, run, command, context))
    case "resume":
      return accept(resumed(control, run, command, context))
    case "answer": {
      const refused = answerRefused(run, interrupt, by, context)
      if (refused !== undefined) {
        return refused.recorded ? refuseByState(refused.fault.code, refused.fault.message) : refuse(refused.fault)
      }
      return accept(answered(control, run, command, context), decisionNote(run, command, context))
    }
    default:
      return refuse(fault("UNKNOWN_TYPE", "an interrupt of this kind is not known", { path: "kind" }))
  }
}

const acceptedBy = ({ by, interrupt }: InterruptCommand): Event => ({
  type: "interrupt.received",
  run: interrupt.run,
  interrupt,
  verdict: { type: "accepted" },
  by
})
const appliedAt = (run: OpenRun, interrupt: Id, outcome: InterruptApplied["outcome"] = { type: "applied" }): Event => ({
  type: "interrupt.applied",
  run: run.id,
  interrupt,
  outcome
})

/** Kept in control until the run's worker applies it. */
const received = (control: Control, run: OpenRun, command: InterruptCommand, { offset }: DecideContext): Ended => {
  const { id, kind } = command.interrupt
  const kept: OpenRun = { ...run, interrupts: [...run.interrupts, { id, kind, offset }] }
  return { events: [acceptedBy(command)], control: putRun(control, kept), enqueue: [] }
}

/** A run that is suspended stays so; another suspends where its worker next can. */
const paused = (control: Control, run: OpenRun, command: InterruptCommand, context: DecideContext): Ended => {
  const { id } = command.interrupt
  if (run.pause === undefined && run.status !== "suspended") {
    return received(control, { ...run, pause: id }, command, context)
  }
  const events = [acceptedBy(command), appliedAt(run, id)]
  return { events, control: run.pause === undefined ? putRun(control, { ...run, pause: id }) : control, enqueue: [] }
}

const resumed = (control: Control, run: OpenRun, command: InterruptCommand, { now }: DecideContext): Ended => {
  const { pause, ...rest } = run
  const overtaken = run.interrupts.filter(({ id }) => id === pause)
  const events = [
    acceptedBy(command),
    ...overtaken.map(({ id }) => appliedAt(run, id, { type: "too-late", reason: "dropped" })),
    appliedAt(run, command.interrupt.id)
  ]
  if (pause === undefined) return { events, control, enqueue: [] }
  const next: OpenRun = { ...rest, interrupts: run.interrupts.filter((open) => !overtaken.includes(open)) }
  return { events, ...wake(control, next, now) }
}
