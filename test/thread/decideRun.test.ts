import { describe, expect, it } from "vitest"
import type { Json } from "../../src/protocol/Json.ts"
import { LEASE_MILLIS, MAX_EPOCHS, TAKE_MILLIS } from "../../src/protocol/Limits.ts"
import { dueOf, emptyControl } from "../../src/thread/control.ts"
import { ControlUnreadable, decide, decodeControl, noteKeys } from "../../src/thread/decide.ts"
import { begin, cancel, codeOf, enqueued, steer } from "./harness.ts"

describe("taking", () => {
  it("gives a waiting run to one worker only", () => {
    const thread = begin()
    thread.start("r1")
    expect(thread.take("r1")).toMatchObject({ type: "append", answer: { type: "taken" } })
    expect(thread.newestEvents()).toEqual([{ type: "run.started", run: "r1", epoch: 1 }])
    expect(thread.run("r1")).toMatchObject({ status: "running", epoch: 1, due: thread.now() + LEASE_MILLIS })
    for (const epoch of [0, 1, 2, 3]) expect(codeOf(thread.take("r1", epoch))).toBe("RUN_NOT_WAITING")
  })
  it("refuses what has ended, and what waits for another epoch", () => {
    const thread = begin()
    thread.start("r1")
    expect(codeOf(thread.take("r1", 2))).toBe("RUN_NOT_WAITING")
    thread.take("r1")
    thread.finish("r1")
    expect(codeOf(thread.take("r1", 2))).toBe("RUN_TERMINAL")
  })
  it("begins the next epoch after the newest finished recorded call, or after the acceptance", () => {
    const thread = begin()
    thread.post("m")
    thread.start("r1")
    thread.take("r1")
    thread.suspend("r1", "time-limit")
    expect(thread.take("r1", 2)).toMatchObject({ answer: { type: "taken", from: 2 } })
    const finished = { type: "tool.finished", run: "r1", call: "c", outcome: { type: "ok" } } as const
    thread.emit("r1", [finished], { epoch: 2 })
    expect(thread.run("r1")!.settled).toBe(2)
    thread.emit("r1", [finished], { epoch: 2, note: "step/r1/c" })
    thread.suspend("r1", "time-limit", 2)
    thread.take("r1", 3)
    expect(thread.newestEvents()).toEqual([{ type: "run.started", run: "r1", epoch: 3, from: 7 }])
  })
  it("counts the end of a called run as a finished call of its caller", () => {
    const thread = begin()
    thread.start("r1")
    thread.take("r1")
    thread.start("child", { agent: "critic", parent: "r1" })
    expect(codeOf(thread.take("child"))).toBe("RUN_NOT_WAITING")
    thread.take("child", 1, 1)
    thread.emit("child", [{ type: "run.finished", run: "child", outcome: { type: "completed" } }], {
      note: "step/r1/critic"
    })
    expect(thread.run("r1")!.settled).toBe(thread.entries.length)
  })
  it("takes a lost run only where a second try is wanted", () => {
    for (const onWorkerLost of ["fail", "retry"] as const) {
      const thread = begin()
      thread.start("r1", { onWorkerLost })
      thread.take("r1")
      thread.pass(LEASE_MILLIS - 1)
      expect(codeOf(thread.take("r1", 2))).toBe("RUN_NOT_WAITING")
      thread.pass(1)
      expect(codeOf(thread.take("r1", 2))).toBe(onWorkerLost === "fail" ? "RUN_NOT_WAITING" : "append")
    }
  })
  it("ends a lost run instead that a person has cancelled", () => {
    const thread = begin()
    thread.start("r1", { onWorkerLost: "retry" })
    thread.take("r1")
    thread.interrupt(cancel("i1", "r1"))
    thread.pass(LEASE_MILLIS)
    expect(thread.take("r1", 2)).toMatchObject({ type: "append", answer: { type: "swept" } })
    expect(thread.newestEvents().at(-1)).toMatchObject({ type: "run.finished", outcome: { type: "cancelled" } })
  })
  it("ends a run instead whose deadline has passed", () => {
    const thread = begin()
    thread.start("r1", { deadlineMillis: 1_000 })
    thread.pass(1_000)
    expect(thread.take("r1")).toMatchObject({ type: "append", answer: { type: "swept" } })
    expect(thread.newestEvents()).toMatchObject([
      { type: "run.finished", outcome: { type: "failed", error: { code: "DEADLINE_EXCEEDED" } } }
    ])
  })
})

