/**
 * One run's way into its thread's writer: what it says is appended in order, and it hears when it must stop.
 */
import type { Event, Id } from "../protocol/Event.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { Note } from "../ports/ThreadLog.ts"
import type { Command } from "../thread/command.ts"
import type { OpenRun } from "../thread/control.ts"
import { DELTA_UNITS, type Delta, type Outcome, type Pending, type Waiting } from "./Pending.ts"

/** What a run's worker hears from the thread. */
export interface LineHandlers {
  /** The run's place in control changed: `undefined` when the run is over or taken by another epoch. */
  readonly onControl: (run: OpenRun | undefined) => void
  /** Events of the run are refused: nothing of it will be appended any more. */
  readonly onRefused: (fault: Fault) => void
}
/** One run's way into the writer. */
export interface Line {
  /** Takes the events; they are appended in order. `units`: UTF-16 units of their JSON, roughly. */
  readonly offer: (events: readonly Event[], units: number) => void
  /** As `offer` for the next piece of a part, without an event of its own where it can join the newest one. */
  readonly offerDelta: (type: Delta["type"], part: Id, text: string) => void
  /** Whether the caller should wait for `drained` before it offers more. */
  readonly full: () => boolean
  readonly drained: () => Promise<void>
  /** As `offer`; resolves when the events are durable, with their notes, or refused. */
  readonly commit: (events: readonly Event[], notes?: readonly Note[]) => Promise<Outcome>
  readonly detach: () => void
}
export interface AttachedLine {
  readonly run: Id
  readonly epoch: number
  readonly handlers: LineHandlers
  seen: OpenRun | undefined | null
  /** The history that the run was taken in: in another one, a run of the same id and epoch is another run. */
  logId: string | undefined
}
/** What is rare is measured; what streams says its size itself. `512` is for what deciding adds. */
export const unitsOf = (said: object): number => JSON.stringify(said).length + 512

/** Faults of what was committed: whoever commits is told, and the run goes on. */
const OF_THE_CALL = new Set<string>(["TOO_MANY", "TOO_LARGE", "DUPLICATE_DIFFERENT"])

export const makeLine = (
  attached: AttachedLine,
  pending: Pending,
  enqueue: (waiting: Omit<Waiting, "since">) => void,
  detach: () => void
): Line => {
  const { epoch, handlers, run } = attached
  const onOutcome = (outcome: Outcome) => {
    if (!outcome.ok) handlers.onRefused(outcome.fault)
  }
  return {
    offer: (said, units) => {
      if (pending.grow(attached, said, units)) return
      const events = [...said]
      const command: Command = { type: "emit", run, epoch, events }
      enqueue({ command, line: attached, open: { owner: attached, events, delta: undefined }, units, onOutcome })
    },
    offerDelta: (type, part, text) => {
      if (pending.growDelta(attached, type, part, text)) return
      const delta: Delta = { type, run, part, text }
      const units = text.length + DELTA_UNITS
      if (pending.grow(attached, [delta], units, delta)) return
      const events: Event[] = [delta]
      const command: Command = { type: "emit", run, epoch, events }
      enqueue({ command, line: attached, open: { owner: attached, events, delta }, units, onOutcome })
    },
    full: pending.full,
    drained: pending.drained,
    commit: (events, notes) =>
      new Promise((settle) => {
        const command: Command = { type: "emit", run, epoch, events, ...(notes === undefined ? {} : { notes }) }
        const settleBoth = (outcome: Outcome) => {
          if (outcome.ok || !OF_THE_CALL.has(outcome.fault.code)) onOutcome(outcome)
          settle(outcome)
        }
        enqueue({ command, line: attached, open: undefined, units: unitsOf(events), onOutcome: settleBoth })
      }),
    detach
  }
}
