/**
 * Interrupts that arrive ten times, from two devices, among everything else: one effect, one verdict.
 *
 * Three writers race on a thread with stale heads; the real `decide` judges. As a program it prints one JSON line:
 * `node --conditions=throughline-source test/trials/interrupts.ts [trials] [seed]`.
 */
import type { UserInterrupt } from "../../src/protocol/UserInterrupt.ts"
import type { Command } from "../../src/thread/command.ts"
import { randomOf, type Random } from "../thread/generate.ts"
import { makeThread } from "../thread/simulate.ts"

const COPIES = 10
const RUN = "r"

export interface InterruptTrials {
  readonly trials: number
  /** Interrupts with more or less than one effect, or with two verdicts. */
  readonly breaches: number
  readonly seed: number
}

const randomInterrupt = (random: Random): UserInterrupt => {
  const id = "i"
  switch (random.int(6)) {
    case 0:
      return { kind: "cancel", id, run: RUN, graceMillis: random.int(10_000) }
    case 1:
      return {
        kind: "steer",
        id,
        run: RUN,
        message: { id: "m", parts: [{ type: "text", text: "x" }] },
        when: "next-step"
      }
    case 2:
      return { kind: "pause", id, run: RUN }
    case 3:
      return { kind: "resume", id, run: RUN }
    default:
      return {
        kind: "answer",
        id,
        run: RUN,
        ask: random.pick(["a", "a", "b"]),
        answer: random.pick([{ type: "approved" }, { type: "denied" }] as const),
        digest: random.pick(["shown", "shown", "other"])
      }
  }
}

/** What else happens to the run meanwhile. */
const other = (random: Random, epoch: number, n: number): Command => {
  switch (random.int(6)) {
    case 0:
      return { type: "emit", run: RUN, epoch, events: [{ type: "run.status", run: RUN, label: `${n}` }] }
    case 1:
      return { type: "emit", run: RUN, epoch, events: [{ type: "run.suspended", run: RUN, why: "asked" }] }
    case 2:
      return {
        type: "emit",
        run: RUN,
        epoch,
        events: [{ type: "run.finished", run: RUN, outcome: { type: "completed" } }]
      }
    case 3:
      return { type: "take", run: RUN, epoch: epoch + 1 }
    case 4: {
      const interrupt = { kind: "cancel", id: `other-${n}`, run: RUN } as const
      return { type: "interrupt", by: "bob", interrupt, digest: `${n}` }
    }
    default:
      return { type: "sweep", run: RUN }
  }
}

const trial = (random: Random): boolean => {
  const thread = makeThread()
  const say = (command: Command) => void thread.attempt(command)
  say({
    type: "start",
    by: "ann",
    start: { id: RUN, agent: "writer" },
    policy: { onBusy: "queue", onWorkerLost: "retry" },
    digest: "start"
  })
  say({ type: "take", run: RUN, epoch: 1 })
  const expiresAt = new Date(thread.now() + 60_000).toISOString()
  const asked = { type: "ask.opened", run: RUN, kind: "approval", prompt: "?", digest: "shown", expiresAt } as const
  say({ type: "emit", run: RUN, epoch: 1, events: [{ ...asked, ask: "a" }] })
  const interrupt = randomInterrupt(random)
  const before = thread.told.length
  const copies: Command[] = Array.from({ length: COPIES }, (_, n) => ({
    type: "interrupt",
    by: n % 2 === 0 ? "ann" : "bob",
    interrupt,
    digest: JSON.stringify(interrupt)
  }))
  for (let n = 0; copies.length > 0; n++) {
    const epoch = thread.control().runs[0]?.epoch ?? 1
    const command = random.chance(0.3) ? other(random, epoch, n) : copies.pop()!
    // a head that others have moved since conflicts, and what was to be said is decided anew
    const seen = thread.head()
    if (random.chance(0.2)) say(other(random, epoch, 1_000 + n))
    if (!thread.attempt(command, seen)) say(command)
    thread.pass(random.int(3_000))
  }
  const events = thread.entries.flatMap((entry) => entry.events)
  const received = events.filter(
    (event) =>
      event.type === "interrupt.received" && (event as never as { interrupt: UserInterrupt }).interrupt.id === "i"
  )
  const applied = events.filter(
    (event) => event.type === "interrupt.applied" && (event as never as { interrupt: string }).interrupt === "i"
  )
  const verdicts = new Set(
    thread.told.slice(before).flatMap(({ command, decision }) => {
      if (command.type !== "interrupt" || command.interrupt.id !== "i") return []
      return [decision.type === "refuse" ? decision.fault.code : JSON.stringify({ ...decision.answer, enqueue: 0 })]
    })
  )
  return received.length === 1 && applied.length <= 1 && verdicts.size === 1
}

export const interruptTrials = (trials: number, seed: number): InterruptTrials => {
  const random = randomOf(seed)
  let breaches = 0
  for (let n = 0; n < trials; n++) if (!trial(random)) breaches++
  return { trials, breaches, seed }
}

if (process.argv[1] === import.meta.filename) {
  const [trials = "100000", seed = "1"] = process.argv.slice(2)
  console.log(JSON.stringify(interruptTrials(Number(trials), Number(seed))))
}