describe("emitting", () => {
  const running = (options = {}) => {
    const thread = begin()
    thread.start("r1", options)
    thread.take("r1")
    return thread
  }
  it("is for the epoch that holds the run", () => {
    const thread = running()
    expect(codeOf(thread.say("r1", 0))).toBe("EPOCH_FENCED")
    expect(codeOf(thread.say("r1", 2))).toBe("EPOCH_FENCED")
    expect(codeOf(thread.say("r1", 1))).toBe("append")
    thread.finish("r1")
    expect(codeOf(thread.say("r1", 1))).toBe("RUN_TERMINAL")
  })
  it("is over for a worker that suspended its run", () => {
    const thread = running()
    thread.suspend("r1", "time-limit")
    expect(codeOf(thread.say("r1", 1))).toBe("EPOCH_FENCED")
  })
  it("keeps control as it is until a third of the lease is used up", () => {
    const thread = running()
    const before = thread.control()
    thread.pass(LEASE_MILLIS / 3)
    thread.say("r1")
    expect(thread.control()).toBe(before)
    thread.pass(1)
    thread.say("r1")
    expect(thread.run("r1")!.due).toBe(thread.now() + LEASE_MILLIS)
  })
  it("does not carry a lease beyond deadline or cancel", () => {
    const thread = running({ deadlineMillis: 35_000 })
    thread.pass(20_000)
    thread.say("r1")
    const { deadline, due } = thread.run("r1")!
    expect(due).toBe(deadline)
    const before = thread.control()
    thread.pass(14_000)
    thread.say("r1")
    expect(thread.control()).toBe(before)
  })
  it("refuses events that are not the worker's to say, as a whole", () => {
    const status = { type: "run.status", run: "r1", label: "x" } as const
    const finished = { type: "run.finished", run: "r1", outcome: { type: "completed" } } as const
    for (const events of [
      [],
      [finished, status],
      [finished, finished],
      [{ type: "run.suspended", run: "r1", why: "asked" } as const, status],
      [{ ...status, run: "r2" }],
      [{ type: "run.started", run: "r1", epoch: 2 } as const],
      [{ type: "content.erased", offsets: [[1, 1]] } as const]
    ]) {
      expect(codeOf(running().emit("r1", events))).toBe("BAD_SHAPE")
    }
  })
  it("closes what is open when the run ends, before the end", () => {
    const thread = running()
    thread.interrupt(steer("i1", "r1"))
    thread.ask("r1", "a1")
    thread.emit("r1", [{ type: "interrupt.applied", run: "r1", interrupt: "i1", outcome: { type: "applied" } }])
    thread.interrupt(steer("i2", "r1"))
    thread.finish("r1")
    expect(thread.newestEvents()).toMatchObject([
      { type: "ask.resolved", ask: "a1", answer: { type: "withdrawn" }, resolver: "system" },
      { type: "interrupt.applied", interrupt: "i2", outcome: { type: "too-late", reason: "finished" } },
      { type: "run.finished" }
    ])
    expect(thread.control().runs).toEqual([])
  })
  it("ends what the run called with it, in the same entry", () => {
    const thread = begin()
    thread.start("r1")
    thread.take("r1")
    thread.start("c1", { parent: "r1" })
    thread.take("c1", 1, 1)
    thread.start("c2", { parent: "c1" })
    thread.finish("r1")
    expect(thread.newestEvents()).toMatchObject([
      { type: "run.finished", run: "c2", outcome: { type: "cancelled" } },
      { type: "run.finished", run: "c1", outcome: { type: "cancelled" } },
      { type: "run.finished", run: "r1", outcome: { type: "completed" } }
    ])
    expect(thread.control().runs).toEqual([])
  })
  it("keeps a cancel wanted after the worker has heard of it", () => {
    const thread = running()
    thread.interrupt(cancel("i1", "r1"))
    thread.emit("r1", [{ type: "interrupt.applied", run: "r1", interrupt: "i1", outcome: { type: "applied" } }])
    expect(thread.run("r1")).toMatchObject({ interrupts: [], cancel: { interrupt: "i1" } })
    thread.suspend("r1", "time-limit")
    expect(thread.newest()).toEqual(["run.suspended", "run.finished"])
  })
})

