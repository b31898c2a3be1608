/**
 * Deciding what becomes of a run whose time has come: lost, expired, or still to be taken. PROTOCOL.md#due
 *
 * Every unfinished run ends in the log, also when every process that knew of it is gone.
 */
import type { Event, RunOutcome } from "../protocol/Event.ts"
import { fault } from "../protocol/Fault.ts"
import { MAX_EPOCHS } from "../protocol/Limits.ts"
import type { DecideContext, Decision, Enqueue, SweepCommand } from "./command.ts"
import { runOf, type Control, type OpenRun } from "./control.ts"
import { deadlineExceeded } from "./decideRun.ts"
import {
  answerAt,
  append,
  cancelledOutcome,
  endRun,
  firstInLine,
  mayEnqueue,
  nextEpoch,
  putRun,
  withStatus
} from "./transitions.ts"

const swept = (...enqueue: readonly Enqueue[]): Decision => answerAt({ type: "swept", ...mayEnqueue(enqueue) }, 0)

export const decideSweep = (control: Control, { run: id }: SweepCommand, context: DecideContext): Decision => {
  const { now } = context
  const run = runOf(control, id)
  if (run === undefined) return swept()
  const outcome = endOf(run, now)
  if (outcome !== undefined) {
    const ended = endRun(control, run, { outcome }, now)
    return append(ended.events, ended.control, { type: "swept", ...mayEnqueue(ended.enqueue) })
  }
  switch (run.status) {
    case "queued":
      return firstInLine(control, run.agent) === run ? swept(nextEpoch(run)) : swept()
    case "waiting":
    case "running":
      return run.due <= now ? swept(nextEpoch(run)) : swept()
    case "suspended":
      return expire(control, run, context)
  }
}

/** How the run must end now, if it must. */
const endOf = (run: OpenRun, now: number): RunOutcome | undefined => {
  const isLost = run.status === "running" && run.due <= now
  // its time to end tidily is over, or its worker is: a cancelled run is not given to another
  if (run.cancel !== undefined && run.due <= now) return cancelledOutcome(run)
  if (run.deadline !== undefined && run.deadline <= now) return deadlineExceeded()
  if (!isLost) return undefined
  if (run.onWorkerLost === "fail")
    return { type: "failed", error: fault("WORKER_LOST", "the worker died; start the run again") }
  return (run.lost ?? 0) + 1 >= MAX_EPOCHS
    ? { type: "failed", error: fault("WORKER_LOST", `the run lost its worker ${MAX_EPOCHS} times`) }
    : undefined
}

/** Asks that nobody answered in time are over, and the run goes on to say what that means for it. */
const expire = (control: Control, run: OpenRun, { now, offset }: DecideContext): Decision => {
  // written so that an expiry which is not a number counts as passed
  const over = run.asks.filter((ask) => !(now < ask.expiresAt))
  if (over.length === 0) return swept()
  const events = over.map((ask): Event => ({
    type: "ask.resolved",
    run: run.id,
    ask: ask.id,
    answer: { type: "expired" },
    resolver: "system"
  }))
  const left: OpenRun = { ...run, settled: offset, asks: run.asks.filter((ask) => !over.includes(ask)) }
  return append(events, putRun(control, withStatus(left, "waiting", now)), { type: "swept", enqueue: [nextEpoch(run)] })
}
