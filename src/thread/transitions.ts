/**
 * The steps that several decisions share: a run changes, waits for a worker, ends, and lets the next one in.
 *
 * Pure; every function answers a new control, or the same one if nothing changed. Which step is allowed when is
 * the work of the `decide…` files.
 */
import type { Event, Id, RunOutcome, Usage } from "../protocol/Event.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { LEASE_MILLIS, TAKE_MILLIS } from "../protocol/Limits.ts"
import type { CommandAnswer, Decision, Enqueue } from "./command.ts"
import type { Control, OpenRun } from "./control.ts"

/** The last millisecond of the year 9999: the `due` of what waits for something other than time. */
export const FAR_MILLIS = 253_402_300_799_999

/** RFC 3339; times that no calendar has are cut to the nearest that this format can write. */
export const timestampOf = (millis: number): string => new Date(Math.max(0, Math.min(FAR_MILLIS, millis))).toISOString()

export const append = (
  events: readonly Event[],
  control: Control,
  answer: CommandAnswer,
  notes: readonly { readonly key: string; readonly value: Json }[] = []
): Decision => ({ type: "append", events, control, notes, answer })
export const answerAt = (answer: CommandAnswer, offset: number): Decision => ({ type: "answer", answer, offset })
export const refuse = (fault: Fault): Decision => ({ type: "refuse", fault })
/** As a field to spread: absent when there is nothing to enqueue. */
export const mayEnqueue = (enqueue: readonly Enqueue[]): { readonly enqueue?: readonly Enqueue[] } =>
  enqueue.length === 0 ? {} : { enqueue }

export const putRun = (control: Control, run: OpenRun): Control => ({
  ...control,
  runs: control.runs.map((other) => (other.id === run.id ? run : other))
})
/** Unfinished runs of an agent that people started; what other runs call never counts as busy. */
export const topLevelRuns = (control: Control, agent: string): readonly OpenRun[] =>
  control.runs.filter((run) => run.parent === undefined && run.agent === agent)

/** When the sweeper must look at a run that is in its present state since `now`. A child is its parent's to look after. */
export const dueAt = (run: OpenRun, now: number): number => {
  let due = run.deadline ?? FAR_MILLIS
  if (run.cancel !== undefined) due = Math.min(due, run.cancel.endBy)
  if (run.parent === undefined && run.status === "waiting") return Math.min(due, now + TAKE_MILLIS)
  if (run.parent === undefined && run.status === "running") return Math.min(due, now + LEASE_MILLIS)
  if (run.status === "suspended") for (const ask of run.asks) due = Math.min(due, ask.expiresAt)
  return due
}
export const withStatus = (run: OpenRun, status: OpenRun["status"], now: number): OpenRun => {
  const next = { ...run, status }
  return { ...next, due: dueAt(next, now) }
}
export const nextEpoch = (run: OpenRun): Enqueue => ({ run: run.id, epoch: run.epoch + 1 })

/** The oldest queued run of an agent, if nothing else of that agent is unfinished. */
export const firstInLine = (control: Control, agent: string): OpenRun | undefined => {
  const runs = topLevelRuns(control, agent)
  return runs.every((run) => run.status === "queued") ? runs[0] : undefined
}

export interface Ended {
  readonly events: readonly Event[]
  readonly control: Control
  readonly enqueue: readonly Enqueue[]
}
const TOO_LATE = { completed: "finished", cancelled: "cancelled", failed: "failed" } as const

/**
 * Ends an open run: its children end, its asks are withdrawn, interrupts that were not applied are told so, and the
 * run that is queued behind it begins to wait for a worker.
 */
export const endRun = (
  control: Control,
  run: OpenRun,
  finished: { readonly outcome: RunOutcome; readonly usage?: readonly Usage[]; readonly by?: Id },
  now: number
): Ended => {
  const { outcome } = finished
  const ofChildren: Event[] = []
  let left: Control = control
  for (const child of control.runs.filter((other) => other.parent === run.id)) {
    const ended = endRun(
      left,
      child,
      { outcome: { type: "cancelled", reason: "the run that called it has ended" } },
      now
    )
    ofChildren.push(...ended.events)
    left = ended.control
  }
  left = { ...left, runs: left.runs.filter((other) => other.id !== run.id) }
  const next = run.parent === undefined ? firstInLine(left, run.agent) : undefined
  return {
    events: [
      ...ofChildren,
      ...run.asks.map((ask): Event => ({
        type: "ask.resolved",
        run: run.id,
        ask: ask.id,
        answer: { type: "withdrawn" },
        resolver: "system"
      })),
      ...run.interrupts.map((interrupt): Event => ({
        type: "interrupt.applied",
        run: run.id,
        interrupt: interrupt.id,
        outcome:
          interrupt.kind === "cancel" && outcome.type === "cancelled"
            ? { type: "applied" }
            : { type: "too-late", reason: TOO_LATE[outcome.type] }
      })),
      { type: "run.finished", ...finished, run: run.id }
    ],
    control: next === undefined ? left : putRun(left, withStatus(next, "waiting", now)),
    enqueue: next === undefined ? [] : [nextEpoch(next)]
  }
}

/** The run and all that it called, directly or not, that are unfinished. */
export const treeOf = (control: Control, run: OpenRun): readonly OpenRun[] => [
  run,
  ...control.runs.filter((other) => other.parent === run.id).flatMap((child) => treeOf(control, child))
]
const rootOf = (control: Control, run: OpenRun): OpenRun => {
  const parent = control.runs.find((other) => other.id === run.parent)
  return parent === undefined ? run : rootOf(control, parent)
}

/**
 * Something that the suspended `run` waited for has come: it may be taken again, and with it the runs that called
 * it; a job is made for the first of them. A paused one waits on. `run` need not be suspended.
 */
export const wake = (control: Control, run: OpenRun, now: number): Omit<Ended, "events"> => {
  const changed = putRun(control, run.status === "suspended" ? withStatus(run, "suspended", now) : run)
  const root = rootOf(changed, run)
  const asleep = root.status === "suspended" && treeOf(changed, root).every(({ pause }) => pause === undefined)
  if (!asleep) return { control: changed, enqueue: [] }
  const woken = treeOf(changed, root)
    .filter(({ status }) => status === "suspended")
    .reduce((next, each) => putRun(next, withStatus(each, "waiting", now)), changed)
  return { control: woken, enqueue: [nextEpoch(root)] }
}

/**
 * Ends a run that no worker holds. A run that called it and is suspended has nobody to tell it, so it is woken, and finds
 * its call without an outcome.
 */
export const endUnheld = (control: Control, run: OpenRun, outcome: RunOutcome, now: number): Ended => {
  const ended = endRun(control, run, { outcome }, now)
  const parent = ended.control.runs.find(({ id }) => id === run.parent)
  if (parent === undefined) return ended
  const woken = wake(ended.control, parent, now)
  return { ...ended, control: woken.control, enqueue: [...ended.enqueue, ...woken.enqueue] }
}

/** How a run ends whose cancel was accepted. */
export const cancelledOutcome = (run: OpenRun): RunOutcome => ({
  type: "cancelled",
  ...(run.cancel?.reason === undefined ? {} : { reason: run.cancel.reason })
})
