import { describe, expect, it } from "vitest"
import type { Event } from "../../src/protocol/Event.ts"
import { createFold } from "../../src/thread/fold.ts"
import { entryOf } from "./generate.ts"
import { ACCEPTED, STARTED, begin, finished, partsOf, running, say } from "./folding.ts"

describe("events that do not fit", () => {
  it.each<[string, Event[]]>([
    ["a delta of an unknown part", [say("nowhere", "x")]],
    ["a delta of a finished part", [begin("p"), { type: "text.finished", run: "r", part: "p" }, say("p", "x")]],
    ["a part begun twice", [begin("p"), begin("p")]],
    ["a run accepted twice", [ACCEPTED]],
    ["a run started in an epoch that is gone", [STARTED]],
    ["an event of an unknown run", [{ type: "run.status", run: "r9", label: "x" }]],
    ["a second end", [finished(), finished({ type: "cancelled" })]],
    ["a word after the end", [finished(), { type: "run.status", run: "r", label: "x" }]],
    [
      "a message after the end of its run",
      [finished(), { type: "message.posted", run: "r", message: "m", role: "assistant", parts: [] }]
    ],
    [
      "a message posted twice",
      [
        { type: "message.posted", message: "m", role: "user", parts: [] },
        { type: "message.posted", message: "m", role: "user", parts: [] }
      ]
    ],
    ["a step that ends and never began", [{ type: "step.finished", run: "r", step: "s", outcome: "completed" }]],
    [
      "an interrupt applied and never received",
      [{ type: "interrupt.applied", run: "r", interrupt: "i", outcome: { type: "applied" } }]
    ]
  ])("are counted and change nothing: %s", (_, events) => {
    const { add } = running()
    const before = add(...events.slice(0, -1))
    const view = add(events.at(-1)!)
    expect(view).toEqual({ ...before, offset: view.offset, id: view.id, dropped: 1 })
  })
  it("are not those of a later version: they are passed over", () => {
    const { add } = running()
    const later = { type: "run.praised", run: "r9", stars: 5 } as unknown as Event
    expect(
      add(later, { type: "constructor" } as unknown as Event, finished(), { ...later, run: "r" } as Event)
    ).toMatchObject({ dropped: 0 })
  })
})

describe("taking a view", () => {
  it("is plain data, and shows the same however late its messages are read", () => {
    const { add, fold } = running()
    const posted = (message: string): Event => ({ type: "message.posted", message, role: "user", parts: [] })
    add(...Array.from({ length: 200 }, (_, at) => posted(`m${at}`)), begin("p"), say("p", "one"))
    const unread = fold.view
    const saved = JSON.stringify({ ...unread })
    const newest = fold.newest
    const early = fold.view
    for (let round = 0; round < 3; round++) add(say("p", " two"), posted(`later${round}`))
    expect(JSON.stringify({ ...unread })).toBe(saved)
    expect(JSON.parse(JSON.stringify(early))).toEqual(early)
    expect(Object.keys(early).toSorted()).toEqual(Object.keys(createFold().view).toSorted())
    expect(early.messages).toBe(early.messages)
    expect(early.messages.at(-1)).toBe(newest)
    expect(newest).toMatchObject({ parts: [{ text: "one" }] })
    expect(fold.newest).toBe(fold.view.messages.at(-1))
    expect(fold.view.messages[5]).toBe(early.messages[5])
    expect(createFold(JSON.parse(JSON.stringify(fold.view))).view).toEqual(fold.view)
  })
  it("answers the same object until something is applied", () => {
    const { add, fold } = running()
    const view = add(begin("p"))
    expect(fold.view).toBe(view)
    expect(add(say("p", "x"))).not.toBe(view)
  })
  it("keeps the identity of what did not change", () => {
    const { add } = running()
    add(
      { type: "message.posted", message: "m0", role: "user", parts: [{ type: "text", text: "hi" }] },
      { type: "state.snapshot", doc: "d", value: {} }
    )
    const before = add(begin("p"), begin("q"))
    const after = add(say("p", "x"))
    expect(after.messages[0]).toBe(before.messages[0])
    expect(after.runs).toBe(before.runs)
    expect(after.asks).toBe(before.asks)
    expect(after.state).toBe(before.state)
    expect(after.messages[1]).not.toBe(before.messages[1])
    expect(after.messages[1]!.parts[0]).not.toBe(before.messages[1]!.parts[0])
    expect(after.messages[1]!.parts[1]).toBe(before.messages[1]!.parts[1])
  })
  it("does not change a view that it began with", () => {
    const saved = running().add(begin("p"))
    const text = JSON.stringify(saved)
    const fold = createFold(saved)
    fold.apply(entryOf(3, [say("p", "x"), finished()]))
    expect(JSON.stringify(saved)).toBe(text)
    expect(partsOf(fold.view)).toMatchObject([{ text: "x", state: "done" }])
  })
  it("costs little per delta, however many there were before", () => {
    const entries = Array.from({ length: 10_000 }, (_, at) => entryOf(at + 3, [say("p", "token ")]))
    const times = Array.from({ length: 5 }, () => {
      const { add, fold } = running()
      add(begin("p"))
      const began = performance.now()
      for (const entry of entries) fold.apply(entry)
      expect(partsOf(fold.view)).toMatchObject([{ text: "token ".repeat(10_000) }])
      return performance.now() - began
    })
    expect(Math.min(...times)).toBeLessThan(30)
  })
})
