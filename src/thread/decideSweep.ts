/**
 * Deciding what becomes of a run whose time has come: lost, expired, or still to be taken. PROTOCOL.md#due
 *
 * Every unfinished run ends in the log, also when every process that knew of it is gone.
 */
import type { Event, RunOutcome } from "../protocol/Event.ts"
import { fault } from "../protocol/Fault.ts"
import { MAX_EPOCHS } from "../protocol/Limits.ts"
import type { Json } from "../protocol/Json.ts"
import { askKey, type Decided, type DecideContext, type Decision, type Enqueue, type SweepCommand } from "./command.ts"
import { runOf, type Control, type OpenAsk, type OpenRun } from "./control.ts"
import { deadlineExceeded, workerLost } from "./decideRun.ts"
import {
  answerAt,
  append,
  cancelledOutcome,
  endUnheld,
  firstInLine,
  mayEnqueue,
  nextEpoch,
  wake
} from "./transitions.ts"

const swept = (...enqueue: readonly Enqueue[]): Decision => answerAt({ type: "swept", ...mayEnqueue(enqueue) }, 0)

export const decideSweep = (control: Control, { run: id }: SweepCommand, context: DecideContext): Decision => {
  const { now } = context
  const run = runOf(control, id)
  if (run === undefined) return swept()
  const outcome = endOf(control, run, now)
  if (outcome !== undefined) {
    const ended = endUnheld(control, run, outcome, now)
    return append(ended.events, ended.control, { type: "swept", ...mayEnqueue(ended.enqueue) })
  }
  const over = run.asks.filter((ask) => isOver(ask, now))
  if (over.length > 0) return expire(control, run, over, context)
  // a child is handed out by its parent, and ends with it
  if (run.parent !== undefined) return swept()
  switch (run.status) {
    case "queued":
      return firstInLine(control, run.agent) === run ? swept(nextEpoch(run)) : swept()
    case "waiting":
    case "running":
      return run.due <= now ? swept(nextEpoch(run)) : swept()
    case "suspended":
      return swept()
  }
}
/** Written so that an expiry which is not a number counts as passed. */
const isOver = (ask: OpenAsk, now: number) => !(now < ask.expiresAt)

/** How the run must end now, if it must. */
const endOf = (control: Control, run: OpenRun, now: number): RunOutcome | undefined => {
  const isLost = run.status === "running" && run.due <= now
  if (run.parent !== undefined && runOf(control, run.parent) === undefined)
    return { type: "cancelled", reason: "the run that called it has ended" }
  // its time to end tidily is over, or its worker is: a cancelled run is not given to another
  if (run.cancel !== undefined && run.due <= now) return cancelledOutcome(run)
  if (run.deadline !== undefined && run.deadline <= now) return deadlineExceeded()
  if (!isLost) return undefined
  if (run.parent !== undefined) return undefined
  if (run.onWorkerLost === "fail") return workerLost()
  return (run.lost ?? 0) + 1 >= MAX_EPOCHS
    ? { type: "failed", error: fault("WORKER_LOST", `the run lost its worker ${MAX_EPOCHS} times`) }
    : undefined
}

/** Asks that nobody answered in time are over, and a run that waits for them goes on to say what that means for it. */
const expire = (control: Control, run: OpenRun, over: readonly OpenAsk[], { now, offset }: DecideContext): Decision => {
  const answer = { type: "expired" } as const
  const events = over.map(({ id }): Event => ({
    type: "ask.resolved",
    run: run.id,
    ask: id,
    answer,
    resolver: "system"
  }))
  const decided: Decided = { answer, at: now }
  const notes = over.map(({ id }) => ({ key: askKey(run.id, id), value: decided as unknown as Json }))
  const left: OpenRun = { ...run, settled: offset, asks: run.asks.filter((ask) => !over.includes(ask)) }
  const woken = wake(control, left, now)
  return append(events, woken.control, { type: "swept", ...mayEnqueue(woken.enqueue) }, notes)
}
