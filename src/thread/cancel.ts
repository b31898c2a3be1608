/**
 * A run is to stop. PROTOCOL.md#cancel
 *
 * A run that no worker holds ends in the same entry. One that runs is told through control and has `graceMillis`
 * to finish tidily; then the sweeper ends it.
 */
import type { Event, Id } from "../protocol/Event.ts"
import type { Cancel } from "../protocol/UserInterrupt.ts"
import type { Control, OpenRun } from "./control.ts"
import { cancelledOutcome, dueAt, endUnheld, putRun, type Ended } from "./transitions.ts"

const DEFAULT_GRACE_MILLIS = 5_000
const MAX_GRACE_MILLIS = 60_000
/** Control is small; the whole reason is in the log. */
const MAX_REASON_LENGTH = 200

/** `offset` is that of the entry that is being made. */
export const cancelRun = (
  control: Control,
  run: OpenRun,
  cancel: Cancel,
  by: Id,
  now: number,
  offset: number
): Ended => {
  const received: Event = {
    type: "interrupt.received",
    run: run.id,
    interrupt: cancel,
    verdict: { type: "accepted" },
    by
  }
  if (run.cancel !== undefined) {
    const applied: Event = {
      type: "interrupt.applied",
      run: run.id,
      interrupt: cancel.id,
      outcome: { type: "applied" }
    }
    return { events: [received, applied], control, enqueue: [] }
  }
  const grace = Math.trunc(Math.max(0, Math.min(MAX_GRACE_MILLIS, cancel.graceMillis ?? DEFAULT_GRACE_MILLIS)))
  const wanted: OpenRun = {
    ...run,
    cancel: {
      interrupt: cancel.id,
      endBy: now + grace,
      ...(cancel.reason === undefined ? {} : { reason: cancel.reason.slice(0, MAX_REASON_LENGTH) })
    },
    interrupts: [...run.interrupts, { id: cancel.id, kind: "cancel", offset }]
  }
  if (run.status !== "running") {
    const ended = endUnheld(control, wanted, cancelledOutcome(wanted), now)
    return { ...ended, events: [received, ...ended.events] }
  }
  const due = Math.min(run.due, dueAt(wanted, now))
  return { events: [received], control: putRun(control, { ...wanted, due }), enqueue: [] }
}