describe("sweeping", () => {
  it("does nothing for what has ended or has time", () => {
    const thread = begin()
    thread.start("r1")
    expect(thread.sweep("r9")).toEqual({ type: "answer", answer: { type: "swept" }, offset: 0 })
    expect(enqueued(thread.sweep("r1"))).toEqual([])
  })
  it("enqueues again what nobody took", () => {
    const thread = begin()
    thread.start("r1")
    thread.pass(TAKE_MILLIS)
    expect(thread.sweep("r1")).toEqual({
      type: "answer",
      answer: { type: "swept", enqueue: [{ run: "r1", epoch: 1 }] },
      offset: 0
    })
  })
  it("fails a lost run, or gives it to another worker a few times", () => {
    const thread = begin()
    thread.start("once")
    thread.take("once")
    thread.pass(LEASE_MILLIS)
    thread.sweep("once")
    expect(thread.newestEvents()).toMatchObject([
      { type: "run.finished", outcome: { type: "failed", error: { code: "WORKER_LOST" } } }
    ])
    thread.start("again", { onWorkerLost: "retry" })
    for (let epoch = 1; epoch < MAX_EPOCHS; epoch++) {
      thread.take("again", epoch)
      thread.pass(LEASE_MILLIS)
      expect(enqueued(thread.sweep("again"))).toEqual([{ run: "again", epoch: epoch + 1 }])
    }
    thread.take("again", MAX_EPOCHS)
    thread.pass(LEASE_MILLIS)
    thread.sweep("again")
    expect(thread.newestEvents()).toMatchObject([{ type: "run.finished", outcome: { error: { code: "WORKER_LOST" } } }])
  })
  it("does not count an epoch that ended in peace as a lost one", () => {
    const thread = begin()
    thread.start("r1", { onWorkerLost: "retry" })
    for (let epoch = 1; epoch <= MAX_EPOCHS; epoch++) {
      thread.take("r1", epoch)
      thread.emit("r1", [{ type: "run.status", run: "r1", label: "on" }], { epoch, note: `step/r1/tool:t#${epoch}` })
      thread.suspend("r1", "time-limit", epoch)
    }
    thread.take("r1", MAX_EPOCHS + 1)
    thread.pass(LEASE_MILLIS)
    expect(enqueued(thread.sweep("r1"))).toEqual([{ run: "r1", epoch: MAX_EPOCHS + 2 }])
  })
  it("gives up a run whose host's time ends again and again without headway", () => {
    const thread = begin()
    thread.start("r1", { onWorkerLost: "retry" })
    for (let epoch = 1; epoch <= MAX_EPOCHS; epoch++) {
      thread.take("r1", epoch)
      thread.suspend("r1", "time-limit", epoch)
    }
    expect(thread.newestEvents()).toMatchObject([
      { type: "run.suspended" },
      { type: "run.finished", outcome: { type: "failed", error: { code: "DEADLINE_EXCEEDED" } } }
    ])
  })
  it("ends what passed its deadline in any state, and lets the next in line in", () => {
    const thread = begin()
    thread.start("r1", { deadlineMillis: 10_000 })
    thread.take("r1")
    thread.start("r2", { onBusy: "queue" })
    thread.pass(10_000)
    expect(enqueued(thread.sweep("r1"))).toEqual([{ run: "r2", epoch: 1 }])
    expect(thread.newestEvents()).toMatchObject([{ outcome: { error: { code: "DEADLINE_EXCEEDED" } } }])
  })
  it("ends a cancelled run whose worker does not", () => {
    const thread = begin()
    thread.start("r1", { onWorkerLost: "retry" })
    thread.take("r1")
    thread.interrupt(cancel("i1", "r1"))
    thread.pass(4_999)
    expect(codeOf(thread.sweep("r1"))).toBe("answer")
    thread.pass(1)
    thread.sweep("r1")
    expect(thread.newestEvents()).toMatchObject([
      { type: "interrupt.applied", outcome: { type: "applied" } },
      { type: "run.finished", outcome: { type: "cancelled", reason: "enough" } }
    ])
  })
  it("expires asks that nobody answered and wakes the run", () => {
    const thread = begin()
    thread.start("r1")
    thread.take("r1")
    thread.ask("r1", "a1", 1_000)
    thread.ask("r1", "a2", 9_000)
    thread.suspend("r1")
    expect(codeOf(thread.sweep("r1"))).toBe("answer")
    thread.pass(1_000)
    expect(enqueued(thread.sweep("r1"))).toEqual([{ run: "r1", epoch: 2 }])
    expect(thread.newestEvents()).toMatchObject([
      { type: "ask.resolved", ask: "a1", answer: { type: "expired" }, resolver: "system" }
    ])
    expect(thread.run("r1")).toMatchObject({ status: "waiting", asks: [{ id: "a2" }] })
  })
})

