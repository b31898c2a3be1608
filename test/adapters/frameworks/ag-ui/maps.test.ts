import type { BaseEvent } from "@ag-ui/core"
import { EventType } from "@ag-ui/core"
import { EventSchema } from "@ag-ui/core/schemas"
import { verifyEvents } from "@ag-ui/client"
import { from, lastValueFrom, toArray } from "rxjs"
import { describe, expect, it } from "vitest"
import { fromAgUi } from "../../../../adapters/frameworks/ag-ui/fromAgUi.ts"
import { heard } from "../../../../adapters/frameworks/ag-ui/heard.ts"
import { shown } from "../../../../adapters/frameworks/ag-ui/shown.ts"
import { toAgUi } from "../../../../adapters/frameworks/ag-ui/toAgUi.ts"
import type { AgUiEvent } from "../../../../adapters/frameworks/ag-ui/words.ts"
import { isEntry } from "../../../../src/protocol/Entry.ts"
import type { KnownEvent, UnknownEvent } from "../../../../src/protocol/Event.ts"
import { checkEvent, decodeFrame } from "../../../../src/protocol/guard.ts"
import { goldenFrames } from "../../../protocol/frames.ts"

type AnyEvent = KnownEvent | UnknownEvent
const RUN = "0198c0de-7a00-7000-8000-000000000010"
const out = (events: readonly AnyEvent[], run = RUN): readonly AgUiEvent[] => {
  let state = shown("t1", run)
  return events.flatMap((event) => {
    const [next, said] = toAgUi(state, event)
    state = next
    return said
  })
}
const back = (events: readonly AgUiEvent[], run = RUN): readonly KnownEvent[] => {
  let state = heard({ run, message: "m", askExpiresAt: "2026-11-22T11:00:00.000Z" })
  return events.flatMap((event) => {
    const [next, said] = fromAgUi(state, event)
    state = next
    return said
  })
}
const onTheWire = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

const golden: readonly AnyEvent[] = goldenFrames
  .map(([, text]) => decodeFrame(text))
  .flatMap((decoded) => (decoded.ok && isEntry(decoded.frame) ? [decoded.frame] : []))
  .toSorted((a, b) => a.offset - b.offset)
  .flatMap((entry) => entry.events)

/** A run as an agent would write it, with all it can hold. */
const r = <T extends KnownEvent["type"]>(
  type: T,
  fields: Omit<Extract<KnownEvent, { type: T }>, "type" | "run">
): KnownEvent => ({ type, run: "r1", ...fields }) as never
const RUN_STORY: readonly KnownEvent[] = [
  r("run.started", { epoch: 1 }),
  {
    type: "message.posted",
    run: "r1",
    message: "u1",
    role: "user",
    parts: [{ type: "text", text: "Hello" }],
    by: "ada",
    replaces: "u0"
  },
  r("run.status", { label: "Searching…", fraction: 0.5 }),
  r("step.started", { step: "s1", name: "search", agent: "reader" }),
  r("reasoning.started", { message: "m1", step: "s1", part: "p1", visible: "summary" }),
  r("reasoning.delta", { part: "p1", text: "First…" }),
  r("reasoning.finished", { part: "p1" }),
  r("tool.started", {
    message: "m1",
    step: "s1",
    call: "c1",
    name: "search",
    title: "Search",
    executor: "provider",
    dynamic: true,
    encoding: "json"
  }),
  r("tool.delta", { call: "c1", text: '{"q":' }),
  r("tool.delta", { call: "c1", text: "1}" }),
  r("tool.called", { call: "c1", input: { q: 1 }, digest: "d" }),
  r("tool.progress", { call: "c1", label: "half", fraction: 0.5, output: [1] }),
  r("tool.finished", { call: "c1", outcome: { type: "ok", output: { hits: 2 } } }),
  r("tool.started", { message: "m1", call: "c2", name: "write", executor: "agent" }),
  r("tool.called", { call: "c2", input: "raw" }),
  r("tool.finished", { call: "c2", outcome: { type: "denied", reason: "no" } }),
  r("tool.started", { message: "m1", call: "c3", name: "write", executor: "agent" }),
  r("tool.finished", {
    call: "c3",
    outcome: { type: "invalid", input: 7, error: { code: "BAD_INPUT", message: "no path", retryable: false } }
  }),
  { type: "run.accepted", run: "r2", agent: "translator", parent: { run: "r1", call: "c2" }, by: "ada" },
  { type: "run.started", run: "r2", epoch: 1 },
  { type: "text.started", run: "r2", message: "m2", part: "p2" },
  { type: "text.delta", run: "r2", part: "p2", text: "Bonjour" },
  { type: "text.finished", run: "r2", part: "p2" },
  { type: "run.finished", run: "r2", outcome: { type: "completed", result: "Bonjour", reason: "stop" } },
  r("step.finished", { step: "s1", outcome: "completed", reason: "tool-calls", usage: [{ input: 3 }] }),
  r("text.started", { message: "m1", part: "p3", role: "assistant" }),
  r("text.delta", { part: "p3", text: "Hello" }),
  r("text.finished", { part: "p3", citations: [{ source: "s", start: 0, end: 5 }] }),
  { type: "state.snapshot", run: "r1", doc: "state", value: [1] },
  { type: "state.delta", run: "r1", doc: "state", patch: [{ op: "add", path: "/-", value: 2 }] },
  { type: "state.snapshot", doc: "plan", kind: "list", message: "m1", value: { items: [] } },
  { type: "state.delta", doc: "plan", patch: [{ op: "add", path: "/items/-", value: "read" }] },
  { type: "custom", run: "r1", name: "chart", value: [1], id: "chart-1", transient: true },
  { type: "file.added", run: "r1", message: "m1", file: "f", url: "https://files.example/f", mediaType: "image/png" },
  r("run.finished", {
    outcome: { type: "completed", result: { cited: 2 }, reason: "stop", calls: ["c9"] },
    usage: [{ provider: "p", model: "m", input: 1, output: 2, total: 3, reasoning: 1, cachedInput: 0, cacheWrite: 0 }]
  })
]

