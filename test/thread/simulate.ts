/**
 * A thread in memory that several writers race on: each decides against the head it last saw, and a compare-and-set
 * lets one of them append. What everyone was told is recorded for the checks.
 */
import type { Entry } from "../../src/protocol/Entry.ts"
import type { Event, Id } from "../../src/protocol/Event.ts"
import type { Json } from "../../src/protocol/Json.ts"
import { MAX_CONTROL_BYTES } from "../../src/protocol/Limits.ts"
import type { UserInterrupt } from "../../src/protocol/UserInterrupt.ts"
import type { Command, Decision, Enqueue } from "../../src/thread/command.ts"
import { emptyControl, type Control } from "../../src/thread/control.ts"
import { decide, decodeControl, noteKeys } from "../../src/thread/decide.ts"
import { entryOf, makeAuthor, type Random } from "./generate.ts"

export interface Told {
  readonly command: Command
  readonly decision: Decision
  readonly offset: number
}
interface Writer {
  command: Command | undefined
  seen: { control: Control; offset: number }
}

export const makeThread = () => {
  let control: Control = emptyControl
  let now = 1_000_000
  const notes = new Map<string, Json>()
  const entries: Entry[] = []
  const jobs: Enqueue[] = []
  const told: Told[] = []
  const head = () => ({ control, offset: entries.length })
  /** Decides against `seen`; answers false on conflict. */
  const attempt = (command: Command, seen = head()): boolean => {
    const known = new Map(noteKeys(command).flatMap((key) => (notes.has(key) ? [[key, notes.get(key)!]] : [])))
    const offset = seen.offset + 1
    const decision = decide(seen.control, command, { now, offset, notes: known })
    if (decision.type === "append") {
      if (seen.offset !== entries.length || decision.notes.some((note) => notes.has(note.key))) return false
      if (decision.events.length === 0) throw new Error("an entry has events")
      const text = JSON.stringify(decision.control)
      if (Buffer.byteLength(text) > MAX_CONTROL_BYTES) throw new Error("control is larger than it may be")
      if (decision.control !== control && text === JSON.stringify(control))
        throw new Error("an equal control is the same")
      for (const note of decision.notes) notes.set(note.key, note.value)
      entries.push(entryOf(offset, decision.events))
      control = decision.control
    }
    const enqueue =
      decision.type === "refuse" ? [] : ((decision.answer as { enqueue?: readonly Enqueue[] }).enqueue ?? [])
    jobs.push(...enqueue)
    told.push({
      command,
      decision,
      offset: decision.type === "answer" ? decision.offset : decision.type === "append" ? offset : 0
    })
    return true
  }
  return {
    head,
    attempt,
    entries,
    jobs,
    told,
    notes,
    control: () => control,
    now: () => now,
    pass: (millis: number) => {
      now += millis
    }
  }
}
export type Thread = ReturnType<typeof makeThread>

const AGENTS = ["writer", "critic"]
/** Bodies are a function of id and variant, so the digest is too. */
const digestOf = (value: unknown) => JSON.stringify(value)

