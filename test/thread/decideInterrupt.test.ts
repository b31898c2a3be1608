import { describe, expect, it } from "vitest"
import { MAX_OPEN_INTERRUPTS } from "../../src/protocol/Limits.ts"
import type { UserInterrupt } from "../../src/protocol/UserInterrupt.ts"
import type { Control } from "../../src/thread/control.ts"
import { decide } from "../../src/thread/decide.ts"
import { answer, begin, cancel, codeOf, enqueued, steer, verdictOf } from "./harness.ts"

describe("interrupting", () => {
  const running = () => {
    const thread = begin()
    thread.start("r1")
    thread.take("r1")
    return thread
  }
  it("records what was asked, so that a worker that was away can read it", () => {
    const thread = running()
    expect(verdictOf(thread.interrupt(steer("i1", "r1"), "bob"))).toBe("accepted")
    expect(thread.notes.get("interrupt/i1")).toMatchObject({ offset: 3, by: "bob", interrupt: steer("i1", "r1") })
    expect(thread.run("r1")!.interrupts).toEqual([{ id: "i1", kind: "steer", offset: 3 }])
  })
  it("gives the same id the same verdict, and refuses it for another body", () => {
    const thread = running()
    thread.interrupt(cancel("i1", "r1"))
    thread.finish("r1")
    expect(thread.interrupt(cancel("i1", "r1"))).toMatchObject({
      type: "answer",
      offset: 3,
      answer: { verdict: { type: "accepted" } }
    })
    expect(codeOf(thread.interrupt(steer("i1", "r1")))).toBe("DUPLICATE_DIFFERENT")
  })
  it("does not know runs that never were, and records a refusal for those that ended", () => {
    const thread = running()
    expect(codeOf(thread.interrupt(cancel("i1", "r9")))).toBe("NOT_FOUND")
    thread.finish("r1")
    const before = thread.control()
    expect(verdictOf(thread.interrupt(cancel("i2", "r1")))).toBe("RUN_TERMINAL")
    expect(thread.newest()).toEqual(["interrupt.received"])
    expect(thread.control()).toBe(before)
  })
  it("tells a running worker to stop and bounds how long that may take", () => {
    const thread = running()
    thread.interrupt(cancel("i1", "r1"))
    expect(thread.run("r1")).toMatchObject({
      cancel: { interrupt: "i1", reason: "enough", endBy: thread.now() + 5_000 },
      due: thread.now() + 5_000
    })
    const slow = running()
    slow.interrupt(cancel("i1", "r1", 1e9))
    expect(slow.run("r1")!.cancel!.endBy).toBe(slow.now() + 60_000)
  })
  it("accepts a second cancel without a second effect", () => {
    const thread = running()
    thread.interrupt(cancel("i1", "r1"))
    const before = thread.control()
    expect(verdictOf(thread.interrupt(cancel("i2", "r1", 0)))).toBe("accepted")
    expect(thread.newest()).toEqual(["interrupt.received", "interrupt.applied"])
    expect(thread.control()).toBe(before)
  })
  it("ends a cancelled run at once where no worker holds it", () => {
    const thread = begin()
    thread.start("waiting")
    thread.interrupt(steer("i0", "waiting"))
    thread.interrupt(cancel("i1", "waiting"))
    expect(thread.newestEvents()).toMatchObject([
      { type: "interrupt.received", interrupt: { id: "i1" } },
      { type: "interrupt.applied", interrupt: "i0", outcome: { type: "too-late", reason: "cancelled" } },
      { type: "interrupt.applied", interrupt: "i1", outcome: { type: "applied" } },
      { type: "run.finished", outcome: { type: "cancelled", reason: "enough" } }
    ])
    const suspended = running()
    suspended.ask("r1", "a1")
    suspended.suspend("r1")
    suspended.interrupt(cancel("i1", "r1"))
    expect(suspended.newest()).toEqual(["interrupt.received", "ask.resolved", "interrupt.applied", "run.finished"])
    expect(suspended.control().runs).toEqual([])
  })
  it("bounds what is accepted and not yet applied, but lets a cancel through", () => {
    const thread = running()
    for (let at = 0; at < MAX_OPEN_INTERRUPTS; at++)
      expect(verdictOf(thread.interrupt(steer(`i${at}`, "r1")))).toBe("accepted")
    expect(codeOf(thread.interrupt(steer("more", "r1")))).toBe("TOO_MANY")
    expect(verdictOf(thread.interrupt(cancel("stop", "r1")))).toBe("accepted")
  })
  it("keeps room for a cancel, however many asks are open", () => {
    const thread = begin()
    const runs = Array.from({ length: 4 }, (_, n) => `run-${n}`.padEnd(36, "x"))
    for (const run of runs) {
      thread.start(run, { onBusy: "parallel" })
      thread.take(run)
    }
    const refused = runs.map((run) => {
      for (let n = 0; ; n++) {
        const decision = thread.ask(run, `${run}/${n}`.padEnd(120, "y"), 60_000, "d".repeat(43))
        if (decision.type === "refuse") return decision.fault.code
      }
    })
    expect(new Set(refused)).toEqual(new Set(["TOO_MANY"]))
    for (const run of runs) expect(verdictOf(thread.interrupt(cancel(`stop ${run}`, run)))).toBe("accepted")
  })
  it("refuses an interrupt that no note has room for", () => {
    expect(codeOf(running().interrupt(steer("i1", "r1", "x".repeat(40_000))))).toBe("TOO_LARGE")
  })
  it("keeps pause and takes it back on resume", () => {
    const thread = running()
    thread.interrupt({ kind: "pause", id: "i1", run: "r1" })
    expect(thread.run("r1")!.pause).toBe("i1")
    thread.suspend("r1", "paused")
    expect(thread.run("r1")!.status).toBe("suspended")
    expect(enqueued(thread.interrupt({ kind: "resume", id: "i2", run: "r1" }))).toEqual([{ run: "r1", epoch: 2 }])
    expect(thread.run("r1")).not.toHaveProperty("pause")
  })
  it("names what it does not know", () => {
    expect(codeOf(running().interrupt({ kind: "praise", id: "i", run: "r1" } as unknown as UserInterrupt))).toBe(
      "UNKNOWN_TYPE"
    )
  })
})

