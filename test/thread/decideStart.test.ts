import { describe, expect, it } from "vitest"
import type { OnBusy } from "../../src/protocol/Exchange.ts"
import type { Json } from "../../src/protocol/Json.ts"
import { MAX_CONTROL_BYTES, MAX_OPEN_RUNS, TAKE_MILLIS } from "../../src/protocol/Limits.ts"
import { emptyControl } from "../../src/thread/control.ts"
import { decide } from "../../src/thread/decide.ts"
import { begin, cancel, codeOf, enqueued, steer } from "./harness.ts"

describe("posting", () => {
  it("appends the message with who sent it, and answers a repeat with the first offset", () => {
    const thread = begin()
    expect(thread.post("m1")).toMatchObject({ type: "append", answer: { type: "posted", message: "m1" } })
    expect(thread.newestEvents()).toMatchObject([{ type: "message.posted", message: "m1", role: "user", by: "ann" }])
    thread.post("m2")
    expect(thread.post("m1")).toEqual({ type: "answer", answer: { type: "posted", message: "m1" }, offset: 1 })
    expect(thread.entries).toHaveLength(2)
  })
  it("refuses the same id with another body", () => {
    const thread = begin()
    thread.post("m1")
    expect(codeOf(thread.post("m1", "other"))).toBe("DUPLICATE_DIFFERENT")
  })
  it("leaves control as it is", () => {
    const thread = begin()
    expect(thread.post("m1")).toMatchObject({ control: thread.control() })
    expect(thread.control()).toBe(emptyControl)
  })
  it("refuses when the record of the id cannot be read", () => {
    const message = { id: "m", parts: [] }
    const notes = new Map<string, Json>([["message/m", "damaged"]])
    const decision = decide(
      emptyControl,
      { type: "post", by: "ann", message, digest: "d" },
      { now: 1, offset: 1, notes }
    )
    expect(codeOf(decision)).toBe("STORE_CORRUPT")
  })
})

