import { describe, expect, it } from "vitest"
import type { Event } from "../../src/protocol/Event.ts"
import { mergeDeltas } from "../../src/thread/merge.ts"

const text = (part: string, text: string, more: object = {}): Event => ({
  type: "text.delta",
  run: "r",
  part,
  text,
  ...more
})

describe("merging deltas", () => {
  it("joins neighbours of one part, call or progress", () => {
    expect(mergeDeltas([text("p", "a"), text("p", "b"), text("p", "c")])).toEqual([text("p", "abc")])
    for (const [type, of, grows] of [
      ["reasoning.delta", "part", "text"],
      ["tool.delta", "call", "text"],
      ["tool.progress", "call", "append"]
    ] as const) {
      const delta = (piece: string) => ({ type, run: "r", [of]: "x", [grows]: piece }) as unknown as Event
      expect(mergeDeltas([delta("a"), delta("b")])).toEqual([delta("ab")])
    }
  })
  it("joins the halves of a character", () => {
    expect(mergeDeltas([text("p", "\ud83d"), text("p", "\ude00")])).toEqual([text("p", "😀")])
  })
  it("keeps order: what is not a neighbour does not join", () => {
    const events = [text("p", "a"), text("q", "b"), text("p", "c"), text("p", "d")]
    expect(mergeDeltas(events)).toEqual([text("p", "a"), text("q", "b"), text("p", "cd")])
    const broken = [text("p", "a"), { type: "run.status", run: "r", label: "x" } as const, text("p", "b")]
    expect(mergeDeltas(broken)).toBe(broken)
  })
  it("keeps apart what differs in run, part, call or kind", () => {
    const events: Event[] = [
      text("p", "a"),
      { ...text("p", "b"), run: "s" } as Event,
      { type: "reasoning.delta", run: "s", part: "p", text: "c" },
      { type: "tool.delta", run: "s", call: "p", text: "d" }
    ]
    expect(mergeDeltas(events)).toBe(events)
  })
  it("leaves alone what carries more than its text", () => {
    for (const more of [{ meta: {} }, { by: "ann" }, { later: 1 }]) {
      const first = [text("p", "a", more), text("p", "b")]
      const second = [text("p", "a"), text("p", "b", more), text("p", "c")]
      expect(mergeDeltas(first)).toBe(first)
      expect(mergeDeltas(second)).toBe(second)
    }
    const progress: Event[] = [
      { type: "tool.progress", run: "r", call: "c", append: "a" },
      { type: "tool.progress", run: "r", call: "c", append: "b", fraction: 0.5 },
      { type: "tool.progress", run: "r", call: "c", label: "x" },
      { type: "tool.progress", run: "r", call: "c", label: "y" }
    ]
    expect(mergeDeltas(progress)).toBe(progress)
  })
  it("never changes an event that it was given", () => {
    const events = [text("p", "a"), text("p", "b"), text("q", "c"), text("q", "d")].map((event) => Object.freeze(event))
    expect(mergeDeltas(Object.freeze(events))).toEqual([text("p", "ab"), text("q", "cd")])
  })
})
