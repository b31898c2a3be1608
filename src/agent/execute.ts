/**
 * Executes one run that was taken: calls the agent's function, hears interrupts meanwhile, and writes its end.
 *
 * Promises: the run ends exactly once, as completed, cancelled or failed, unless it is fenced or suspended, and then
 * says nothing more. `run.signal` has aborted before the end of a cancelled run is written. A function that does not
 * stop is left behind: nothing it says after the end is kept.
 */
import * as Effect from "effect/Effect"
import type { Event, Id, RunOutcome, Usage } from "../protocol/Event.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import { LEASE_MILLIS } from "../protocol/Limits.ts"
import type { Note } from "../ports/ThreadLog.ts"
import { askKey, type Decided } from "../thread/command.ts"
import type { OpenRun } from "../thread/control.ts"
import { nameOf } from "../writer/draft.ts"
import { persist } from "../writer/settle.ts"
import { readView } from "../writer/readView.ts"
import type { AgentServices } from "./AgentServices.ts"
import { makeAskFace } from "./askFace.ts"
import { makeAsks } from "./asks.ts"
import { callChild } from "./callChild.ts"
import type { Agent } from "./defineAgent.ts"
import { enqueueAnswered } from "./enqueue.ts"
import { makeHold, type Member } from "./hold.ts"
import { makeRunInterrupts, readAfterRun, readSteering } from "./interrupts.ts"
import { makeRun } from "./makeRun.ts"
import { makeOutput } from "./Output.ts"
import { makeRecordedCalls } from "./recordedCalls.ts"
import { parkedKey } from "./recordedNotes.ts"
import { callAgent, runFault } from "./runOutcome.ts"
import { RunAborted } from "./RunAborted.ts"
import type { Executed, Taken } from "./Taken.ts"
import { makeTimers } from "./timers.ts"
import { makeValues } from "./values.ts"

/** Of its host's time a run keeps this much for what is under way, a quarter at most: later it begins no call. */
const HOST_MARGIN_MILLIS = 30_000

