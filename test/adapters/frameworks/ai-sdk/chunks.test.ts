import type { UIMessageChunk } from "ai"
import { describe, expect, it } from "vitest"
import { fromChunk } from "../../../../adapters/frameworks/ai-sdk/fromChunk.ts"
import { fromPart } from "../../../../adapters/frameworks/ai-sdk/map.ts"
import { open } from "../../../../adapters/frameworks/ai-sdk/say.ts"
import type { Said } from "../../../../adapters/frameworks/ai-sdk/say.ts"
import { told, toChunk } from "../../../../adapters/frameworks/ai-sdk/toChunk.ts"
import { isEntry } from "../../../../src/protocol/Entry.ts"
import type { KnownEvent } from "../../../../src/protocol/Event.ts"
import { checkEvent, decodeFrame } from "../../../../src/protocol/guard.ts"
import { goldenFrames } from "../../../protocol/frames.ts"

const begin = () => open({ message: "m", scope: "x", askExpiresAt: "2026-11-22T11:00:00.000Z" })
const eventsOf = (chunks: readonly UIMessageChunk[]): readonly Said[] => {
  let state = begin()
  return chunks.flatMap((chunk) => {
    const [next, events] = fromChunk(state, chunk)
    state = next
    return events
  })
}
const chunksOf = (events: readonly Said[]): readonly UIMessageChunk[] => {
  let state = told("m")
  return events.flatMap((event) => {
    const [next, chunks] = toChunk(state, { ...event, run: "r" } as KnownEvent)
    state = next
    return chunks
  })
}
const CHUNKS: readonly UIMessageChunk[] = [
  { type: "start", messageId: "m" },
  { type: "message-metadata", messageMetadata: { model: "m1" } },
  { type: "start-step" },
  { type: "reasoning-start", id: "x.r2", providerMetadata: { throughline: { visible: "summary" } } },
  { type: "reasoning-delta", id: "x.r2", delta: "First…" },
  { type: "reasoning-end", id: "x.r2" },
  { type: "text-start", id: "x.t3" },
  { type: "text-delta", id: "x.t3", delta: "Hello" },
  { type: "source-url", sourceId: "s1", url: "https://docs.example/a", title: "A" },
  {
    type: "text-end",
    id: "x.t3",
    citations: [
      {
        source: { type: "source", sourceType: "url", id: "s1", url: "https://docs.example/a", title: "A" },
        startIndex: 0,
        endIndex: 5,
        citedText: "h"
      }
    ]
  },
  { type: "source-document", sourceId: "s2", mediaType: "text/markdown", title: "B", filename: "b.md" },
  {
    type: "tool-input-start",
    toolCallId: "c1",
    toolName: "search",
    title: "Search",
    dynamic: true,
    inputEncoding: "json"
  },
  { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '{"q":1}' },
  {
    type: "tool-input-available",
    toolCallId: "c1",
    toolName: "search",
    input: { q: 1 },
    title: "Search",
    dynamic: true
  },
  { type: "tool-output-available", toolCallId: "c1", output: { done: 1 }, preliminary: true },
  { type: "tool-output-available", toolCallId: "c1", output: { hits: 2 } },
  { type: "tool-input-start", toolCallId: "c2", toolName: "write", providerExecuted: true },
  { type: "tool-input-error", toolCallId: "c2", toolName: "write", input: "?", errorText: "no path" },
  { type: "tool-input-start", toolCallId: "c3", toolName: "write" },
  { type: "tool-input-available", toolCallId: "c3", toolName: "write", input: {} },
  { type: "tool-approval-request", approvalId: "a1", toolCallId: "c3", reason: "writes" },
  { type: "tool-approval-response", approvalId: "a1", approved: false, reason: "no" },
  { type: "tool-output-denied", toolCallId: "c3" },
  { type: "tool-input-start", toolCallId: "c4", toolName: "write" },
  { type: "tool-input-available", toolCallId: "c4", toolName: "write", input: {} },
  { type: "tool-output-error", toolCallId: "c4", errorText: "disk full" },
  { type: "file", url: "https://files.example/f", mediaType: "image/png" },
  { type: "reasoning-file", url: "https://files.example/r", mediaType: "image/png" },
  { type: "custom", kind: "acme.badge" },
  { type: "data-chart", id: "chart-1", data: [1, 2] },
  { type: "data-ping", data: "now", transient: true },
  {
    type: "data-throughline.interrupt.received",
    id: "i1",
    data: {
      type: "interrupt.received",
      interrupt: {
        kind: "steer",
        id: "i1",
        run: "r",
        message: { id: "m2", parts: [{ type: "text", text: "Shorter." }] },
        when: "next-step"
      },
      verdict: { type: "accepted" }
    }
  },
  { type: "steering-message", id: "i1", parts: [{ type: "text", text: "Shorter." }] },
  { type: "reset-step" },
  { type: "start-step" },
  { type: "finish-step" },
  { type: "finish", finishReason: "stop" }
]
const ENDS: readonly UIMessageChunk[][] = [
  [{ type: "abort", reason: "enough" }],
  [{ type: "error", errorText: "overloaded" }],
  [{ type: "finish" }]
]

