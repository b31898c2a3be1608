/**
 * Executes one run that was taken: calls the agent's function, hears interrupts meanwhile, and writes its end.
 *
 * Promises: the run ends exactly once, as completed, cancelled or failed, unless it is fenced, and then says
 * nothing more. `run.signal` has aborted before the end of a cancelled run is written. A function that does not
 * stop is left behind: nothing it says after the end is kept.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Event, RunOutcome, Usage } from "../protocol/Event.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { jsonFault } from "../protocol/JsonValue.ts"
import { LEASE_MILLIS } from "../protocol/Limits.ts"
import type { OpenRun } from "../thread/control.ts"
import { nameOf } from "../writer/draft.ts"
import { persist } from "../writer/settle.ts"
import { readView } from "../writer/readView.ts"
import type { AgentServices } from "./AgentServices.ts"
import { callChild } from "./callChild.ts"
import type { Agent } from "./defineAgent.ts"
import { enqueueAnswered } from "./enqueue.ts"
import { makeRunInterrupts, readSteering } from "./interrupts.ts"
import { faultOfError, makeRun } from "./makeRun.ts"
import { makeOutput } from "./Output.ts"
import { makeRecordedCalls } from "./recordedCalls.ts"
import { OutcomeUnknown, ReplayDiverged, RunAborted } from "./RunAborted.ts"
import { check } from "./standardSchema.ts"
import type { Taken } from "./Taken.ts"

/** Answers how the run ended; `undefined` when it was fenced: it goes on, or has ended, elsewhere. */
export const execute = async (services: AgentServices, agent: Agent, taken: Taken): Promise<RunOutcome | undefined> => {
  const { epoch, run: id, start, thread } = taken
  const { fork, log, nextId, now } = services
  const writer = services.writers.get(thread)
  const controller = new AbortController()
  const interrupts = makeRunInterrupts()
  const usage: Usage[] = []
  const timers: Fiber.Fiber<unknown, unknown>[] = []
  let forced: (outcome: RunOutcome | undefined) => void
  /** Resolves when the run must end although its function has not. */
  const mustEnd = new Promise<RunOutcome | undefined>((resolve) => (forced = resolve))
  let cancelled: RunOutcome | undefined
  let finishing = false

  const abort = (code: string, message: string) => {
    if (!controller.signal.aborted) controller.abort(new RunAborted(code, message))
  }
  const fence = (problem: Fault) => {
    if (finishing) return
    abort(problem.code, problem.message)
    forced(undefined)
  }
  const after = (millis: number, then: () => void) => {
    timers.push(fork(Effect.andThen(Effect.sleep(Math.max(0, millis)), Effect.sync(then))))
  }
  const cancel = (reason: string | undefined, graceMillis: number) => {
    cancelled ??= { type: "cancelled", ...(reason === undefined ? {} : { reason }) }
    abort("CANCELLED", reason ?? "a person stopped the run")
    after(graceMillis, () => forced(cancelled))
  }
  const onControl = (open: OpenRun | undefined) => {
    if (open === undefined) return fence(fault("EPOCH_FENCED", "the run has ended, or another worker has it"))
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
    if (wanted.cancel === undefined || finishing) return
    output.say({ type: "interrupt.applied", interrupt: wanted.cancel.interrupt, outcome: { type: "applied" } })
    cancel(wanted.cancel.reason, wanted.cancel.endBy - writer.storeNow())
  }

  const line = writer.attach(id, epoch, { onControl, onRefused: fence })
  const message = `${id}:answer`
  const output = makeOutput({ run: id, message, line, nextId, now })
  const passed = () => {
    output.silent = false
  }
  const calls = makeRecordedCalls({ run: id, line, nextId, notes: taken.notes, onPassed: passed })
  output.silent = calls.replaying()
  // what was appended between taking the run and listening for it
  writer.look()

  const { accepted, by } = start
  const deadline = accepted.deadline === undefined ? undefined : new Date(accepted.deadline)
  const outOfTime = (what: string) => () => {
    abort("DEADLINE_EXCEEDED", what)
    forced({ type: "failed", error: fault("DEADLINE_EXCEEDED", what) })
  }
  if (deadline !== undefined)
    after(deadline.getTime() - writer.storeNow(), outOfTime("the run took longer than its deadline"))
  if (taken.hostMillis !== undefined) after(taken.hostMillis, outOfTime("the run took longer than its host lets it"))
  const onParentAbort = () => cancel("the run that called this one has ended", 0)
  if (taken.parentSignal?.aborted === true) onParentAbort()
  taken.parentSignal?.addEventListener("abort", onParentAbort, { once: true })
  timers.push(
    fork(
      heartbeat(
        () => output.lastAt,
        now,
        () => output.say({ type: "run.heartbeat", epoch })
      )
    )
  )

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
    nextId,
    view: () => Effect.runPromise(Effect.map(readView(log, thread), ({ view }) => view)),
    takeSteering: interrupts.take,
    addUsage: (counts) => {
      usage.push(counts)
    },
    callChild: (child, input, key) =>
      callChild(services, { thread, run: id, by, signal: controller.signal, calls }, { child, input, key }, execute)
  })
  const functionEnds = callAgent(agent, run, accepted.input ?? null)
    .catch((error: unknown): RunOutcome => {
      if (!controller.signal.aborted) fork(Effect.logError(`run ${id} of agent "${agent.name}" failed`, error))
      return { type: "failed", error: runFault(error) }
    })
    .then((outcome) => cancelled ?? outcome)

  const outcome = await Promise.race([functionEnds, mustEnd])
  finishing = true
  abort("RUN_TERMINAL", "the run has ended")
  for (const timer of timers) timer.interruptUnsafe()
  taken.parentSignal?.removeEventListener("abort", onParentAbort)
  const written = outcome === undefined ? undefined : await writeEnd(outcome)
  output.silent = true
  line.detach()
  await writer.settled()
  return written

  async function writeEnd(wanted: RunOutcome): Promise<RunOutcome | undefined> {
    const finished: Event = { type: "run.finished", run: id, outcome: wanted, ...(usage.length === 0 ? {} : { usage }) }
    const answer = await line.commit([...output.closing(), finished], taken.notesAtEnd?.(wanted))
    if (answer.ok) {
      await Effect.runPromise(enqueueAnswered(services.queue, thread, answer.answer))
      return wanted
    }
    if (answer.fault.code !== "TOO_LARGE") return undefined
    usage.length = 0
    return writeEnd({
      type: "failed",
      error: fault("TOO_LARGE", "the run's result does not fit an entry: return a reference")
    })
  }
}