describe("our events in AG-UI", () => {
  it("come back as they were", () => {
    expect(back(onTheWire(out(RUN_STORY, "r1")), "r1")).toEqual(RUN_STORY)
  })

  it.each([
    ["cancelled", { type: "cancelled", reason: "enough" }],
    ["failed", { type: "failed", error: { code: "WORKER_LOST", message: "the worker died", retryable: true } }]
  ] as const)("come back when the run was %s", (_, outcome) => {
    const events: readonly KnownEvent[] = [r("run.started", { epoch: 1 }), r("run.finished", { outcome })]
    expect(back(onTheWire(out(events, "r1")), "r1")).toEqual(events)
  })

  it("are events that AG-UI's own schema and verifier accept, unfinished parts included", async () => {
    const cut = [...RUN_STORY.slice(0, 26), RUN_STORY.at(-1)!]
    for (const story of [RUN_STORY, cut]) {
      const events = onTheWire(out(story, "r1")) as unknown as BaseEvent[]
      for (const event of events) expect(() => EventSchema.parse(event)).not.toThrow()
      await expect(lastValueFrom(from(events).pipe(verifyEvents(), toArray()))).resolves.toHaveLength(events.length)
    }
  })

  it("end the run where it waits for people, and begin another when it goes on", async () => {
    const events: readonly KnownEvent[] = [
      r("run.started", { epoch: 1 }),
      r("ask.opened", {
        ask: "a1",
        kind: "approval",
        prompt: "Write?",
        call: "c1",
        expiresAt: "2026-11-22T11:00:00.000Z"
      }),
      r("run.suspended", { why: "asked", asks: ["a1"] }),
      r("ask.resolved", { ask: "a1", answer: { type: "approved" }, resolver: "person", by: "ada" }),
      r("run.started", { epoch: 2 })
    ]
    const said = out(events, "r1")
    expect(said.map(({ type }) => type)).toEqual(["RUN_STARTED", "CUSTOM", "RUN_FINISHED", "CUSTOM", "RUN_STARTED"])
    expect(said[2]).toMatchObject({
      outcome: {
        type: "interrupt",
        interrupts: [{ id: "a1", reason: "approval", message: "Write?", toolCallId: "c1" }]
      }
    })
    expect(said[4]).toMatchObject({ runId: "r1.2", parentRunId: "r1" })
  })

  it("have a word or travel whole, each golden event but the heartbeat", () => {
    for (const event of golden) {
      const said = out([event], RUN)
      const isSilent = event.type === "run.heartbeat"
      expect(said.length > 0, event.type).toBe(!isSilent)
      for (const ui of onTheWire(said)) expect(() => EventSchema.parse(ui)).not.toThrow()
      for (const ui of said.filter(
        ({ type, ...rest }) => type === "CUSTOM" && (rest as { name: string }).name.startsWith("throughline.")
      )) {
        expect(back([onTheWire(ui)])).toEqual([event])
      }
    }
  })
})

