/**
 * Deciding what a worker does with a run: it takes it, and says what it does. PROTOCOL.md#epochs
 *
 * Only the epoch that took a run may speak for it. Whatever comes late is refused, so that the worker stops.
 */
import type { Event, RunSuspended } from "../protocol/Event.ts"
import { fault } from "../protocol/Fault.ts"
import { LEASE_MILLIS, MAX_EPOCHS, MAX_OPEN_ASKS } from "../protocol/Limits.ts"
import type { DecideContext, Decision, EmitCommand, TakeCommand } from "./command.ts"
import { runOf, type Control, type OpenAsk, type OpenRun } from "./control.ts"
import {
  answerAt,
  append,
  cancelledOutcome,
  dueAt,
  endRun,
  FAR_MILLIS,
  firstInLine,
  mayEnqueue,
  nextEpoch,
  putRun,
  refuse,
  treeOf,
  withStatus
} from "./transitions.ts"

const ENDED = fault("RUN_TERMINAL", "the run has ended")

export const decideTake = (control: Control, command: TakeCommand, { now }: DecideContext): Decision => {
  const { epoch, run: id } = command
  const run = runOf(control, id)
  if (run === undefined) return refuse(ENDED)
  const lost = run.status === "running" && (run.parent === undefined ? run.due <= now : true)
  if (!isFree(control, run, lost, command) || run.epoch !== epoch - 1) {
    return refuse(fault("RUN_NOT_WAITING", `the run does not wait for epoch ${epoch}`))
  }
  if (run.cancel !== undefined || (run.deadline !== undefined && run.deadline <= now) || (lost && !mayRetry(run)))
    return endInstead(control, run, lost, now)
  const taken: OpenRun = {
    ...run,
    epoch,
    ...(run.settled === undefined ? {} : { taken: run.settled }),
    ...(lost ? { lost: (run.lost ?? 0) + 1 } : {})
  }
  const from = epoch > 1 && run.settled !== undefined ? { from: run.settled } : {}
  return append(
    [{ type: "run.started", run: id, epoch, ...from }],
    putRun(control, withStatus(taken, "running", now)),
    { type: "taken", ...from }
  )
}
const mayRetry = (run: OpenRun) => run.onWorkerLost === "retry"
/** A child is free for whoever holds its parent now: who held it before held an earlier epoch of the parent. */
const isFree = (control: Control, run: OpenRun, lost: boolean, { parentEpoch }: TakeCommand): boolean => {
  if (run.parent !== undefined) {
    const parent = runOf(control, run.parent)
    return parent?.status === "running" && parent.epoch === parentEpoch
  }
  return (
    run.status === "waiting" ||
    (lost && mayRetry(run)) ||
    (run.status === "queued" && firstInLine(control, run.agent) === run)
  )
}
const endInstead = (control: Control, run: OpenRun, lost: boolean, now: number): Decision => {
  const outcome =
    run.cancel !== undefined ? cancelledOutcome(run) : lost && !mayRetry(run) ? workerLost() : deadlineExceeded()
  const ended = endRun(control, run, { outcome }, now)
  return append(ended.events, ended.control, { type: "swept", ...mayEnqueue(ended.enqueue) })
}
export const workerLost = () =>
  ({ type: "failed", error: fault("WORKER_LOST", "the worker died; start the run again") }) as const
export const deadlineExceeded = () =>
  ({ type: "failed", error: fault("DEADLINE_EXCEEDED", "the run took longer than its deadline") }) as const

/** Events that only decisions make. */
const NOT_A_WORKERS = new Set<string>(["run.accepted", "run.started", "interrupt.received", "content.erased"])