const callAgent = async (agent: Agent, run: ReturnType<typeof makeRun>, raw: Json): Promise<RunOutcome> => {
  const input = await check(agent.input, raw, "BAD_INPUT")
  if (!input.ok) return { type: "failed", error: input.fault }
  const returned = await agent.run(run, input.value)
  const result =
    agent.output === undefined
      ? ({ ok: true, value: returned } as const)
      : await check(agent.output, returned, "BAD_OUTPUT")
  if (!result.ok) return { type: "failed", error: result.fault }
  if (result.value === undefined) return { type: "completed" }
  const problem = jsonFault(result.value, "result")
  if (problem !== undefined)
    return { type: "failed", error: fault("BAD_OUTPUT", problem.message, { path: problem.path ?? "result" }) }
  return { type: "completed", result: result.value as Json }
}

const runFault = (error: unknown): Fault => {
  if (error instanceof RunAborted) return fault("AGENT_FAILED", error.message)
  if (error instanceof OutcomeUnknown) return fault("OUTCOME_UNKNOWN", error.message, { retryable: false })
  if (error instanceof ReplayDiverged) return fault("REPLAY_DIVERGED", error.message)
  return faultOfError(error, "the agent's function failed")
}

/** A run that says nothing shows that it lives, so that it is not taken for lost. */
const heartbeat = (lastAt: () => number, now: () => number, beat: () => void) =>
  Effect.forever(
    Effect.andThen(
      Effect.sleep(LEASE_MILLIS / 3),
      Effect.sync(() => {
        if (now() - lastAt() >= LEASE_MILLIS / 3) beat()
      })
    )
  )