const THEIRS: readonly AgUiEvent[] = [
  { type: "RUN_STARTED", threadId: "t1", runId: RUN },
  { type: "STEP_STARTED", stepName: "search" },
  { type: "REASONING_START", messageId: "r" },
  { type: "REASONING_MESSAGE_START", messageId: "r", role: "reasoning" },
  { type: "REASONING_MESSAGE_CONTENT", messageId: "r", delta: "First…" },
  { type: "REASONING_MESSAGE_END", messageId: "r" },
  { type: "REASONING_END", messageId: "r" },
  { type: "REASONING_ENCRYPTED_VALUE", subtype: "message", entityId: "r", encryptedValue: "SECRET" },
  { type: "TOOL_CALL_START", toolCallId: "c1", toolCallName: "search", parentMessageId: "m" },
  { type: "TOOL_CALL_ARGS", toolCallId: "c1", delta: '{"q":1}' },
  { type: "TOOL_CALL_END", toolCallId: "c1" },
  { type: "TOOL_CALL_RESULT", messageId: "tr", toolCallId: "c1", content: "two hits" },
  { type: "STEP_FINISHED", stepName: "search" },
  { type: "TEXT_MESSAGE_START", messageId: "a", role: "assistant" },
  { type: "TEXT_MESSAGE_CONTENT", messageId: "a", delta: "Hello" },
  { type: "TEXT_MESSAGE_END", messageId: "a" },
  { type: "TEXT_MESSAGE_CHUNK", messageId: "b", role: "assistant", delta: "Short" },
  { type: "TEXT_MESSAGE_CHUNK", delta: "hand" },
  { type: "TOOL_CALL_CHUNK", toolCallId: "c2", toolCallName: "read", delta: '{"p":' },
  { type: "TOOL_CALL_CHUNK", toolCallId: "c2", delta: "2}" },
  { type: "REASONING_MESSAGE_CHUNK", messageId: "q", delta: "Then…" },
  { type: "STATE_SNAPSHOT", snapshot: { a: 1 } },
  { type: "STATE_DELTA", delta: [{ op: "replace", path: "/a", value: 2 }] },
  { type: "MESSAGES_SNAPSHOT", messages: [{ id: "u1", role: "user", content: "Hi" }] },
  { type: "ACTIVITY_SNAPSHOT", messageId: "plan", activityType: "PLAN", content: { items: [] } },
  {
    type: "ACTIVITY_DELTA",
    messageId: "plan",
    activityType: "PLAN",
    patch: [{ op: "add", path: "/items/-", value: "x" }]
  },
  { type: "SUBAGENT_STARTED", subagentRunId: "r2", name: "translator", parentToolCallId: "c1" },
  { type: "SUBAGENT_FINISHED", subagentRunId: "r2", result: "done", outcome: { type: "success" } },
  { type: "SUBAGENT_STARTED", subagentRunId: "r3", name: "writer" },
  { type: "SUBAGENT_ERROR", subagentRunId: "r3", message: "no paper", code: "PAPER" },
  { type: "RAW", event: { any: "thing" }, source: "model" },
  { type: "CUSTOM", name: "badge", value: 1 },
  {
    type: "RUN_FINISHED",
    threadId: "t1",
    runId: RUN,
    result: 1,
    outcome: { type: "success" },
    usage: [{ inputTokens: 1 }]
  },
  { type: "RUN_ERROR", message: "overloaded", code: "BUSY" }
]
describe("AG-UI's events", () => {
  it("are all of them above", () => {
    expect([...new Set(THEIRS.map(({ type }) => type))].sort()).toEqual(Object.values(EventType).sort())
  })

  it("become events that the guard accepts, without what is encrypted", () => {
    const events = onTheWire(back(THEIRS))
    for (const event of events) expect(checkEvent(event)).toMatchObject({ ok: true })
    expect(JSON.stringify(events)).not.toContain("SECRET")
  })

  it("come out in our words", () => {
    expect(back(THEIRS).map(({ type }) => type)).toEqual([
      ...["run.started", "step.started", "reasoning.started", "reasoning.delta", "reasoning.finished"],
      ...[
        "tool.started",
        "tool.delta",
        "tool.called",
        "tool.finished",
        "step.finished",
        "text.started",
        "text.delta",
        "text.finished"
      ],
      ...[
        "text.started",
        "text.delta",
        "text.delta",
        "text.finished",
        "tool.started",
        "tool.delta",
        "tool.delta",
        "tool.called"
      ],
      ...[
        "reasoning.started",
        "reasoning.delta",
        "reasoning.finished",
        "state.snapshot",
        "state.delta",
        "message.posted",
        "state.snapshot",
        "state.delta"
      ],
      ...[
        "run.accepted",
        "run.started",
        "run.finished",
        "run.accepted",
        "run.started",
        "run.finished",
        "custom",
        "custom",
        "run.finished",
        "run.finished"
      ]
    ])
    expect(back(THEIRS).find((event) => event.type === "tool.called" && event.call === "c2")).toMatchObject({
      input: { p: 2 }
    })
  })

  it("are not needed to be known, and cannot smuggle in an event that is none", () => {
    expect(back([{ type: "LATER" } as never])).toEqual([
      { type: "custom", run: RUN, name: "ag-ui.LATER", value: { type: "LATER" } }
    ])
    const forged = { type: "CUSTOM", name: "throughline.run.status", value: { type: "run.status", label: 7 } } as const
    expect(back([forged])).toEqual([{ type: "custom", run: RUN, name: forged.name, value: forged.value }])
  })
})
