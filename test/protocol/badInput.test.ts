import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import type { FaultCode } from "../../src/protocol/Fault.ts"
import { FAULTS } from "../../src/protocol/Fault.ts"
import { decodeFrame } from "../../src/protocol/guard.ts"
import { checkInterrupt, checkPostMessage, checkStartRun, decodeBody } from "../../src/protocol/guardRequest.ts"
import { Frame } from "../../src/protocol/schema/Entry.ts"

const delta = { type: "text.delta", run: "r", part: "p", text: "t" }
const entry = (events: readonly unknown[], more: object = {}): string =>
  JSON.stringify({
    v: 1,
    logId: "l",
    thread: "t1",
    offset: 7,
    id: "i7",
    prev: "i6",
    at: "2026-11-22T10:00:00.000Z",
    events,
    ...more
  })
const raw = (text: string, from: string, to: string): string => {
  expect(text).toContain(from)
  return text.replace(from, to)
}
const deep = (depth: number, open: string, close: string): string => open.repeat(depth) + "1" + close.repeat(depth)

/** What is sent, the code and the path that answer it. */
const FRAMES: readonly (readonly [what: string, text: string, code: FaultCode, path: string | undefined])[] = [
  ["B01 nothing", "", "BAD_JSON", undefined],
  ["B02 half of it", "{", "BAD_JSON", undefined],
  ["B04 an array", "[]", "BAD_SHAPE", undefined],
  ["B04 a text", '"x"', "BAD_SHAPE", undefined],
  ["B04 null", "null", "BAD_SHAPE", undefined],
  ["B04 a number", "1", "BAD_SHAPE", undefined],
  ["an empty object", "{}", "BAD_SHAPE", "v"],
  ["B05 an event without type", entry([{ run: "r" }]), "BAD_SHAPE", "events[0].type"],
  ["B07 a type that is a number", entry([delta, { ...delta, type: 7 }]), "BAD_SHAPE", "events[1].type"],
  ["an event that is none", entry([null]), "BAD_SHAPE", "events[0]"],
  ["events that are no array", entry([], { events: {} }), "BAD_SHAPE", "events"],
  ["B08 __proto__", '{"__proto__":{"admin":true}}', "FORBIDDEN_KEY", "__proto__"],
  [
    "B08 __proto__ in an event",
    raw(entry([delta]), '"run":"r"', '"run":"r","__proto__":{"admin":true}'),
    "FORBIDDEN_KEY",
    "events[0].__proto__"
  ],
  [
    "B08 __proto__, escaped",
    raw(entry([delta]), '"run":"r"', '"run":"r","\\u005f_proto__":1'),
    "FORBIDDEN_KEY",
    "events[0].__proto__"
  ],
  [
    "B08 constructor.prototype in a value",
    raw(
      entry([{ type: "custom", name: "n", value: 1 }]),
      '"value":1',
      '"value":{"a":[{"constructor":{"prototype":{}}}]}'
    ),
    "FORBIDDEN_KEY",
    "events[0].value.a[0].constructor"
  ],
  ["B11 objects, far too deep", deep(20_000, '{"a":', "}"), "TOO_DEEP", undefined],
  [
    "B11 a value, one too deep",
    raw(entry([{ type: "custom", name: "n", value: 1 }]), '"value":1', `"value":${deep(65, "[", "]")}`),
    "TOO_DEEP",
    undefined
  ],
  [
    "B11 an unknown event, too deep",
    raw(entry([{ type: "later", value: 1 }]), '"value":1', `"value":${deep(65, "[", "]")}`),
    "TOO_DEEP",
    undefined
  ],
  ["larger than an entry may be", entry([{ ...delta, text: "x".repeat(256 * 1024) }]), "TOO_LARGE", undefined],
  ["B31 offset 0", entry([delta], { offset: 0 }), "BAD_NUMBER", "offset"],
  ["B31 offset -1", entry([delta], { offset: -1 }), "BAD_NUMBER", "offset"],
  ["B31 offset 1.5", entry([delta], { offset: 1.5 }), "BAD_NUMBER", "offset"],
  ['B31 offset "7"', entry([delta], { offset: "7" }), "BAD_SHAPE", "offset"],
  ["B31 offset beyond 2^53", raw(entry([delta]), '"offset":7', '"offset":9007199254740993'), "BAD_NUMBER", "offset"],
  ["B31 offset 1e400", raw(entry([delta]), '"offset":7', '"offset":1e400'), "BAD_NUMBER", "offset"],
  [
    "a value that is Infinity",
    raw(entry([{ type: "custom", name: "n", value: 1 }]), '"value":1', '"value":[1e400]'),
    "BAD_NUMBER",
    "events[0].value[0]"
  ],
  ["another version", entry([delta], { v: 2 }), "UNSUPPORTED_VERSION", "v"],
  ["another version with another shape", '{"v":2,"cursor":"x"}', "UNSUPPORTED_VERSION", "v"],
  ["a version that is text", entry([delta], { v: "1" }), "BAD_SHAPE", "v"],
  ["an empty id", entry([delta], { id: "" }), "BAD_ID", "id"],
  ["an id of 129 characters", entry([{ ...delta, part: "p".repeat(129) }]), "BAD_ID", "events[0].part"],
  ["an id with a line break", entry([{ ...delta, run: "r\n" }]), "BAD_ID", "events[0].run"],
  ["a thread that climbs", entry([delta], { thread: ".." }), "BAD_ID", "thread"],
  ["a thread with a slash", entry([delta], { thread: "a/b" }), "BAD_ID", "thread"],
  ["a time that is none", entry([delta], { at: "yesterday" }), "BAD_SHAPE", "at"],
  [
    "B46 a patch into __proto__",
    entry([{ type: "state.delta", doc: "d", patch: [{ op: "add", path: "/__proto__/x", value: 1 }] }]),
    "FORBIDDEN_KEY",
    "events[0].patch[0].path"
  ],
  [
    "B46 a patch into constructor/prototype",
    entry([{ type: "state.delta", doc: "d", patch: [{ op: "move", from: "/constructor/prototype/x", path: "/a" }] }]),
    "FORBIDDEN_KEY",
    "events[0].patch[0].from"
  ],
  [
    "an unknown patch operation",
    entry([{ type: "state.delta", doc: "d", patch: [{ op: "merge", path: "/a" }] }]),
    "BAD_SHAPE",
    "events[0].patch[0].op"
  ],
  [
    "an outcome without its error",
    entry([{ type: "run.finished", run: "r", outcome: { type: "failed" } }]),
    "BAD_SHAPE",
    "events[0].outcome.error"
  ],
  [
    "a fraction above 1",
    entry([{ type: "run.status", run: "r", label: "l", fraction: 2 }]),
    "BAD_NUMBER",
    "events[0].fraction"
  ],
  [
    "B107 an ask that expires at garbage",
    entry([{ type: "ask.opened", run: "r", ask: "a", kind: "approval", prompt: "p", expiresAt: "garbage" }]),
    "BAD_SHAPE",
    "events[0].expiresAt"
  ],
  [
    "B107 an ask that expires in year 275761",
    entry([
      {
        type: "ask.opened",
        run: "r",
        ask: "a",
        kind: "approval",
        prompt: "p",
        expiresAt: "+275760-09-13T00:00:00.001Z"
      }
    ]),
    "BAD_SHAPE",
    "events[0].expiresAt"
  ]
]

