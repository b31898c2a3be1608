/**
 * What must be true of a log by itself: its chain, its runs and epochs, its interrupts and asks. Answers what the
 * other checks look up in it. PROTOCOL.md#epochs, PROTOCOL.md#interrupts, PROTOCOL.md#asks
 */
import type { Entry } from "../protocol/Entry.ts"
import type { KnownEvent, Verdict } from "../protocol/Event.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"
import { createFold } from "../thread/fold.ts"
import type { LogRecord, Report } from "./historyRecords.ts"

type AskOpened = Extract<KnownEvent, { readonly type: "ask.opened" }>
type AskResolved = Extract<KnownEvent, { readonly type: "ask.resolved" }>

export interface CheckedAsk {
  readonly opened: AskOpened
  resolved?: AskResolved
}
export interface CheckedInterrupt {
  readonly interrupt: UserInterrupt
  readonly verdict: Verdict
  readonly offset: number
  applied: number
}
export interface CheckedCall {
  readonly run: string
  readonly executor: string
  /** Offset of the newest `tool.called`. */
  calledAt?: number
  /** Type of its outcome. */
  outcome?: string
}
export interface CheckedRun {
  readonly id: string
  /** Every offset at which it was accepted. */
  readonly acceptedAt: number[]
  epoch: number
  finishedAt?: number
  /** Parts, calls and steps that the present epoch began. */
  begun: Set<string>
}
export interface CheckedLog {
  readonly logId: string
  readonly entries: readonly { readonly offset: number; readonly id: string; readonly body: string }[]
  readonly runs: ReadonlyMap<string, CheckedRun>
  /** By `interruptKey`: a run that replaces several others cancels each under its own id. */
  readonly interrupts: ReadonlyMap<string, CheckedInterrupt>
  /** Offsets at which a message was posted, by its id. */
  readonly messages: ReadonlyMap<string, readonly number[]>
  readonly calls: ReadonlyMap<string, CheckedCall>
  readonly asks: ReadonlyMap<string, CheckedAsk>
  /** JSON text of the view at an offset; offsets must be asked for in rising order. */
  readonly views: (offsets: readonly number[]) => ReadonlyMap<number, string>
}

export const interruptKey = (run: string, interrupt: string): string => `${run}\0${interrupt}`