describe("UI message chunks", () => {
  it("come back from our events as they were", () => {
    expect(chunksOf(eventsOf(CHUNKS))).toEqual(CHUNKS)
    for (const end of ENDS) expect(chunksOf(eventsOf(end))).toEqual(end)
  })

  it("are all of them above", () => {
    const shown = new Set([...CHUNKS, ...ENDS.flat()].map((chunk) => chunk.type.replace(/^data-.*/, "data-*")))
    expect(shown.size).toBe(30)
  })

  it("become events that the guard accepts", () => {
    for (const event of eventsOf(CHUNKS)) expect(checkEvent({ ...event, run: "r" })).toMatchObject({ ok: true })
  })

  it("are not needed to be known", () => {
    expect(eventsOf([{ type: "later-chunk", x: 1 } as never])).toEqual([
      { type: "custom", name: "ai-sdk.later-chunk", value: { type: "later-chunk", x: 1 } }
    ])
    expect(fromPart(begin(), { type: "constructor" } as never)[1]).toEqual([
      { type: "custom", name: "ai-sdk.constructor", value: { type: "constructor" } }
    ])
  })

  it("cannot smuggle in an event that is none", () => {
    const chunk = { type: "data-throughline.run.status", data: { type: "run.status", label: 7 } } as UIMessageChunk
    expect(eventsOf([chunk])).toEqual([
      { type: "custom", name: "throughline.run.status", value: { type: "run.status", label: 7 } }
    ])
  })
})

const golden = goldenFrames.flatMap(([, text]) => {
  const decoded = decodeFrame(text)
  return decoded.ok && isEntry(decoded.frame) ? decoded.frame.events : []
})
describe("our events", () => {
  it("have a chunk each, but for the heartbeat", () => {
    const silent = golden.filter((event) => toChunk(told("m"), event)[1].length === 0).map((event) => event.type)
    expect(new Set(silent)).toEqual(new Set(["run.heartbeat"]))
  })

  it("come back whole where the SDK has no word for them", () => {
    const wordless = [
      "run.accepted",
      "run.status",
      "message.posted",
      "interrupt.received",
      "state.snapshot",
      "state.delta",
      "content.erased"
    ]
    for (const event of golden.filter(({ type }) => wordless.includes(type))) {
      const { run: _, ...said } = event as { run?: string }
      expect(eventsOf(toChunk(told("m"), event)[1])).toEqual([said])
    }
  })

  it("come back from chunks where it has one", () => {
    const events: readonly Said[] = [
      { type: "run.started", epoch: 1 },
      { type: "step.started", step: "x.s1", name: "model" },
      { type: "text.started", message: "m", step: "x.s1", part: "x.t2" },
      { type: "text.delta", part: "x.t2", text: "Hello" },
      { type: "text.finished", part: "x.t2" },
      { type: "tool.started", message: "m", step: "x.s1", call: "c1", name: "search", executor: "agent" },
      { type: "tool.called", call: "c1", input: { q: 1 } },
      { type: "tool.finished", call: "c1", outcome: { type: "ok", output: null } },
      { type: "step.finished", step: "x.s1", outcome: "completed" },
      { type: "run.finished", outcome: { type: "completed", reason: "stop" } }
    ]
    expect(eventsOf(chunksOf(events))).toEqual(events)
  })
})