describe("reading", () => {
  it("names the notes that a decision needs", () => {
    const policy = { onBusy: "reject", onWorkerLost: "fail" } as const
    const message = { id: "m", parts: [] }
    expect(noteKeys({ type: "post", by: "a", message, digest: "" })).toEqual(["message/m"])
    expect(noteKeys({ type: "start", by: "a", start: { id: "r", agent: "w", message }, policy, digest: "" })).toEqual([
      "run/r",
      "message/m"
    ])
    expect(noteKeys({ type: "interrupt", by: "a", interrupt: cancel("i", "r"), digest: "" })).toEqual([
      "interrupt/i",
      "erased/interrupt/i",
      "run/r"
    ])
    expect(noteKeys({ type: "sweep", run: "r" })).toEqual([])
  })
  it("says when the first of all runs is due, for the log's index", () => {
    const thread = begin()
    expect(dueOf(thread.control())).toBeNull()
    thread.start("r1", { onBusy: "parallel" })
    thread.start("r2", { onBusy: "parallel", deadlineMillis: 1_000 })
    thread.start("r3", { onBusy: "parallel" })
    expect(dueOf(thread.control())).toBe(thread.now() + 1_000)
  })
  it("reads control back from JSON with fields of a later version", () => {
    const thread = begin()
    thread.start("r1")
    const stored = { ...JSON.parse(JSON.stringify(thread.control())), later: 1 } as Json
    const control = decodeControl(stored)
    expect(control).toEqual({ ...thread.control(), later: 1 })
    const decision = decide(control, { type: "take", run: "r1", epoch: 1 }, { now: 1, offset: 2, notes: new Map() })
    expect(decision).toMatchObject({ type: "append", control: { later: 1 } })
    expect(decodeControl(null)).toBe(emptyControl)
  })
  it("refuses control that it cannot read", () => {
    for (const bad of [
      1,
      [],
      {},
      { v: 2, generation: 1, runs: [] },
      { v: 1, generation: 1, runs: {} },
      { v: 1, generation: 1, runs: [{ id: "r" }] }
    ]) {
      expect(() => decodeControl(bad)).toThrow(ControlUnreadable)
    }
  })
})
