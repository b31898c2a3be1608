/**
 * Deciding that content is erased, and what is left of an entry then. PROTOCOL.md#contenterased
 *
 * `content.erased` is appended before anything is overwritten, with what idempotency needs of the notes that will go:
 * a process that dies in between leaves a log in which erasing again does the rest.
 */
import type { Event, KnownEvent, RunOutcome } from "../protocol/Event.ts"
import type { Entry } from "../protocol/Entry.ts"
import { fault } from "../protocol/Fault.ts"
import type { Decision, DecideContext, EraseCommand } from "./command.ts"
import { runOf, type Control } from "./control.ts"
import { append, refuse } from "./transitions.ts"

/** Where the answer to an interrupt is kept whose note was deleted. */
export const erasedKey = (key: string) => `erased/${key}`

export const decideErase = (control: Control, command: EraseCommand, context: DecideContext): Decision => {
  const { by, from, kept, reason, runs, to } = command
  if (to >= context.offset)
    return refuse(fault("OFFSET_AHEAD", `the log ends at ${context.offset - 1}`, { path: "to" }))
  if (runs.some((run) => runOf(control, run) !== undefined)) {
    return refuse(fault("RUN_BUSY", "a run that is not finished has content there; cancel it first"))
  }
  const erased: Event = {
    type: "content.erased",
    offsets: [[from, to]],
    ...(reason === undefined ? {} : { reason }),
    ...(by === undefined ? {} : { by })
  }
  const notes = kept.filter(({ key }) => !context.notes.has(key))
  return append([erased], control, { type: "erased" }, notes)
}

/** Whether erasing would change something: what was overwritten already has nothing left to erase. */
export const hasContent = (events: Entry["events"]): boolean => {
  const left = withoutContent(events)
  return left.length !== events.length || JSON.stringify(left) !== JSON.stringify(events)
}

/** What stays of erased events: that runs began and ended, that asks are over, and what was erased before. */
export const withoutContent = (events: Entry["events"]): readonly Event[] =>
  (events as readonly KnownEvent[]).flatMap((event): readonly Event[] => {
    switch (event.type) {
      case "run.accepted": {
        const { agent, parent, run, type } = event
        return [{ type, run, agent, ...(parent === undefined ? {} : { parent }) }]
      }
      case "run.started": {
        const { epoch, from, run, type } = event
        return [{ type, run, epoch, ...(from === undefined ? {} : { from }) }]
      }
      case "run.finished": {
        const { outcome, run, type } = event
        return [{ type, run, outcome: outcomeWithoutContent(outcome) }]
      }
      case "ask.resolved": {
        const { ask, resolver, run, type } = event
        return [{ type, run, ask, resolver, answer: { type: "withdrawn" } }]
      }
      case "content.erased":
        return [event]
      default:
        return []
    }
  })

export const outcomeWithoutContent = (outcome: RunOutcome): RunOutcome => {
  if (outcome.type !== "failed") return { type: outcome.type }
  const { code, retryable } = outcome.error
  return { type: "failed", error: { code, message: "erased", retryable } }
}