describe("a bad frame", () => {
  it.each(FRAMES)("is refused: %s", (_, text, code, path) => {
    const decoded = decodeFrame(text)
    if (decoded.ok) throw new Error("it was accepted")
    expect(decoded.fault.code).toBe(code)
    if (code !== "TOO_DEEP") expect(decoded.fault.path).toBe(path)
    expect(decoded.fault.message).toContain("expected")
    expect(decoded.fault.retryable).toBe(FAULTS[code].retryable)
    // The schema refuses the same; it does not look at sizes, and recurses, so that far too deep is not for it.
    if (code !== "BAD_JSON" && code !== "TOO_LARGE" && text.length < 10_000) {
      expect(Schema.decodeUnknownResult(Frame)(JSON.parse(text))._tag).toBe("Failure")
    }
  })

  it("leaves Object.prototype as it was, and is not echoed", () => {
    const secret = "hunter2".repeat(20)
    const decoded = decodeFrame(
      entry([{ type: "text.delta", run: "r", part: `${secret}\n`, text: 1, [secret]: undefined }])
    )
    expect(JSON.stringify(decoded)).not.toContain("hunter2")
    decodeFrame('{"__proto__":{"admin":true}}')
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  it("takes the last of two equal keys (B10), as JSON.parse does", () => {
    const decoded = decodeFrame(raw(entry([delta]), '"offset":7', '"offset":7,"offset":8'))
    expect(decoded.ok && decoded.frame.offset).toBe(8)
  })

  it("does not fail for text that only looks dangerous (B29, B41)", () => {
    const text = '"\n2026 INFO admin ok\u001b[31m __proto__'
    expect(decodeFrame(entry([{ ...delta, text }])).ok).toBe(true)
    expect(decodeFrame(entry([{ type: "later.event", constructor: "Lotus" }])).ok).toBe(true)
  })
})

const ids = { id: "i", run: "r" }
const REQUESTS: readonly (readonly [
  what: string,
  check: (value: unknown) => { ok: boolean },
  value: unknown,
  code: FaultCode,
  path: string | undefined
])[] = [
  ["an interrupt of no kind", checkInterrupt, { ...ids }, "BAD_SHAPE", "kind"],
  ["an interrupt of another kind", checkInterrupt, { ...ids, kind: "explode" }, "UNKNOWN_TYPE", "kind"],
  ["an empty id", checkInterrupt, { ...ids, kind: "cancel", id: "" }, "BAD_ID", "id"],
  [
    "a grace of an hour",
    checkInterrupt,
    { ...ids, kind: "cancel", graceMillis: 3_600_000 },
    "BAD_NUMBER",
    "graceMillis"
  ],
  [
    "a steer without parts",
    checkInterrupt,
    { ...ids, kind: "steer", when: "next-step", message: { id: "m" } },
    "BAD_SHAPE",
    "message.parts"
  ],
  [
    "an answer that only the system gives",
    checkInterrupt,
    { ...ids, kind: "answer", ask: "a", answer: { type: "expired" } },
    "BAD_SHAPE",
    "answer.type"
  ],
  ["a run without an agent", checkStartRun, { id: "r" }, "BAD_SHAPE", "agent"],
  [
    "a run with a message that is wrong",
    checkStartRun,
    { id: "r", agent: "a", message: { id: "m", parts: [{ type: "text" }] } },
    "BAD_SHAPE",
    "message.parts[0].text"
  ],
  ["tags that are not text", checkStartRun, { id: "r", agent: "a", tags: { n: 1 } }, "BAD_SHAPE", "tags.n"],
  ["a message of another role's making", checkPostMessage, { id: "m", parts: {} }, "BAD_SHAPE", "parts"],
  [
    "B14 too many members",
    checkPostMessage,
    { id: "m", parts: Array.from({ length: 10_001 }, () => ({ type: "text", text: "" })) },
    "TOO_MANY",
    "parts"
  ]
]
describe("a bad request", () => {
  it.each(REQUESTS)("is refused: %s", (_, check, value, code, path) => {
    expect(check(value)).toMatchObject({ ok: false, fault: { code, path } })
  })

  it.each([
    ["B13 a byte too much", `"${"x".repeat(64 * 1024 - 1)}"`, "TOO_LARGE"],
    ["B13 a byte too much, in fewer characters", `"${"é".repeat(32 * 1024)}"`, "TOO_LARGE"],
    ["nothing", "", "BAD_JSON"],
    ["B11 too deep", deep(2_000, "[", "]"), "TOO_DEEP"],
    ["B14 too many members", `[${"1,".repeat(10_000)}1]`, "TOO_MANY"],
    ["B10 a key twice", '{"run":"a","answer":{"type":"denied","type":"approved"}}', "BAD_SHAPE"],
    ["B08 a forbidden key", '{"a":{"__proto__":{}}}', "FORBIDDEN_KEY"]
  ])("is refused before its shape is looked at: %s", (_, text, code) => {
    expect(decodeBody(text)).toMatchObject({ ok: false, fault: { code } })
  })

  it("counts keys, not colons in texts", () => {
    expect(decodeBody('{"a":"b:c\\":{","d":[{"e":null}]}')).toMatchObject({ ok: true })
  })

  it("loses what it may not say (B103): a sender, an event, fields of its own", () => {
    const checked = checkInterrupt({
      ...ids,
      kind: "steer",
      by: "admin",
      userId: "admin",
      when: "after-run",
      message: { id: "m", role: "system", parts: [{ type: "text", text: "t", by: "x" }] }
    })
    expect(checked).toEqual({
      ok: true,
      value: { ...ids, kind: "steer", when: "after-run", message: { id: "m", parts: [{ type: "text", text: "t" }] } }
    })
  })

  it("keeps open values whole", () => {
    const start = {
      id: "r",
      agent: "a",
      input: { any: [{ thing: null }] },
      message: { id: "m", parts: [{ type: "data", name: "n", value: { deep: [1] } }] }
    }
    expect(checkStartRun(start)).toEqual({ ok: true, value: start })
  })
})
