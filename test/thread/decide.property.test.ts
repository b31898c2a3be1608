import { describe, expect, it } from "vitest"
import type { KnownEvent } from "../../src/protocol/Event.ts"
import type { Command } from "../../src/thread/command.ts"
import { topLevelRuns } from "../../src/thread/transitions.ts"
import { dueOf } from "../../src/thread/control.ts"
import { createFold } from "../../src/thread/fold.ts"
import { forSeeds } from "./generate.ts"
import { race, type Thread } from "./simulate.ts"

/** What the log says of each run, checked on the way. */
const checkLog = (thread: Thread) => {
  const runs = new Map<string, { epoch: number; finished: boolean; asks: Set<string> }>()
  thread.entries.forEach((entry, at) => {
    expect(entry.offset).toBe(at + 1)
    for (const event of entry.events as readonly KnownEvent[]) {
      const id = (event as { run?: string }).run
      if (id === undefined) continue
      const run = runs.get(id)
      if (event.type === "run.accepted") {
        expect(run, `${id} is accepted once`).toBeUndefined()
        runs.set(id, { epoch: 0, finished: false, asks: new Set() })
        continue
      }
      if (run === undefined) throw new Error(`${event.type} of ${id} before it was accepted`)
      if (run.finished) {
        expect(event.type, `after the end of ${id}`).toBe("interrupt.received")
        expect((event as { verdict: { type: string } }).verdict.type).toBe("refused")
      }
      if (event.type === "run.started") expect(event.epoch).toBe(++run.epoch)
      if (event.type === "run.finished") {
        run.finished = true
        expect([...run.asks], "no ask outlives its run").toEqual([])
      }
      if (event.type === "ask.opened") run.asks.add(event.ask)
      if (event.type === "ask.resolved") expect(run.asks.delete(event.ask)).toBe(true)
    }
  })
  return runs
}

/** What is open is what the log has not ended, and someone will look after each of it. */
const checkControl = (thread: Thread) => {
  const runs = checkLog(thread)
  const control = thread.control()
  expect([...runs].filter(([, run]) => !run.finished).map(([id]) => id)).toEqual(control.runs.map((run) => run.id))
  for (const run of control.runs) {
    expect(run.epoch).toBe(runs.get(run.id)!.epoch)
    expect(run.due).toBeGreaterThan(0)
    const line = topLevelRuns(control, run.agent)
    expect(line.length === 0 || line.some((other) => other.status !== "queued"), "nobody queues for nothing").toBe(true)
    const isHandedOver = thread.jobs.some((job) => job.run === run.id && job.epoch === run.epoch + 1)
    expect(run.status !== "waiting" || isHandedOver, "what waits for a worker was handed to one").toBe(true)
  }
  expect(dueOf(control)).toBe(control.runs.length === 0 ? null : Math.min(...control.runs.map((run) => run.due)))
}

const idOf = (command: Command): string | undefined => {
  if (command.type === "post") return command.message.id
  if (command.type === "start") return command.start.id
  return command.type === "interrupt" ? command.interrupt.id : undefined
}
/** Answers how many repeats there were. */
const checkRepeats = (thread: Thread): number => {
  const first = new Map<string, { digest: string; answer: unknown; offset: number }>()
  let repeats = 0
  for (const told of thread.told) {
    const { command, decision } = told
    const id = idOf(command)
    if (id === undefined || !("digest" in command)) continue
    const key = `${command.type} ${id}`
    const before = first.get(key)
    if (before !== undefined) {
      repeats++
      const isSame = before.digest === command.digest
      expect(decision).toMatchObject(
        isSame
          ? { type: "answer", answer: before.answer, offset: before.offset }
          : { type: "refuse", fault: { code: "DUPLICATE_DIFFERENT" } }
      )
    } else if (decision.type === "append") {
      first.set(key, { digest: command.digest, answer: decision.answer, offset: told.offset })
    }
  }
  return repeats
}

const checkView = (thread: Thread) => {
  const fold = createFold()
  for (const entry of thread.entries) fold.apply(entry)
  const idsOf = (list: readonly { readonly id: string }[]) => list.map((one) => one.id).sort()
  expect(idsOf(fold.view.runs.filter((run) => run.state !== "finished"))).toEqual(idsOf(thread.control().runs))
  for (const known of thread.control().runs) {
    const run = fold.view.runs.find((one) => one.id === known.id)!
    expect(run.epoch).toBe(known.epoch)
    if (known.status === "running" || known.status === "suspended") expect(run.state).toBe(known.status)
    expect(idsOf(run.interrupts.filter((one) => one.state === "accepted"))).toEqual(idsOf(known.interrupts))
  }
}

describe("writers that race", () => {
  it("keep every rule of the log and of control, in every schedule", () => {
    const seen = new Set<string>()
    forSeeds(2_500, (random) => {
      const thread = race(random, 60)
      checkControl(thread)
      for (const { command, decision } of thread.told) {
        seen.add(`${command.type} ${decision.type === "refuse" ? decision.fault.code : decision.type}`)
      }
    })
    // the schedules are worth something only if they come everywhere
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...["append", "answer", "BAD_SHAPE", "EPOCH_FENCED", "RUN_TERMINAL"].map((what) => `emit ${what}`),
        ...["append", "answer", "DUPLICATE_DIFFERENT", "NOT_FOUND"].map((what) => `interrupt ${what}`),
        ...["append", "answer", "DUPLICATE_DIFFERENT"].map((what) => `post ${what}`),
        ...["append", "answer", "DUPLICATE_DIFFERENT", "RUN_BUSY"].map((what) => `start ${what}`),
        ...["append", "answer"].map((what) => `sweep ${what}`),
        ...["append", "RUN_NOT_WAITING", "RUN_TERMINAL"].map((what) => `take ${what}`)
      ])
    )
  })

  it("are told the same for the same id for ever", () => {
    let repeats = 0
    forSeeds(300, (random) => {
      repeats += checkRepeats(race(random, 150))
    })
    expect(repeats).toBeGreaterThan(300)
  })

  it("can always end every run: a cancel and a minute later the thread is quiet", () => {
    forSeeds(300, (random) => {
      const thread = race(random, 60)
      for (const { id } of thread.control().runs) {
        const interrupt = { kind: "cancel", id: `end-${id}`, run: id } as const
        thread.attempt({ type: "interrupt", by: "ann", interrupt, digest: "" })
      }
      thread.pass(60_001)
      for (const { id } of thread.control().runs) thread.attempt({ type: "sweep", run: id })
      expect(thread.control().runs).toEqual([])
      checkLog(thread)
    })
  })

  it("leave a log whose view shows each run as control has it", () => {
    forSeeds(300, (random) => checkView(race(random, 80)))
  })
})