export const readLog = (log: LogRecord, report: Report): CheckedLog => {
  const entries: Entry[] = []
  const runs = new Map<string, CheckedRun>()
  const interrupts = new Map<string, CheckedInterrupt>()
  const messages = new Map<string, number[]>()
  const calls = new Map<string, CheckedCall>()
  const asks = new Map<string, CheckedAsk>()
  let at = 0
  let time = ""

  const runOf = (event: KnownEvent): CheckedRun | undefined => {
    if (!("run" in event) || event.run === undefined) return undefined
    const run = runs.get(event.run)
    if (run === undefined) {
      if (event.type !== "run.accepted")
        report("fenced", `${event.type} at ${at} is of run ${event.run}, never accepted`)
      return undefined
    }
    if (run.finishedAt !== undefined && event.type !== "interrupt.received") {
      const invariant = event.type === "run.finished" ? "one-end" : "nothing-after-end"
      report(invariant, `${event.type} at ${at} is of run ${run.id}, which ended at ${run.finishedAt}`)
    }
    return run
  }
  /** What goes on with a part, a call or a step is of the epoch that began it. */
  const begin = (run: CheckedRun | undefined, kind: string, id: string) => run?.begun.add(`${kind}/${id}`)
  const goOn = (run: CheckedRun | undefined, kind: string, id: string, type: string) => {
    if (run === undefined || run.begun.has(`${kind}/${id}`)) return
    report("fenced", `${type} at ${at} is of ${kind} ${id}, which epoch ${run.epoch} of run ${run.id} did not begin`)
  }
  const worked = (run: CheckedRun | undefined, type: string) => {
    if (run !== undefined && run.epoch === 0) report("fenced", `${type} at ${at}: run ${run.id} was never started`)
  }

  const see = (event: KnownEvent) => {
    const run = runOf(event)
    switch (event.type) {
      case "run.accepted":
        if (run !== undefined) {
          run.acceptedAt.push(at)
          return report("one-effect", `run ${run.id} was accepted at ${run.acceptedAt.join(" and ")}`)
        }
        runs.set(event.run, { id: event.run, acceptedAt: [at], epoch: 0, begun: new Set() })
        return
      case "run.started":
        if (run === undefined) return
        if (event.epoch !== run.epoch + 1)
          report("epochs-grow", `run ${run.id} went from epoch ${run.epoch} to ${event.epoch} at ${at}`)
        run.epoch = event.epoch
        run.begun = new Set([...run.begun].filter((one) => one.startsWith("client/")))
        return
      case "run.heartbeat":
        if (run !== undefined && event.epoch !== run.epoch)
          report("fenced", `epoch ${event.epoch} of run ${run.id} said at ${at} that it lives; ${run.epoch} has it`)
        return
      case "run.finished":
        if (run !== undefined) run.finishedAt ??= at
        return
      case "message.posted":
        return void messages.set(event.message, [...(messages.get(event.message) ?? []), at])
      case "text.started":
      case "reasoning.started":
        worked(run, event.type)
        return void begin(run, "part", event.part)
      case "text.delta":
      case "text.finished":
      case "reasoning.delta":
      case "reasoning.finished":
        return goOn(run, "part", event.part, event.type)
      case "step.started":
        worked(run, event.type)
        return void begin(run, "step", event.step)
      case "step.finished":
        return goOn(run, "step", event.step, event.type)
      case "tool.started":
        worked(run, event.type)
        begin(run, event.executor === "client" ? "client" : "call", event.call)
        return void calls.set(event.call, { ...calls.get(event.call), run: event.run, executor: event.executor })
      case "tool.called":
      case "tool.delta":
      case "tool.progress":
      case "tool.finished": {
        const call = calls.get(event.call)
        if (event.type === "tool.called" && call !== undefined) call.calledAt = at
        if (event.type === "tool.finished" && call !== undefined) call.outcome = event.outcome.type
        return goOn(run, call?.executor === "client" ? "client" : "call", event.call, event.type)
      }
      case "interrupt.received":
        return received(event)
      case "interrupt.applied": {
        const received = interrupts.get(interruptKey(event.run, event.interrupt))
        if (received?.verdict.type !== "accepted")
          return report("interrupt-applied", `${event.interrupt} is applied at ${at} and was not accepted before`)
        if (++received.applied > 1) report("interrupt-applied", `${event.interrupt} is applied again at ${at}`)
        return
      }
      case "ask.opened":
        if (asks.has(event.ask)) report("asked-once", `ask ${event.ask} is opened again at ${at}`)
        else asks.set(event.ask, { opened: event })
        return
      case "ask.resolved":
        return resolved(event)
    }
  }
  const received = (event: Extract<KnownEvent, { readonly type: "interrupt.received" }>) => {
    const { id } = event.interrupt
    const key = interruptKey(event.run, id)
    const before = interrupts.get(key)
    if (before !== undefined)
      return report("one-verdict", `interrupt ${id} has a verdict at ${before.offset} and at ${at}`)
    interrupts.set(key, { interrupt: event.interrupt, verdict: event.verdict, offset: at, applied: 0 })
  }
  const resolved = (event: AskResolved) => {
    const ask = asks.get(event.ask)
    if (ask === undefined) return report("asked-once", `ask ${event.ask} is resolved at ${at} and was not opened`)
    if (ask.resolved !== undefined) return report("asked-once", `ask ${event.ask} is resolved again at ${at}`)
    ask.resolved = event
    const { digest, expiresAt } = ask.opened
    if (event.resolver !== "person") return
    // both are the store's time, in a form that sorts
    if (!(time < expiresAt))
      report("not-expired", `ask ${event.ask} expired at ${expiresAt} and was answered at ${time}`)
    const answers = [...interrupts.values()].filter(
      ({ interrupt, verdict }) =>
        interrupt.kind === "answer" && interrupt.ask === event.ask && verdict.type === "accepted"
    )
    const fits = answers.some(({ interrupt }) => interrupt.kind === "answer" && interrupt.digest === digest)
    if (digest !== undefined && event.answer.type === "approved" && !fits)
      report("as-shown", `ask ${event.ask} was approved at ${at} with another digest than it showed`)
  }

  let previous = ""
  for (const stored of log.entries) {
    let entry: Entry
    try {
      entry = JSON.parse(stored.body) as Entry
    } catch {
      report("readable", `the entry at ${stored.offset} is no JSON`)
      continue
    }
    at++
    if (stored.offset !== at || entry.offset !== at)
      report("dense", `entry ${at} of log ${log.logId} says it is ${entry.offset} (the store: ${stored.offset})`)
    if (entry.logId !== log.logId) report("chained", `entry ${at} of log ${log.logId} is of log ${entry.logId}`)
    if (entry.prev !== previous || entry.id !== stored.id)
      report("chained", `entry ${at} (${entry.id}) follows "${entry.prev}", and before it is "${previous}"`)
    previous = entry.id
    at = entry.offset
    time = entry.at
    entries.push(entry)
    for (const event of entry.events as readonly KnownEvent[]) see(event)
  }
  for (const { applied, interrupt, verdict } of interrupts.values()) {
    if (verdict.type !== "accepted" || applied > 0) continue
    const run = runs.get(interrupt.run)
    if (run?.finishedAt !== undefined)
      report(
        "interrupt-applied",
        `${interrupt.kind} ${interrupt.id} was accepted and never applied; run ${run.id} ended`
      )
  }
  for (const { opened, resolved: closed } of asks.values()) {
    if (closed === undefined && runs.get(opened.run)?.finishedAt !== undefined)
      report("asked-once", `ask ${opened.ask} was never resolved; run ${opened.run} ended`)
  }

  const views = (offsets: readonly number[]) => {
    const wanted = new Set(offsets)
    const found = new Map<number, string>()
    const fold = createFold()
    if (wanted.has(0)) found.set(0, JSON.stringify({ ...fold.view, logId: log.logId }))
    for (const entry of entries) {
      fold.apply(entry)
      if (wanted.has(entry.offset)) found.set(entry.offset, JSON.stringify(fold.view))
    }
    return found
  }
  return { logId: log.logId, entries: log.entries, runs, interrupts, messages, calls, asks, views }
}
