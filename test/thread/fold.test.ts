import { describe, expect, it } from "vitest"
import type { Event } from "../../src/protocol/Event.ts"
import type { View } from "../../src/protocol/View.ts"
import { createFold, emptyView } from "../../src/thread/fold.ts"
import { AT, entryOf } from "./generate.ts"
import { ACCEPTED, STARTED, begin, finished, folding, partsOf, running, say, tool } from "./folding.ts"

describe("the view", () => {
  it("says where the log is", () => {
    const { add } = folding()
    expect(add(ACCEPTED)).toMatchObject({ logId: "log", offset: 1, id: "entry-1" })
    expect(emptyView).toEqual({ logId: "", offset: 0, id: "", messages: [], runs: [], asks: [], state: {}, dropped: 0 })
  })
  it("shows what people post, and what replaces it", () => {
    const { add } = folding()
    const file = { type: "file", url: "https://a/b", mediaType: "text/plain" } as const
    add({
      type: "message.posted",
      message: "m1",
      role: "user",
      by: "ann",
      parts: [{ type: "text", text: "hi" }, file, { type: "data", name: "n", value: 1 }]
    })
    const view = add({ type: "message.posted", message: "m2", role: "user", parts: [], replaces: "m1", after: "m0" })
    expect(view.messages).toEqual([
      {
        id: "m1",
        role: "user",
        by: "ann",
        at: AT,
        replacedBy: "m2",
        parts: [
          { type: "text", id: "0", text: "hi", state: "done", offset: 1 },
          { ...file, id: "1", offset: 1 },
          { type: "data", id: "", name: "n", value: 1, offset: 1 }
        ]
      },
      { id: "m2", role: "user", after: "m0", at: AT, parts: [] }
    ])
  })
  it("streams text and reasoning into a message that the first part makes", () => {
    const { add } = running()
    add(begin("p", { step: "s" }), say("p", "one "), {
      type: "reasoning.started",
      run: "r",
      part: "p",
      message: "m",
      visible: "summary"
    })
    add(say("p", "two"), { type: "reasoning.delta", run: "r", part: "p", text: "why" })
    const view = add({ type: "text.finished", run: "r", part: "p", citations: [{ source: "s" }] })
    expect(view.messages).toEqual([
      {
        id: "m",
        role: "assistant",
        run: "r",
        at: AT,
        parts: [
          { type: "text", id: "p", text: "one two", state: "done", step: "s", offset: 2, citations: [{ source: "s" }] },
          { type: "reasoning", id: "p", text: "why", state: "streaming", visible: "summary", offset: 2 }
        ]
      }
    ])
  })
  it("tells whose part it is when a run goes on in another run's message", () => {
    const { add } = running()
    add(begin("p"), { type: "run.accepted", run: "r2", agent: "critic" })
    const view = add(
      { type: "text.started", run: "r2", part: "p", message: "m" },
      { type: "text.delta", run: "r2", part: "p", text: "x" }
    )
    expect(view.messages[0]!.parts).toMatchObject([{ text: "" }, { text: "x", run: "r2" }])
    expect(view.messages[0]!.parts[0]).not.toHaveProperty("run")
    const restored = createFold(view)
    restored.apply(entryOf(3, [{ type: "text.delta", run: "r2", part: "p", text: "y" }]))
    expect(restored.view.messages[0]!.parts).toMatchObject([{ text: "" }, { text: "xy" }])
  })
  it("follows a tool call from raw input to outcome", () => {
    const { add } = running()
    const call = (view: View) => partsOf(view)[0]
    expect(
      call(add(tool("c", { title: "Search" }), { type: "tool.delta", run: "r", call: "c", text: '{"q"' }))
    ).toMatchObject({ state: "input", rawInput: '{"q"', title: "Search" })
    const called = call(add({ type: "tool.called", run: "r", call: "c", input: { q: 1 } }))
    expect(called).toMatchObject({ state: "running", input: { q: 1 } })
    expect(called).not.toHaveProperty("rawInput")
    add(
      { type: "tool.progress", run: "r", call: "c", label: "reading", append: "a" },
      { type: "tool.progress", run: "r", call: "c", append: "b", fraction: 0.5 }
    )
    expect(call(add())).toMatchObject({ label: "reading", fraction: 0.5, output: "ab" })
    expect(call(add({ type: "tool.progress", run: "r", call: "c", output: [1] }))).toMatchObject({ output: [1] })
    expect(add({ type: "tool.progress", run: "r", call: "c", append: "text" }).dropped).toBe(1)
    const view = add({ type: "tool.finished", run: "r", call: "c", outcome: { type: "ok", output: [2] } })
    expect(call(view)).toMatchObject({ state: "done", output: [2], outcome: { type: "ok" } })
    expect(add({ type: "tool.finished", run: "r", call: "c", outcome: { type: "ok" } }).dropped).toBe(2)
  })
  it("updates files, sources and custom values by id, and keeps the rest apart", () => {
    const { add } = running()
    const source = (title: string): Event => ({ type: "source.cited", run: "r", source: "s", message: "m", title })
    const custom = (name: string, value: number, id?: string): Event => ({
      type: "custom",
      run: "r",
      name,
      value,
      message: "m",
      ...(id === undefined ? {} : { id })
    })
    const view = add(
      source("a"),
      source("b"),
      custom("n", 1, "i"),
      custom("n", 2, "i"),
      custom("o", 3, "i"),
      custom("n", 4),
      custom("n", 5)
    )
    expect(partsOf(view)).toMatchObject([
      { type: "source", title: "b" },
      { type: "data", name: "n", value: 2 },
      { name: "o", value: 3 },
      { name: "n", value: 4, id: "" },
      { name: "n", value: 5 }
    ])
  })
  it("does not keep custom values that are transient or belong to no message", () => {
    const { add } = running()
    const view = add(
      { type: "custom", name: "n", value: 1, transient: true, message: "m" },
      { type: "custom", name: "n", value: 1 }
    )
    expect(view).toMatchObject({ messages: [], dropped: 0 })
    expect(add({ type: "custom", name: "n", value: 1, message: "nowhere" }).dropped).toBe(1)
  })
  it("follows a run from acceptance to its end", () => {
    const { add } = folding()
    expect(add(ACCEPTED).runs).toEqual([
      {
        id: "r",
        agent: "writer",
        by: "ann",
        tags: { k: "v" },
        state: "waiting",
        epoch: 0,
        steps: [],
        interrupts: [],
        acceptedAt: AT
      }
    ])
    add(STARTED, { type: "run.status", run: "r", label: "a", detail: "b", fraction: 0.1 })
    expect(add({ type: "run.status", run: "r", label: "c" }).runs[0]).not.toHaveProperty("detail")
    expect(add({ type: "run.suspended", run: "r", why: "asked" }).runs[0]).toMatchObject({
      state: "suspended",
      suspended: "asked",
      label: "c"
    })
    const again = add({ type: "run.started", run: "r", epoch: 2 }).runs[0]
    expect(again).toMatchObject({ state: "running", epoch: 2 })
    expect(again).not.toHaveProperty("suspended")
    expect(again).not.toHaveProperty("label")
    expect(add(finished()).runs[0]).toMatchObject({ state: "finished", outcome: { type: "completed" }, finishedAt: AT })
  })
  it("closes what is open when a run ends: texts always, calls unless it completed", () => {
    for (const [outcome, state] of [
      ["completed", "running"],
      ["cancelled", "done"]
    ] as const) {
      const { add } = running()
      const view = add(
        begin("p"),
        tool("c"),
        { type: "tool.called", run: "r", call: "c", input: 1 },
        finished({ type: outcome })
      )
      expect(partsOf(view)).toMatchObject([
        { state: "done" },
        { state, ...(state === "done" ? { outcome: { type: "cancelled" } } : {}) }
      ])
    }
  })
  it("lets what an earlier epoch showed after its last recorded call leave", () => {
    const { add } = running()
    add(begin("kept", { message: "m0" }), say("kept", "before"))
    add(tool("recorded"), { type: "tool.finished", run: "r", call: "recorded", outcome: { type: "ok" } })
    add(
      { type: "step.started", run: "r", step: "done", name: "a" },
      { type: "step.started", run: "r", step: "half", name: "b" }
    )
    add(
      begin("in-done", { step: "done" }),
      begin("in-half", { step: "half" }),
      begin("free", { message: "m2" }),
      tool("half-call")
    )
    add({ type: "step.finished", run: "r", step: "done", outcome: "completed" })
    const view = add({ type: "run.started", run: "r", epoch: 2, from: 3 })
    expect(partsOf(view).map((part) => part.id)).toEqual(["kept", "recorded", "in-done"])
    expect(partsOf(view)[0]).toMatchObject({ state: "done", text: "before" })
    expect(view.messages.map((message) => message.id)).toEqual(["m0", "m"])
    expect(view.runs[0]!.steps.map((step) => step.id)).toEqual(["done"])
    expect(add(begin("free", { message: "m2" }), say("free", "again")).dropped).toBe(0)
    expect(partsOf(add(say("free", "!"))).at(-1)).toMatchObject({ text: "again!" })
  })
  it("begins a step and a call again that an earlier epoch had begun before", () => {
    const { add } = running()
    add({ type: "step.started", run: "r", step: "s", name: "a" }, tool("c", { step: "s" }), {
      type: "tool.delta",
      run: "r",
      call: "c",
      text: "{"
    })
    add({ type: "run.started", run: "r", epoch: 2, from: 2 })
    const view = add({ type: "step.started", run: "r", step: "s", name: "a" }, tool("c", { step: "s" }))
    expect(view.runs[0]!.steps).toMatchObject([{ id: "s", state: "running", offset: 2 }])
    expect(partsOf(view)).toEqual([
      { type: "tool", id: "c", name: "search", executor: "agent", state: "input", step: "s", offset: 2 }
    ])
    expect(view.dropped).toBe(0)
  })
  it("shows interrupts of a run, also of one that ended", () => {
    const { add } = running()
    const parts = [{ type: "text", text: "shorter" }] as const
    const steer = { kind: "steer", id: "i1", run: "r", message: { id: "x", parts }, when: "next-step" } as const
    add({ type: "interrupt.received", run: "r", interrupt: steer, verdict: { type: "accepted" }, by: "ann" })
    add({ type: "interrupt.applied", run: "r", interrupt: "i1", step: "s", outcome: { type: "applied" } }, finished())
    const refused = { type: "refused", error: { code: "RUN_TERMINAL", message: "over", retryable: false } } as const
    const view = add({
      type: "interrupt.received",
      run: "r",
      interrupt: { kind: "cancel", id: "i2", run: "r" },
      verdict: refused
    })
    expect(view.runs[0]!.interrupts).toEqual([
      { id: "i1", kind: "steer", state: "applied", parts, by: "ann", step: "s", at: AT },
      { id: "i2", kind: "cancel", state: "refused", reason: "RUN_TERMINAL", at: AT }
    ])
    expect(view.dropped).toBe(0)
  })
  it("shows asks and how each was answered, once", () => {
    const { add } = running()
    const opened = {
      type: "ask.opened",
      run: "r",
      ask: "a",
      kind: "choice",
      prompt: "which?",
      expiresAt: AT,
      options: [{ id: "o", label: "O" }]
    } as const
    expect(add(opened).asks).toEqual([
      { id: "a", run: "r", kind: "choice", prompt: "which?", expiresAt: AT, options: opened.options }
    ])
    const resolved: Event = {
      type: "ask.resolved",
      run: "r",
      ask: "a",
      answer: { type: "answered", value: "o" },
      resolver: "person",
      by: "bob"
    }
    expect(add(resolved).asks[0]).toMatchObject({ answer: { type: "answered", value: "o" }, by: "bob" })
    expect(add(resolved).dropped).toBe(1)
  })
  it("keeps state documents, and leaves them alone when a patch does not apply", () => {
    const { add } = folding()
    add(
      { type: "state.snapshot", doc: "plan", value: { steps: [] } },
      { type: "state.snapshot", doc: "other", value: 1 }
    )
    const first = add({ type: "state.delta", doc: "plan", patch: [{ op: "add", path: "/steps/-", value: "a" }] })
    expect(first.state).toEqual({ plan: { steps: ["a"] }, other: 1 })
    const second = add({ type: "state.delta", doc: "plan", patch: [{ op: "remove", path: "/missing" }] })
    expect(second.state["plan"]).toBe(first.state["plan"])
    expect(second.dropped).toBe(1)
  })
  it("is not reached through the name of a document", () => {
    const { add } = folding()
    const view = add(
      { type: "state.snapshot", doc: "__proto__", value: { admin: true } },
      { type: "state.delta", doc: "toString", patch: [{ op: "add", path: "", value: 1 }] }
    )
    expect(Object.getPrototypeOf(view.state)).toBe(Object.prototype)
    expect(Object.entries(view.state)).toEqual([["toString", 1]])
    expect(view.dropped).toBe(1)
  })
  it("empties what was erased and keeps its ids", () => {
    const { add } = running()
    add(begin("p"), say("p", "secret"), tool("c"), { type: "tool.called", run: "r", call: "c", input: "secret" })
    add({
      type: "file.added",
      run: "r",
      file: "f",
      message: "m",
      url: "https://secret",
      mediaType: "a/b",
      name: "secret"
    })
    add(begin("q"), say("q", "kept"))
    const view = add({ type: "content.erased", offsets: [[2, 3]] })
    expect(JSON.stringify(view)).not.toContain("secret")
    expect(partsOf(view).map((part) => part.id)).toEqual(["p", "c", "f", "q"])
    expect(partsOf(view)[3]).toMatchObject({ text: "kept" })
  })
})
