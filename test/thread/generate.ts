/**
 * Seeded random material for the thread's tests: numbers, runs that say fitting things, and broken values.
 *
 * The same seed gives the same material, so a failure names its seed and can be run again.
 */
import type { Entry } from "../../src/protocol/Entry.ts"
import type { Event, Id } from "../../src/protocol/Event.ts"
import type { Json } from "../../src/protocol/Json.ts"

export interface Random {
  /** An integer from 0 to `below - 1`. */
  readonly int: (below: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <T>(items: readonly T[]) => T
}
/** mulberry32 */
export const randomOf = (seed: number): Random => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    int: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)]!
  }
}
/** Runs `body` once per seed and names the seed that failed. */
export const forSeeds = (count: number, body: (random: Random, seed: number) => void): void => {
  for (let seed = 1; seed <= count; seed++) {
    try {
      body(randomOf(seed), seed)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
}

export const AT = "2026-01-02T03:04:05.678Z"
export const entryOf = (offset: number, events: readonly Event[], logId = "log"): Entry => ({
  v: 1,
  logId,
  thread: "t",
  offset,
  id: `entry-${offset}`,
  prev: offset === 1 ? "" : `entry-${offset - 1}`,
  at: AT,
  events
})
/** Entries of one to four events each. */
export const entriesOf = (random: Random, events: readonly Event[]): Entry[] => {
  const entries: Entry[] = []
  for (let at = 0; at < events.length;) {
    const size = 1 + random.int(4)
    entries.push(entryOf(entries.length + 1, events.slice(at, at + size)))
    at += size
  }
  return entries
}

export const randomJson = (random: Random, depth = 3): Json => {
  switch (random.int(depth > 0 ? 8 : 5)) {
    case 0:
      return null
    case 1:
      return random.chance(0.5)
    case 2:
      return random.int(1000) - 500
    case 3:
      return random.pick(["", "x", "é", "\ud83d", "__proto__", "/a/0", "-"])
    case 4:
      return random.int(3)
    case 5:
    case 6:
      return Array.from({ length: random.int(4) }, () => randomJson(random, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random.int(4) }, () => [
          random.pick(["a", "b", "c", "constructor"]),
          randomJson(random, depth - 1)
        ])
      )
  }
}

/** Says fitting things of one run, one event at a time. */
export const makeAuthor = (random: Random, run: Id) => {
  const open: { kind: "text" | "reasoning"; part: Id }[] = []
  const calls: { call: Id; called: boolean }[] = []
  const steps: Id[] = []
  let made = 0
  const fresh = (kind: string) => `${run}-${kind}${made++}`
  const message = () => `${run}-message${random.int(2)}`
  const step = () => (steps.length > 0 && random.chance(0.5) ? { step: random.pick(steps) } : {})
  const removeFrom = <T>(list: T[]): T => list.splice(random.int(list.length), 1)[0]!
  return {
    /** What was said in an epoch that is gone may not be gone on with. */
    forget: () => {
      open.length = calls.length = steps.length = 0
    },
    next: (): Event => {
      switch (random.chance(0.4) ? 2 : random.int(16)) {
        case 0: {
          const part = fresh("text")
          open.push({ kind: "text", part })
          return { type: "text.started", run, part, message: message(), ...step() }
        }
        case 1: {
          const part = fresh("reasoning")
          open.push({ kind: "reasoning", part })
          return { type: "reasoning.started", run, part, message: message(), visible: "full", ...step() }
        }
        case 2:
        case 3:
        case 4:
        case 5: {
          if (open.length === 0) return { type: "run.heartbeat", run, epoch: 1 }
          // mostly the newest, so that neighbours merge
          const { kind, part } = random.chance(0.7) ? open.at(-1)! : random.pick(open)
          return {
            type: `${kind}.delta`,
            run,
            part,
            text: random.pick(["a", "bc ", "\ud83d", "\ude00", ""]),
            ...(random.chance(0.1) ? { meta: { a: 1 } } : {})
          }
        }
        case 6: {
          if (open.length === 0) return { type: "run.status", run, label: `working ${random.int(9)}`, fraction: 0.5 }
          const { kind, part } = removeFrom(open)
          return { type: `${kind}.finished`, run, part }
        }
        case 7: {
          const call = fresh("call")
          calls.push({ call, called: false })
          return { type: "tool.started", run, call, message: message(), name: "search", executor: "agent", ...step() }
        }
        case 8:
        case 9: {
          if (calls.length === 0) return { type: "run.status", run, label: "thinking", level: "warning" }
          const one = random.pick(calls)
          if (one.called) return { type: "tool.progress", run, call: one.call, append: "more" }
          if (random.chance(0.5)) return { type: "tool.delta", run, call: one.call, text: '{"q":' }
          one.called = true
          return { type: "tool.called", run, call: one.call, input: randomJson(random) }
        }
        case 10: {
          if (calls.length === 0) return { type: "state.snapshot", run, doc: "plan", value: { steps: [] } }
          return {
            type: "tool.finished",
            run,
            call: removeFrom(calls).call,
            outcome: random.pick([
              { type: "ok", output: [1] },
              { type: "cancelled" },
              { type: "invalid", input: {}, error: { code: "BAD_INPUT", message: "no", retryable: false } }
            ] as const)
          }
        }
        case 11: {
          const id = fresh("step")
          steps.push(id)
          return { type: "step.started", run, step: id, name: "read" }
        }
        case 12:
          if (steps.length === 0)
            return { type: "custom", run, name: "score", value: random.int(9), id: "s", message: message() }
          return {
            type: "step.finished",
            run,
            step: removeFrom(steps),
            outcome: random.pick(["completed", "failed"] as const)
          }
        case 13:
          return { type: "source.cited", run, source: `s${random.int(3)}`, message: message(), title: "Guide" }
        case 14:
          return {
            type: "message.posted",
            message: fresh("posted"),
            run,
            role: "assistant",
            parts: [{ type: "text", text: "done" }]
          }
        default:
          return { type: "state.snapshot", run, doc: `doc${random.int(2)}`, value: randomJson(random) }
      }
    }
  }
}

/** A log of several runs that take turns, with resumes, interrupts, asks and ends; every event fits. */
export const validLog = (random: Random, length: number): Entry[] => {
  const events: Event[] = []
  const entries: Entry[] = []
  const flush = () => {
    if (events.length > 0) entries.push(entryOf(entries.length + 1, events.splice(0)))
  }
  const authors = new Map<Id, { author: ReturnType<typeof makeAuthor>; epoch: number }>()
  let runs = 0
  let asks = 0
  for (let at = 0; at < length; at++) {
    if (random.chance(0.4)) flush()
    if (authors.size === 0 || (authors.size < 3 && random.chance(0.05))) {
      const run = `run${runs++}`
      authors.set(run, { author: makeAuthor(random, run), epoch: 1 })
      events.push({ type: "run.accepted", run, agent: "writer" }, { type: "run.started", run, epoch: 1 })
      continue
    }
    const [run, state] = random.pick([...authors])
    const turn = random.int(100)
    if (turn < 2) {
      flush()
      state.epoch++
      state.author.forget()
      events.push({ type: "run.started", run, epoch: state.epoch, from: 1 + random.int(entries.length) })
    } else if (turn < 4) {
      const outcome = random.pick([{ type: "completed" }, { type: "cancelled" }] as const)
      events.push({ type: "run.finished", run, outcome })
      authors.delete(run)
    } else if (turn < 8) {
      const interrupt = {
        kind: "steer",
        id: `i${at}`,
        run,
        message: { id: `m${at}`, parts: [] },
        when: "next-step"
      } as const
      events.push({ type: "interrupt.received", run, interrupt, verdict: { type: "accepted" }, by: "ann" })
      if (random.chance(0.5))
        events.push({ type: "interrupt.applied", run, interrupt: interrupt.id, outcome: { type: "applied" } })
    } else if (turn < 11) {
      const ask = `ask${asks++}`
      events.push({ type: "ask.opened", run, ask, kind: "input", prompt: "which?", expiresAt: AT })
      events.push({ type: "ask.resolved", run, ask, answer: { type: "answered", value: 1 }, resolver: "person" })
    } else events.push(state.author.next())
  }
  flush()
  return entries
}

/** The event with one field gone, or of another kind. */
export const broken = (random: Random, event: Event): Event => {
  const copy = structuredClone(event) as unknown as Record<string, Json>
  const key = random.pick(Object.keys(copy))
  if (random.chance(0.4)) delete copy[key]
  else copy[key] = randomJson(random)
  return copy as unknown as Event
}