export const randomCommand = (
  random: Random,
  thread: Thread,
  authors: Map<Id, ReturnType<typeof makeAuthor>>
): Command => {
  const runs = thread.control().runs
  const run = runs.length > 0 && random.chance(0.85) ? random.pick(runs).id : `run${random.int(12)}`
  const by = random.pick(["ann", "bob"])
  switch (random.int(10)) {
    case 0: {
      const message = {
        id: `message${random.int(20)}`,
        parts: [{ type: "text" as const, text: random.pick(["hi", "ho"]) }]
      }
      return { type: "post", by, message, digest: digestOf(message) }
    }
    case 1:
    case 2: {
      const id = `run${random.int(12)}`
      const message = { id: `message${random.int(20)}`, parts: [] }
      const start = {
        id,
        agent: random.pick(AGENTS),
        onBusy: random.pick(["reject", "queue", "replace", "parallel"] as const),
        ...(random.chance(0.4) ? { message } : {})
      }
      return {
        type: "start",
        by,
        start,
        ...(random.chance(0.1) && runs.length > 0 ? { parent: { run: random.pick(runs).id } } : {}),
        policy: {
          onBusy: "reject",
          onWorkerLost: random.pick(["fail", "retry"] as const),
          ...(random.chance(0.3) ? { deadlineMillis: random.int(200_000) } : {})
        },
        digest: digestOf(start)
      }
    }
    case 3:
    case 4: {
      const id = `interrupt${random.int(40)}`
      const asks = runs.find((open) => open.id === run)?.asks ?? []
      const interrupt: UserInterrupt = random.pick([
        { kind: "cancel", id, run, ...(random.chance(0.5) ? { graceMillis: random.int(90_000) } : {}) },
        { kind: "steer", id, run, message: { id: "m", parts: [] }, when: "next-step" },
        { kind: "pause", id, run },
        { kind: "resume", id, run },
        {
          kind: "answer",
          id,
          run,
          ask: asks[0]?.id ?? "ask0",
          answer: random.pick([{ type: "approved" }, { type: "denied" }] as const)
        }
      ])
      return { type: "interrupt", by, interrupt, digest: digestOf(interrupt) }
    }
    case 5:
      return { type: "sweep", run }
    case 6:
    case 7: {
      const job =
        thread.jobs.length > 0 && random.chance(0.9) ? random.pick(thread.jobs) : { run, epoch: random.int(3) }
      return { type: "take", ...job }
    }
    default: {
      const open = runs.find((one) => one.id === run)
      if (!authors.has(run)) authors.set(run, makeAuthor(random, run))
      const events: Event[] = Array.from({ length: 1 + random.int(3) }, () => authors.get(run)!.next())
      if (random.chance(0.2)) {
        events.push({
          type: "ask.opened",
          run,
          ask: `ask${random.int(5)}-${run}`,
          kind: "approval",
          prompt: "?",
          expiresAt: new Date(thread.now() + random.int(100_000)).toISOString()
        })
      }
      if (open !== undefined && open.interrupts.length > 0 && random.chance(0.5)) {
        const applied: Event = {
          type: "interrupt.applied",
          run,
          interrupt: open.interrupts[0]!.id,
          outcome: { type: "applied" }
        }
        if (random.chance(0.2)) events.length = 0
        events.push(applied)
      }
      if (random.chance(0.25))
        events.push({ type: "run.suspended", run, why: random.pick(["asked", "paused", "time-limit"] as const) })
      else if (random.chance(0.2)) events.push({ type: "run.finished", run, outcome: { type: "completed" } })
      const recorded = random.chance(0.3)
        ? { notes: [{ key: `step/${run}/${thread.entries.length}-${random.int(1_000_000)}`, value: 1 }] }
        : {}
      return {
        type: "emit",
        run,
        epoch: open === undefined || random.chance(0.1) ? random.int(3) : open.epoch,
        events,
        ...recorded
      }
    }
  }
}

/** Lets three writers race for `steps` steps. */
export const race = (random: Random, steps: number): Thread => {
  const thread = makeThread()
  const authors = new Map<Id, ReturnType<typeof makeAuthor>>()
  const writers: Writer[] = Array.from({ length: 3 }, () => ({ command: undefined, seen: thread.head() }))
  for (let step = 0; step < steps; step++) {
    thread.pass(random.int(4) === 0 ? random.int(20_000) : random.int(50))
    const writer = random.pick(writers)
    if (writer.command === undefined) {
      writer.command = randomCommand(random, thread, authors)
      // a head read now, or one that others have moved since
      if (random.chance(0.7)) writer.seen = thread.head()
    }
    if (thread.attempt(writer.command, writer.seen)) writer.command = undefined
    // read back as a store would hand it out
    else
      writer.seen = {
        ...thread.head(),
        control: random.chance(0.1) ? decodeControl(thread.head().control as unknown as Json) : thread.head().control
      }
  }
  return thread
}
