/**
 * Folding what happens to runs: their life, steps, interrupts and asks.
 *
 * Every function answers whether the event fits what came before it.
 */
import type {
  AskOpened,
  AskResolved,
  InterruptApplied,
  InterruptReceived,
  RunAccepted,
  RunFinished,
  RunStarted,
  RunStatus,
  RunSuspended,
  StepFinished,
  StepStarted
} from "../protocol/Event.ts"
import type { Entry } from "../protocol/Entry.ts"
import type {
  ViewAsk,
  ViewInterrupt,
  ViewPart,
  ViewReasoning,
  ViewRun,
  ViewStep,
  ViewText,
  ViewTool
} from "../protocol/View.ts"
import {
  listOf,
  nothingOpen,
  own,
  ownPart,
  ownRun,
  pick,
  setMessages,
  type Folding,
  type RunPlace
} from "./foldState.ts"

export const runAccepted = (
  folding: Folding,
  _: RunPlace | undefined,
  { type: _type, run: id, input, message, deadline, ...event }: RunAccepted,
  { at }: Entry
): boolean => {
  if (folding.runs.has(id)) return false
  const runs = own(folding, folding.view, "runs") as ViewRun[]
  folding.runs.set(id, { at: runs.length, open: nothingOpen() })
  runs.push({
    ...event,
    id,
    state: "waiting",
    epoch: 0,
    steps: [],
    interrupts: [],
    acceptedAt: at
  })
  return true
}

const STATUS = ["label", "detail", "fraction", "level"] as const
/** The run, changeable, without these fields. */
const runWithout = (folding: Folding, place: RunPlace, fields: readonly (keyof ViewRun)[]) => {
  const run = ownRun(folding, place.at)
  for (const field of fields) delete (run as Partial<ViewRun>)[field]
  return run
}

export const runStarted = (folding: Folding, place: RunPlace, { epoch, from }: RunStarted): boolean => {
  if (epoch <= folding.view.runs[place.at]!.epoch) return false
  Object.assign(runWithout(folding, place, [...STATUS, "suspended"]), { state: "running", epoch })
  // the worker that wrote them is gone
  closeTexts(folding, place)
  if (from !== undefined) rewind(folding, place, from)
  return true
}

/**
 * What an earlier epoch showed after `from` leaves the view, outside finished steps. A recorded call that finished
 * began before `from`; one that did not is begun again by the new epoch.
 */
const rewind = (folding: Folding, place: RunPlace, from: number): void => {
  const run = ownRun(folding, place.at)
  run.steps = run.steps.filter((step) => step.offset <= from || step.state === "completed")
  const stays = (part: ViewPart) =>
    part.offset <= from || run.steps.some((step) => step.id === part.step && step.state === "completed")
  const messages = listOf(folding.pages).flatMap((message) => {
    const parts = message.parts.filter((part) => (part.run ?? message.run) !== run.id || stays(part))
    if (parts.length === message.parts.length) return [message]
    return parts.length === 0 && message.run === run.id ? [] : [{ ...message, parts }]
  })
  setMessages(folding, messages)
}

export const runStatus = (folding: Folding, place: RunPlace, event: RunStatus): boolean =>
  !!Object.assign(runWithout(folding, place, STATUS), pick(event, ...STATUS))

export const runSuspended = (folding: Folding, place: RunPlace, event: RunSuspended): boolean => {
  const run = ownRun(folding, place.at)
  run.state = "suspended"
  run.suspended = event.why
  return true
}

const closeTexts = (folding: Folding, place: RunPlace): void => {
  for (const kind of ["text", "reasoning"] as const) {
    for (const at of place.open![kind].values()) ownPart<ViewText | ViewReasoning>(folding, at).state = "done"
    place.open![kind].clear()
  }
}
export const runFinished = (folding: Folding, place: RunPlace, event: RunFinished, { at }: Entry): boolean => {
  closeTexts(folding, place)
  if (event.outcome.type !== "completed") {
    for (const call of place.open!.tool.values()) {
      const tool = ownPart<ViewTool>(folding, call)
      tool.state = "done"
      tool.outcome = { type: "cancelled" }
    }
  }
  place.open = undefined
  const ended = { state: "finished", ...pick(event, "outcome", "usage"), finishedAt: at }
  return !!Object.assign(runWithout(folding, place, ["suspended"]), ended)
}

/** Changes the newest of a list that `is` the one; answers whether there is one. */
const amend = <T>(list: T[], is: (item: T) => boolean, change: Partial<T>): boolean => {
  const at = list.findLastIndex(is)
  if (at >= 0) list[at] = { ...list[at]!, ...change }
  return at >= 0
}
const stepsOf = (folding: Folding, place: RunPlace) => own(folding, ownRun(folding, place.at), "steps") as ViewStep[]
const interruptsOf = (folding: Folding, place: RunPlace) =>
  own(folding, ownRun(folding, place.at), "interrupts") as ViewInterrupt[]
const asksOf = (folding: Folding) => own(folding, folding.view, "asks") as ViewAsk[]

export const stepStarted = (
  folding: Folding,
  place: RunPlace,
  { type: _type, run, step: id, ...event }: StepStarted,
  { offset }: Entry
): boolean => {
  const steps = stepsOf(folding, place)
  const begun = { ...event, id, state: "running" } as const
  const isSame = (step: ViewStep) => step.id === id
  if (steps.some((step) => isSame(step) && step.state === "completed")) return false
  // a resumed run begins the step again that its earlier epoch did not complete
  return amend(steps, isSame, begun) || steps.push({ ...begun, offset }) > 0
}
export const stepFinished = (folding: Folding, place: RunPlace, event: StepFinished): boolean =>
  amend(stepsOf(folding, place), (step) => step.id === event.step && step.state === "running", {
    state: event.outcome,
    ...pick(event, "reason")
  })

/** People are answered after the end, too. */
export const interruptReceived = (
  folding: Folding,
  place: RunPlace | undefined,
  event: InterruptReceived,
  { at }: Entry
): boolean => {
  const { interrupt, verdict } = event
  if (!place) return false
  const interrupts = interruptsOf(folding, place)
  if (interrupts.some((known) => known.id === interrupt.id)) return false
  interrupts.push({
    id: interrupt.id,
    kind: interrupt.kind,
    state: verdict.type,
    ...(interrupt.kind === "steer" && { parts: interrupt.message.parts }),
    ...pick(event, "by"),
    ...(verdict.type === "refused" && { reason: verdict.error.code }),
    at
  })
  return true
}
export const interruptApplied = (
  folding: Folding,
  place: RunPlace | undefined,
  { interrupt, outcome, ...event }: InterruptApplied
): boolean =>
  !!place &&
  amend(interruptsOf(folding, place), (known) => known.id === interrupt, {
    state: outcome.type,
    ...pick(event, "step"),
    ...(outcome.type === "too-late" && { reason: outcome.reason })
  })

/** `by` is who answers. */
export const askOpened = (
  folding: Folding,
  _: RunPlace,
  { type: _type, ask: id, by, ...event }: AskOpened
): boolean => {
  const asks = asksOf(folding)
  if (asks.some((ask) => ask.id === id)) return false
  asks.push({ ...event, id })
  return true
}
export const askResolved = (folding: Folding, _: RunPlace, event: AskResolved): boolean =>
  amend(
    asksOf(folding),
    (ask) => ask.id === event.ask && ask.run === event.run && !ask.answer,
    pick(event, "answer", "by")
  )