export const decideEmit = (control: Control, command: EmitCommand, context: DecideContext): Decision => {
  const run = runOf(control, command.run)
  if (run === undefined) return refuse(ENDED)
  if (run.epoch !== command.epoch || run.status !== "running") {
    return refuse(fault("EPOCH_FENCED", `the run is in epoch ${run.epoch}, not running in epoch ${command.epoch}`))
  }
  const notes = command.notes ?? []
  const last = command.events.at(-1)
  if (last === undefined) return badEvents("is empty")
  // a recorded call is finished when its result is in a note; what a model's own stream shows is not recorded
  const settles = (id: string | undefined) =>
    notes.some(({ key }) => key.startsWith(`step/${id}/`) || key.startsWith(`checkpoint/${id}/`))
  let next: OpenRun = settles(run.id) ? { ...run, settled: context.offset } : run
  /** What somebody else decided in between: what the worker says of it is passed over. */
  const late = new Set<Event>()
  for (let at = 0; at < command.events.length; at++) {
    const event = command.events[at]!
    if ("run" in event && event.run !== undefined && event.run !== run.id) return badEvents(`[${at}] is of another run`)
    if (NOT_A_WORKERS.has(event.type)) return badEvents(`[${at}] is not a worker's to say`)
    switch (event.type) {
      case "run.finished":
      case "run.suspended":
        if (at !== command.events.length - 1) return badEvents(`[${at}] must be the last`)
        break
      case "interrupt.applied":
        if (!next.interrupts.some((open) => open.id === event.interrupt)) {
          late.add(event)
          break
        }
        next = { ...next, interrupts: next.interrupts.filter((open) => open.id !== event.interrupt) }
        break
      case "ask.opened": {
        const expiresAt = Date.parse(event.expiresAt)
        if (!(expiresAt > run.acceptedAt && expiresAt <= FAR_MILLIS))
          return badEvents(`[${at}].expiresAt is not a time to come`)
        if (next.asks.some((open) => open.id === event.ask)) return badEvents(`[${at}].ask is open already`)
        if (next.asks.length >= MAX_OPEN_ASKS) {
          return refuse(
            fault("TOO_MANY", `the run has ${MAX_OPEN_ASKS} open asks; wait for answers`, { limit: MAX_OPEN_ASKS })
          )
        }
        const { answerableBy, digest, fourEyes } = event
        const ask: OpenAsk = {
          id: event.ask,
          kind: event.kind,
          offset: context.offset,
          expiresAt,
          ...(digest === undefined ? {} : { digest }),
          ...(answerableBy === undefined ? {} : { answerableBy }),
          ...(fourEyes === undefined ? {} : { fourEyes })
        }
        next = { ...next, asks: [...next.asks, ask] }
        break
      }
      case "ask.resolved":
        if (!next.asks.some((open) => open.id === event.ask)) {
          late.add(event)
          break
        }
        next = { ...next, settled: context.offset, asks: next.asks.filter((open) => open.id !== event.ask) }
        break
    }
  }

  const events = late.size === 0 ? command.events : command.events.filter((event) => !late.has(event))
  if (events.length === 0) return answerAt({ type: "emitted" }, 0)
  if (last.type === "run.finished") {
    const { run: _, type: __, ...finished } = last
    // the end of a called run is the result of its caller's call
    const caller = run.parent === undefined || !settles(run.parent) ? undefined : runOf(control, run.parent)
    const before = caller === undefined ? control : putRun(control, { ...caller, settled: context.offset })
    const ended = endRun(before, next, finished, context.now)
    return append(
      [...events.slice(0, -1), ...ended.events],
      ended.control,
      { type: "emitted", ...mayEnqueue(ended.enqueue) },
      notes
    )
  }
  if (last.type === "run.suspended") return suspend(control, next, last, { events, notes }, context)
  // control keeps its identity most of the time: a lease is renewed when a third of it is used up
  if (context.now + LEASE_MILLIS - next.due > LEASE_MILLIS / 3) {
    const due = dueAt(next, context.now)
    if (due > next.due) next = { ...next, due }
  }
  return append(events, next === run ? control : putRun(control, next), { type: "emitted" }, notes)
}
const badEvents = (problem: string): Decision =>
  refuse(fault("BAD_SHAPE", `events${problem.startsWith("[") ? "" : " "}${problem}`, { path: "events" }))

/**
 * A suspended run waits for people; one that nobody would wake goes back to the workers at once. A child waits with
 * its parent, which says what it waits for. One whose host's time ends again and again without headway is given up.
 */
const suspend = (
  control: Control,
  run: OpenRun,
  event: RunSuspended,
  { events, notes }: Required<Pick<EmitCommand, "events" | "notes">>,
  { now }: DecideContext
): Decision => {
  if (run.cancel !== undefined) {
    const ended = endRun(control, run, { outcome: cancelledOutcome(run) }, now)
    return append([...events, ...ended.events], ended.control, { type: "emitted", ...mayEnqueue(ended.enqueue) }, notes)
  }
  const tree = treeOf(putRun(control, run), run)
  const open = new Set(tree.flatMap(({ asks }) => asks.map(({ id }) => id)))
  const waits =
    run.parent !== undefined ||
    tree.some(({ pause }) => pause !== undefined) ||
    (event.why === "asked" && open.size > 0 && (event.asks ?? []).every((id) => open.has(id)))
  const stuck = event.why === "time-limit" && run.taken === run.settled
  const lost = (run.lost ?? 0) + 1
  if (stuck && lost >= MAX_EPOCHS) {
    const ended = endRun(control, run, { outcome: deadlineExceeded() }, now)
    return append([...events, ...ended.events], ended.control, { type: "emitted", ...mayEnqueue(ended.enqueue) }, notes)
  }
  const next = withStatus(stuck ? { ...run, lost } : run, waits ? "suspended" : "waiting", now)
  return append(events, putRun(control, next), { type: "emitted", ...mayEnqueue(waits ? [] : [nextEpoch(run)]) }, notes)
}