export const execute = async (services: AgentServices, agent: Agent, taken: Taken): Promise<Executed> => {
  const { epoch, hostMillis, parent, run: id, start, thread } = taken
  const { fork, log, nextId, now, perform } = services
  const writer = services.writers.get(thread)
  const controller = new AbortController()
  const interrupts = makeRunInterrupts()
  const usage: Usage[] = []
  const timers = makeTimers(fork)
  const { after } = timers
  let forced: (outcome: RunOutcome | "fenced") => void
  /** Resolves when the run must end although its function has not. */
  const mustEnd = new Promise<RunOutcome | "fenced">((resolve) => (forced = resolve))
  let cancelled: RunOutcome | undefined
  let finishing = false
  let seen: OpenRun | undefined

  const abort = (code: string, message: string) => {
    if (!controller.signal.aborted) controller.abort(new RunAborted(code, message))
  }
  const fence = (problem: Fault) => {
    if (finishing) return
    abort(problem.code, problem.message)
    forced("fenced")
  }
  const cancel = (reason: string | undefined, graceMillis: number) => {
    cancelled ??= { type: "cancelled", ...(reason === undefined ? {} : { reason }) }
    abort("CANCELLED", reason ?? "a person stopped the run")
    after(graceMillis, () => forced(cancelled!))
  }
  const onControl = (open: OpenRun | undefined) => {
    if (open === undefined) return fence(fault("EPOCH_FENCED", "the run has ended, or another worker has it"))
    seen = open
    const wanted = interrupts.see(open)
    for (const steer of wanted.steers) {
      // one that cannot be read is told as too late when the run ends, so nothing is lost silently
      const words = persist(readSteering(log, thread, steer), () => controller.signal.aborted)
      fork(
        Effect.map(
          Effect.orElseSucceed(words, () => undefined),
          (steering) => interrupts.keep(steer, steering)
        )
      )
    }
    if (finishing) return
    asks.see(open)
    hold.want(id, open.pause === undefined ? undefined : "paused")
    if (wanted.cancel === undefined) return
    output.say({ type: "interrupt.applied", interrupt: wanted.cancel.interrupt, outcome: { type: "applied" } })
    cancel(wanted.cancel.reason, wanted.cancel.endBy - writer.storeNow())
  }

  const hold = parent?.hold ?? makeHold({ holdMillis: agent.holdMillis, after })
  const line = writer.attach(id, epoch, {
    onControl,
    onRefused: fence
  })
  const message = `${id}:answer`
  const output = makeOutput({ run: id, message, line, nextId, now })
  const values = makeValues(services, thread)
  const calls = makeRecordedCalls({
    run: id,
    epoch,
    line,
    hold,
    nextId,
    values,
    notes: taken.notes,
    onPassed: () => (output.silent = false)
  })
  output.silent = calls.replaying()
  const { storeNow } = writer
  const readDecision = (ask: Id) =>
    perform(persist(log.note(thread, askKey(id, ask)), () => controller.signal.aborted)) as Promise<Decided | undefined>
  const sweep = () => {
    const swept = writer.submit({ type: "sweep", run: id })
    fork(
      Effect.flatMap(swept, (told) => (told.ok ? enqueueAnswered(services.queue, thread, told.answer) : Effect.void))
    )
  }
  const asks = makeAsks({
    thread,
    message,
    schemas: agent.asks,
    calls,
    output,
    hold,
    signal: controller.signal,
    storeNow,
    readDecision,
    sweep,
    after
  })
  const member: Member = {
    asks: () => seen?.asks.map(({ id: ask }) => ask) ?? [],
    suspend: async (why, open, parks) => {
      finishing = true
      const paused = seen?.interrupts.filter(({ kind }) => kind === "pause") ?? []
      const events: readonly Event[] = [
        ...output.closing(),
        ...paused.map(({ id: interrupt }) => applied(id, interrupt)),
        { type: "run.suspended", run: id, why, ...(open.length === 0 ? {} : { asks: open }) }
      ]
      output.silent = true
      const parked = parks ? [{ key: parkedKey(id, epoch), value: { ...calls.underWay() } }] : []
      const told = await line.commit(events, parked)
      if (told.ok) await perform(enqueueAnswered(services.queue, thread, told.answer))
    }
  }
  const leave = hold.join(member)

  const { accepted, by } = start
  const deadline = accepted.deadline === undefined ? undefined : new Date(accepted.deadline)
  const outOfTime = (what: string) => {
    abort("DEADLINE_EXCEEDED", what)
    forced({ type: "failed", error: fault("DEADLINE_EXCEEDED", what) })
  }
  if (deadline !== undefined)
    after(deadline.getTime() - storeNow(), () => outOfTime("the run took longer than its deadline"))
  if (hostMillis !== undefined) {
    after(hostMillis - Math.min(HOST_MARGIN_MILLIS, hostMillis / 4), () => hold.want("host", "time-limit"))
    after(hostMillis, () => {
      if (agent.policy.onWorkerLost === "retry") hold.force("time-limit")
      else outOfTime("the run took longer than its host lets it")
    })
  }
  const stopDraining = parent === undefined ? services.onDrain(() => hold.want("host", "time-limit")) : () => {}
  const onParentAbort = () => cancel("the run that called this one has ended", 0)
  if (parent?.signal.aborted === true) onParentAbort()
  parent?.signal.addEventListener("abort", onParentAbort, { once: true })
  timers.every(LEASE_MILLIS / 3, () => {
    // a run that says nothing shows that it lives, so that it is not taken for lost
    if (now() - output.lastAt >= LEASE_MILLIS / 3) output.say({ type: "run.heartbeat", epoch })
  })

  const run = makeRun({
    facts: {
      id,
      thread: nameOf(thread),
      epoch,
      by,
      tags: accepted.tags ?? {},
      deadline,
      context: services.context,
      message
    },
    start: { id, offset: start.offset, prompt: accepted.message },
    agent,
    signal: controller.signal,
    output,
    calls,
    asking: makeAskFace({ thread, schemas: agent.asks, asks, readDecision }),
    fly: hold.fly,
    nextId,
    view: () => perform(Effect.map(readView(log, thread), ({ view }) => view)),
    takeSteering: interrupts.take,
    addUsage: (counts) => {
      usage.push(counts)
    },
    callChild: (child, input, key) =>
      callChild(
        services,
        { thread, run: id, epoch, by, signal: controller.signal, calls, hold, values },
        { child, input, key },
        execute
      )
  })
  // what was appended between taking the run and listening for it
  writer.look()

  const functionEnds = callAgent(agent, run, accepted.input ?? null)
    .catch((error: unknown): RunOutcome => {
      if (!controller.signal.aborted) fork(Effect.logError(`run ${id} of agent "${agent.name}" failed`, error))
      return { type: "failed", error: runFault(error) }
    })
    // a tree that suspends leaves its functions where they stand
    .then((outcome) => (hold.isClosed() ? new Promise<never>(() => {}) : (cancelled ?? outcome)))

  const outcome = await Promise.race([functionEnds, mustEnd, hold.suspended.then(() => "suspended" as const)])
  finishing = true
  if (parent === undefined) hold.stop()
  leave()
  abort(
    outcome === "suspended" ? "SUSPENDED" : "RUN_TERMINAL",
    outcome === "suspended" ? "the run is suspended and goes on in a later epoch" : "the run has ended"
  )
  timers.stop()
  stopDraining()
  parent?.signal.removeEventListener("abort", onParentAbort)
  try {
    return typeof outcome === "string" ? outcome : await writeEnd(outcome)
  } finally {
    output.silent = true
    line.detach()
    await writer.settled()
  }

  async function writeEnd(wanted: RunOutcome): Promise<Executed> {
    // each in an entry of its own: what people said does not make the result too large
    if (wanted.type === "completed")
      for (const said of await perform(readAfterRun(log, thread, seen))) await line.commit(said)
    const finished: Event = { type: "run.finished", run: id, outcome: wanted, ...(usage.length === 0 ? {} : { usage }) }
    let notes: readonly Note[] | undefined
    try {
      notes = await taken.notesAtEnd?.(wanted)
    } catch (cause) {
      // a result that its caller cannot keep is none
      if (wanted.type !== "completed") throw cause
      return writeEnd({ type: "failed", error: runFault(cause) })
    }
    const answer = await line.commit([...output.closing(), finished], notes)
    if (answer.ok) {
      await perform(enqueueAnswered(services.queue, thread, answer.answer))
      return wanted
    }
    if (answer.fault.code !== "TOO_LARGE") return "fenced"
    usage.length = 0
    return writeEnd({
      type: "failed",
      error: fault("TOO_LARGE", "the run's result does not fit an entry: return a reference")
    })
  }
}

const applied = (run: Id, interrupt: Id): Event => ({
  type: "interrupt.applied",
  run,
  interrupt,
  outcome: { type: "applied" }
})