describe("starting", () => {
  it("appends message and acceptance in one entry and hands the first epoch to a worker", () => {
    const thread = begin()
    const decision = thread.start("r1", {
      input: { q: 1 },
      message: { id: "m1", parts: [] },
      tags: { a: "b" },
      deadlineMillis: 60_000
    })
    expect(enqueued(decision)).toEqual([{ run: "r1", epoch: 1 }])
    expect(thread.newest()).toEqual(["message.posted", "run.accepted"])
    expect(thread.newestEvents()[1]).toMatchObject({
      agent: "writer",
      input: { q: 1 },
      message: "m1",
      by: "ann",
      tags: { a: "b" }
    })
    expect(thread.run("r1")).toMatchObject({
      status: "waiting",
      epoch: 0,
      due: thread.now() + TAKE_MILLIS,
      deadline: thread.now() + 60_000
    })
    expect([...thread.notes.keys()]).toEqual(["run/r1", "message/m1"])
  })
  it("answers a repeat, and refuses a used run id or message id", () => {
    const thread = begin()
    const first = thread.start("r1")
    expect(thread.start("r1")).toMatchObject({
      type: "answer",
      offset: 1,
      answer: first.type === "append" ? first.answer : {}
    })
    expect(codeOf(thread.start("r1", { input: 1 }))).toBe("DUPLICATE_DIFFERENT")
    thread.post("m1")
    expect(codeOf(thread.start("r2", { onBusy: "parallel", message: { id: "m1", parts: [] } }))).toBe(
      "DUPLICATE_DIFFERENT"
    )
  })
  const busy = (onBusy: OnBusy) => {
    const thread = begin()
    thread.start("r1")
    thread.take("r1")
    return { thread, decision: thread.start("r2", { onBusy }) }
  }
  it("refuses a second run of a busy agent when it takes one at a time", () => {
    expect(codeOf(busy("reject").decision)).toBe("RUN_BUSY")
  })
  it("lets other agents and child runs start beside a busy one", () => {
    const { thread } = busy("reject")
    expect(codeOf(thread.start("r3", { agent: "critic" }))).toBe("append")
    expect(codeOf(thread.start("r4", { parent: "r1" }))).toBe("append")
    expect(thread.run("r4")).toMatchObject({ status: "waiting", parent: "r1" })
    thread.finish("r1")
    expect(enqueued(thread.start("r5"))).toEqual([{ run: "r5", epoch: 1 }])
  })
  it("refuses a child whose parent does not run any more, because nobody would take it on", () => {
    const { thread } = busy("reject")
    thread.finish("r1")
    expect(codeOf(thread.start("r2", { parent: "r1" }))).toBe("RUN_TERMINAL")
    expect(codeOf(thread.start("r3", { parent: "nobody" }))).toBe("RUN_TERMINAL")
    expect(thread.control().runs).toEqual([])
  })
  it("queues behind the busy run and hands the oldest to a worker when it ends", () => {
    const { decision, thread } = busy("queue")
    expect(enqueued(decision)).toEqual([])
    thread.start("r3", { onBusy: "queue" })
    expect(thread.run("r2")!.status).toBe("queued")
    expect(enqueued(thread.finish("r1"))).toEqual([{ run: "r2", epoch: 1 }])
    expect(thread.run("r2")).toMatchObject({ status: "waiting", due: thread.now() + TAKE_MILLIS })
    expect(thread.run("r3")!.status).toBe("queued")
    expect(enqueued(thread.interrupt(cancel("i1", "r2")))).toEqual([{ run: "r3", epoch: 1 }])
  })
  it("replaces a running one by cancelling it, and goes on when it has ended", () => {
    const { decision, thread } = busy("replace")
    expect(thread.newest()).toEqual(["run.accepted", "interrupt.received"])
    expect(enqueued(decision)).toEqual([])
    expect(thread.run("r1")!.cancel).toMatchObject({ interrupt: "r2", reason: "replaced" })
    expect(thread.run("r2")!.status).toBe("queued")
    expect(enqueued(thread.finish("r1"))).toEqual([{ run: "r2", epoch: 1 }])
    expect(thread.newest()).toEqual(["interrupt.applied", "run.finished"])
  })
  it("replaces at once those that no worker holds", () => {
    const thread = begin()
    thread.start("r1")
    thread.start("r2", { onBusy: "queue" })
    expect(enqueued(thread.start("r3", { onBusy: "replace" }))).toEqual([{ run: "r3", epoch: 1 }])
    expect(thread.control().runs.map((run) => run.id)).toEqual(["r3"])
  })
  it("starts beside a busy run when the agent allows it", () => {
    const { decision, thread } = busy("parallel")
    expect(enqueued(decision)).toEqual([{ run: "r2", epoch: 1 }])
    expect(thread.run("r2")!.status).toBe("waiting")
  })
  it("bounds how many runs are open", () => {
    const thread = begin()
    for (let at = 0; at < MAX_OPEN_RUNS; at++)
      expect(codeOf(thread.start(`r${at}`, { onBusy: "parallel" }))).toBe("append")
    expect(codeOf(thread.start("one-more", { onBusy: "parallel" }))).toBe("TOO_MANY")
  })
  it("bounds control in bytes, and keeps room to take, cancel and end what is open", () => {
    const thread = begin()
    const long = (at: number) => `${at}`.padEnd(128, "x")
    let started = 0
    while (codeOf(thread.start(long(started), { onBusy: "parallel", agent: "a".repeat(128) })) === "append") started++
    expect(started).toBeLessThan(MAX_OPEN_RUNS)
    for (let at = 0; at < started; at++) {
      expect(codeOf(thread.take(long(at)))).toBe("append")
      for (let more = 0; codeOf(thread.interrupt(steer(`${at}-${more}`, long(at)))) === "append"; more++);
    }
    expect(codeOf(thread.interrupt(cancel("i", long(0))))).toBe("append")
    expect(JSON.stringify(thread.control()).length).toBeLessThanOrEqual(MAX_CONTROL_BYTES)
    for (let at = 0; at < started; at++) expect(codeOf(thread.finish(long(at)))).toBe("append")
  })
})
