/**
 * Deciding what people begin: a posted message, a started run, and what becomes of the runs that are in its way.
 * PROTOCOL.md#start
 */
import type { Event, Id, MessagePosted, RunAccepted } from "../protocol/Event.ts"
import type { PostMessage } from "../protocol/Exchange.ts"
import { fault } from "../protocol/Fault.ts"
import { MAX_OPEN_RUNS } from "../protocol/Limits.ts"
import type { CommandAnswer, DecideContext, Decision, Enqueue, PostCommand, StartCommand } from "./command.ts"
import { runOf, type Control, type OpenRun } from "./control.ts"
import { answeredBefore, recordOf, usedBefore } from "./recorded.ts"
import {
  append,
  FAR_MILLIS,
  mayEnqueue,
  nextEpoch,
  refuse,
  timestampOf,
  topLevelRuns,
  withStatus
} from "./transitions.ts"
import { cancelRun } from "./cancel.ts"

const messagePosted = (message: PostMessage, by: Id): MessagePosted => ({
  type: "message.posted",
  message: message.id,
  role: "user",
  parts: message.parts,
  by,
  ...(message.name === undefined ? {} : { name: message.name }),
  ...(message.after === undefined ? {} : { after: message.after }),
  ...(message.replaces === undefined ? {} : { replaces: message.replaces })
})

export const decidePost = (
  control: Control,
  { by, digest, message }: PostCommand,
  context: DecideContext
): Decision => {
  const key = `message/${message.id}`
  const before = answeredBefore(key, digest, context)
  if (before !== undefined) return before
  const answer: CommandAnswer = { type: "posted", message: message.id }
  return append([messagePosted(message, by)], control, answer, [
    { key, value: recordOf(digest, context.offset, answer) }
  ])
}

export const decideStart = (control: Control, command: StartCommand, context: DecideContext): Decision => {
  const { digest, start } = command
  const key = `run/${start.id}`
  const before = answeredBefore(key, digest, context)
  if (before !== undefined) return before
  // nobody would take it on: who called it has no more need of it
  if (command.parent !== undefined && runOf(control, command.parent.run)?.status !== "running")
    return refuse(fault("RUN_TERMINAL", "the run that calls does not run any more"))
  const messageKey = start.message === undefined ? undefined : `message/${start.message.id}`
  if (messageKey !== undefined && context.notes.has(messageKey)) return refuse(usedBefore(messageKey))
  if (control.runs.length >= MAX_OPEN_RUNS) {
    return refuse(fault("TOO_MANY", `the thread has ${MAX_OPEN_RUNS} unfinished runs`, { limit: MAX_OPEN_RUNS }))
  }

  const onBusy = start.onBusy ?? command.policy.onBusy
  const busy = command.parent === undefined && onBusy !== "parallel" ? topLevelRuns(control, start.agent) : []
  if (busy.length > 0 && onBusy === "reject") {
    return refuse(fault("RUN_BUSY", "the agent has an unfinished run in this thread; wait for it or cancel it"))
  }
  const replaced = onBusy === "replace" ? replaceRuns(control, busy, command, context) : { control, events: [] }
  const status = busy.some((run) => replaced.control.runs.some((left) => left.id === run.id)) ? "queued" : "waiting"

  const run = openRun(command, status, context)
  const enqueue: readonly Enqueue[] = status === "waiting" ? [nextEpoch(run)] : []
  const answer: CommandAnswer = { type: "started", run: run.id, ...mayEnqueue(enqueue) }
  const posted: CommandAnswer | undefined = start.message && { type: "posted", message: start.message.id }
  return append(
    [
      ...(start.message === undefined ? [] : [messagePosted(start.message, command.by)]),
      runAccepted(command, run),
      ...replaced.events
    ],
    { ...replaced.control, runs: [...replaced.control.runs, run] },
    answer,
    [
      {
        key,
        value: recordOf(
          digest,
          context.offset,
          answer,
          command.principal === undefined ? {} : { principal: command.principal }
        )
      },
      ...(messageKey === undefined || posted === undefined
        ? []
        : [{ key: messageKey, value: recordOf(digest, context.offset, posted) }])
    ]
  )
}

/** Every run in the way gets a cancel that bears the new run's id; those that no worker holds end at once. */
const replaceRuns = (
  control: Control,
  busy: readonly OpenRun[],
  { by, start }: StartCommand,
  context: DecideContext
) => {
  const events: Event[] = []
  let next = control
  for (const run of busy) {
    const cancelled = cancelRun(
      next,
      run,
      { kind: "cancel", id: start.id, run: run.id, reason: "replaced" },
      by,
      context.now,
      context.offset
    )
    events.push(...cancelled.events)
    next = cancelled.control
  }
  return { control: next, events }
}

const openRun = (
  { by, parent, policy, start }: StartCommand,
  status: "queued" | "waiting",
  context: DecideContext
): OpenRun => {
  const deadline = deadlineOf(context.now, policy.deadlineMillis)
  const run: OpenRun = {
    id: start.id,
    agent: start.agent,
    status,
    epoch: 0,
    acceptedAt: context.now,
    due: 0,
    ...(deadline === undefined ? {} : { deadline }),
    by,
    ...(parent === undefined ? {} : { parent: parent.run }),
    onWorkerLost: policy.onWorkerLost,
    interrupts: [],
    asks: [],
    settled: context.offset
  }
  return withStatus(run, status, context.now)
}

/** Control is JSON with whole numbers; what is no number of milliseconds is no deadline. */
const deadlineOf = (now: number, millis: number | undefined): number | undefined =>
  millis === undefined || !Number.isFinite(millis)
    ? undefined
    : Math.min(FAR_MILLIS, now + Math.max(0, Math.trunc(millis)))

const runAccepted = ({ by, parent, start }: StartCommand, run: OpenRun): RunAccepted => ({
  type: "run.accepted",
  run: run.id,
  agent: run.agent,
  by,
  ...(start.input === undefined ? {} : { input: start.input }),
  ...(start.message === undefined ? {} : { message: start.message.id }),
  ...(parent === undefined ? {} : { parent }),
  ...(start.continues === undefined ? {} : { continues: start.continues }),
  ...(start.replaces === undefined ? {} : { replaces: start.replaces }),
  ...(start.tags === undefined ? {} : { tags: start.tags }),
  ...(run.deadline === undefined ? {} : { deadline: timestampOf(run.deadline) })
})