describe("answering an ask", () => {
  const asked = (expiresInMillis?: number, digest?: string) => {
    const thread = begin()
    thread.start("r1")
    thread.take("r1")
    thread.ask("r1", "a1", expiresInMillis, digest)
    return thread
  }
  it("resolves it once and wakes the run that was suspended for it", () => {
    const thread = asked(60_000, "sha")
    thread.suspend("r1")
    expect(thread.run("r1")).toMatchObject({ status: "suspended", due: thread.now() + 60_000 })
    expect(enqueued(thread.interrupt(answer("i1", "r1", "a1", "sha"), "bob"))).toEqual([{ run: "r1", epoch: 2 }])
    expect(thread.newest()).toEqual(["interrupt.received", "interrupt.applied", "ask.resolved"])
    expect(thread.newestEvents()[2]).toMatchObject({ resolver: "person", by: "bob", answer: { type: "approved" } })
    expect(thread.run("r1")).toMatchObject({ status: "waiting", asks: [], settled: 5 })
    expect(verdictOf(thread.interrupt(answer("i2", "r1", "a1", "sha")))).toBe("APPROVAL_ALREADY_DECIDED")
    expect(verdictOf(thread.interrupt(answer("i3", "r1", "a9", "sha")))).toBe("ASK_CLOSED")
  })
  it("does not suspend a run whose answer was there before", () => {
    const thread = asked()
    expect(enqueued(thread.interrupt(answer("i1", "r1", "a1")))).toEqual([])
    expect(enqueued(thread.suspend("r1"))).toEqual([{ run: "r1", epoch: 2 }])
    expect(thread.run("r1")!.status).toBe("waiting")
  })
  it("wakes a run as soon as one of the asks that it waits for is answered", () => {
    const thread = asked()
    thread.ask("r1", "a2")
    thread.interrupt(answer("i1", "r1", "a1"))
    const suspended = { type: "run.suspended", run: "r1", why: "asked", asks: ["a1", "a2"] } as const
    expect(enqueued(thread.emit("r1", [suspended]))).toEqual([{ run: "r1", epoch: 2 }])
  })
  it("passes over what a worker says of an ask that a person has answered", () => {
    const thread = asked()
    thread.interrupt(answer("i1", "r1", "a1"))
    const expired = {
      type: "ask.resolved",
      run: "r1",
      ask: "a1",
      answer: { type: "expired" },
      resolver: "system"
    } as const
    expect(thread.emit("r1", [expired])).toEqual({ type: "answer", answer: { type: "emitted" }, offset: 0 })
    thread.emit("r1", [expired, { type: "run.status", run: "r1", label: "on" }])
    expect(thread.newest()).toEqual(["run.status"])
  })
  it("refuses an answer to something else than what was shown", () => {
    expect(verdictOf(asked(60_000, "sha").interrupt(answer("i1", "r1", "a1", "other")))).toBe("APPROVAL_MISMATCH")
    expect(verdictOf(asked(60_000, "sha").interrupt(answer("i1", "r1", "a1")))).toBe("APPROVAL_MISMATCH")
    expect(verdictOf(asked(60_000, "sha").interrupt(answer("i1", "r1", "a1", "sha2")))).toBe("APPROVAL_MISMATCH")
  })
  it("refuses an answer that comes too late", () => {
    const thread = asked(1_000)
    thread.pass(1_000)
    expect(verdictOf(thread.interrupt(answer("i1", "r1", "a1")))).toBe("APPROVAL_EXPIRED")
    expect(thread.run("r1")!.asks).toHaveLength(1)
  })
  it("refuses those who may not answer, and answers of the wrong kind, without a word in the log", () => {
    const thread = asked()
    const control: Control = {
      ...thread.control(),
      runs: thread
        .control()
        .runs.map((run) => ({ ...run, asks: run.asks.map((ask) => ({ ...ask, answerableBy: ["eve"] })) }))
    }
    const context = { now: thread.now(), offset: 9, notes: new Map() }
    const command = { type: "interrupt", by: "ann", interrupt: answer("i1", "r1", "a1"), digest: "d" } as const
    expect(codeOf(decide(control, command, context))).toBe("FORBIDDEN")
    expect(codeOf(decide(control, { ...command, by: "eve" }, context))).toBe("append")
    const value = { kind: "answer", id: "i2", run: "r1", ask: "a1", answer: { type: "answered", value: 1 } } as const
    expect(codeOf(thread.interrupt(value))).toBe("BAD_SHAPE")
  })
  it("takes an expiry that cannot be read for one that has passed", () => {
    const thread = asked()
    const control: Control = {
      ...thread.control(),
      runs: thread
        .control()
        .runs.map((run) => ({ ...run, asks: run.asks.map((ask) => ({ ...ask, expiresAt: Number.NaN })) }))
    }
    const context = { now: thread.now(), offset: 9, notes: new Map() }
    const command = { type: "interrupt", by: "ann", interrupt: answer("i1", "r1", "a1"), digest: "d" } as const
    expect(verdictOf(decide(control, command, context))).toBe("APPROVAL_EXPIRED")
    expect(decide(control, { type: "sweep", run: "r1" }, context)).toMatchObject({
      events: [{ type: "ask.resolved", answer: { type: "expired" } }],
      notes: [{ key: "ask/r1/a1", value: { answer: { type: "expired" } } }]
    })
  })
  it("refuses an ask whose expiry is not a time to come", () => {
    for (const expiresAt of ["garbage", "1970-01-01T00:00:00.000Z", "+275760-09-13T00:00:00.000Z", "275761-01-01"]) {
      const thread = begin()
      thread.start("r1")
      thread.take("r1")
      const opened = { type: "ask.opened", run: "r1", ask: "a", kind: "input", prompt: "?", expiresAt } as const
      expect(codeOf(thread.emit("r1", [opened]))).toBe("BAD_SHAPE")
    }
  })
})
