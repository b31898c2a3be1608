import { describe, expect, it } from "vitest"
import type { KnownEvent } from "../../src/protocol/Event.ts"
import { topLevelRuns } from "../../src/thread/transitions.ts"
import { dueOf } from "../../src/thread/control.ts"
import { createFold } from "../../src/thread/fold.ts"
import { forSeeds } from "./generate.ts"
import { answerOf, race, type Thread } from "./simulate.ts"

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

describe("writers that race", () => {
  it("keep every rule of the log and of control, in every schedule", () => {
    const seen = new Set<string>()
    forSeeds(2_500, (random) => {
      const thread = race(random, 60)
      const runs = checkLog(thread)
      const control = thread.control()
      expect([...runs].filter(([, run]) => !run.finished).map(([id]) => id)).toEqual(control.runs.map((run) => run.id))
      for (const run of control.runs) {
        expect(run.epoch).toBe(runs.get(run.id)!.epoch)
        expect(run.due).toBeGreaterThan(0)
        const line = topLevelRuns(control, run.agent)
        if (line.length > 0) expect(line.some((other) => other.status !== "queued"), "nobody waits in line for nobody").toBe(true)
        // what waits for a worker was handed to one
        if (run.status === "waiting") {
          expect(thread.jobs.some((job) => job.run === run.id && job.epoch === run.epoch + 1)).toBe(true)
        }
      }
      expect(dueOf(control)).toBe(control.runs.length === 0 ? null : Math.min(...control.runs.map((run) => run.due)))
      for (const { command, decision } of thread.told) seen.add(`${command.type} ${decision.type === "refuse" ? decision.fault.code : decision.type}`)
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
      const first = new Map<string, { digest: string; answer: unknown; offset: number }>()
      for (const told of race(random, 150).told) {
        const { command, decision } = told
        if (command.type !== "post" && command.type !== "start" && command.type !== "interrupt") continue
        const id = command.type === "post" ? command.message.id : command.type === "start" ? command.start.id : command.interrupt.id
        const key = `${command.type} ${id}`
        const before = first.get(key)
        if (before === undefined) {
          if (decision.type === "append") first.set(key, { digest: command.digest, answer: answerOf(told), offset: told.offset })
          continue
        }
        repeats++
        if (before.digest === command.digest) {
          expect(decision.type).toBe("answer")
          expect({ answer: answerOf(told), offset: told.offset }).toEqual({ answer: before.answer, offset: before.offset })
        } else expect(decision).toMatchObject({ type: "refuse", fault: { code: "DUPLICATE_DIFFERENT" } })
      }
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
    forSeeds(300, (random) => {
      const thread = race(random, 80)
      const fold = createFold()
      for (const entry of thread.entries) fold.apply(entry)
      const open = new Map(thread.control().runs.map((run) => [run.id, run]))
      for (const run of fold.view.runs) {
        const known = open.get(run.id)
        expect(run.state === "finished").toBe(known === undefined)
        if (known === undefined) continue
        expect(run.epoch).toBe(known.epoch)
        if (known.status === "running" || known.status === "suspended") expect(run.state).toBe(known.status)
        expect(run.interrupts.filter((one) => one.state === "accepted").map((one) => one.id).sort()).toEqual(
          known.interrupts.map((one) => one.id).sort()
        )
      }
    })
  })
})
