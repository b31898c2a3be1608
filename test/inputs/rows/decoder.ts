/** Frames at the decoder that the backend runs on all it appends. */
import { strict as assert } from "node:assert"
import type { Row } from "../row.ts"
import { inWords, type Told } from "../told.ts"

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
  assert.ok(text.includes(from))
  return text.replace(from, to)
}
const nested = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`
const custom = entry([{ type: "custom", name: "n", value: 1 }])
const patch = (...operations: readonly unknown[]) => entry([{ type: "state.delta", doc: "d", patch: operations }])
const ask = (expiresAt: unknown) =>
  entry([{ type: "ask.opened", run: "r", ask: "a", kind: "approval", prompt: "p", expiresAt }])

/** What is sent, the code and the path that answer it. The schemas refuse the same. */
const BAD: readonly (readonly [id: string, what: string, text: string, code: string, path?: string])[] = [
  ["B01", "nothing", "", "BAD_JSON"],
  ["B02", "half of a frame", "{", "BAD_JSON"],
  ["B04", "an array", "[]", "BAD_SHAPE"],
  ["B04", "a text", '"x"', "BAD_SHAPE"],
  ["B04", "null", "null", "BAD_SHAPE"],
  ["B04", "a number", "1", "BAD_SHAPE"],
  ["B05", "an empty object", "{}", "BAD_SHAPE", "v"],
  ["B05", "an event without type", entry([{ run: "r" }]), "BAD_SHAPE", "events[0].type"],
  ["B07", "a type that is a number", entry([delta, { ...delta, type: 7 }]), "BAD_SHAPE", "events[1].type"],
  ["B07", "an event that is null", entry([null]), "BAD_SHAPE", "events[0]"],
  ["B07", "events that are no array", entry([], { events: {} }), "BAD_SHAPE", "events"],
  ["B08", "a key `__proto__`", '{"__proto__":{"admin":true}}', "FORBIDDEN_KEY", "__proto__"],
  [
    "B08",
    "`__proto__` in an event",
    raw(entry([delta]), '"run":"r"', '"run":"r","__proto__":{"admin":true}'),
    "FORBIDDEN_KEY",
    "events[0].__proto__"
  ],
  [
    "B08",
    "`__proto__`, escaped",
    raw(entry([delta]), '"run":"r"', '"run":"r","\\u005f_proto__":1'),
    "FORBIDDEN_KEY",
    "events[0].__proto__"
  ],
  [
    "B08",
    "`constructor.prototype` in a value",
    raw(custom, '"value":1', '"value":{"a":[{"constructor":{"prototype":{}}}]}'),
    "FORBIDDEN_KEY",
    "events[0].value.a[0].constructor"
  ],
  ["B11", "objects, 20,000 deep", nested(20_000, '{"a":', "}"), "TOO_DEEP"],
  ["B11", "a value of 65 levels", raw(custom, '"value":1', `"value":${nested(65, "[", "]")}`), "TOO_DEEP"],
  [
    "B11",
    "an unknown event of 65 levels",
    raw(entry([{ type: "later", value: 1 }]), '"value":1', `"value":${nested(65, "[", "]")}`),
    "TOO_DEEP"
  ],
  ["B13", "more than an entry may be", entry([{ ...delta, text: "x".repeat(256 * 1024) }]), "TOO_LARGE"],
  ["B31", "offset 0", entry([delta], { offset: 0 }), "BAD_NUMBER", "offset"],
  ["B31", "offset -1", entry([delta], { offset: -1 }), "BAD_NUMBER", "offset"],
  ["B31", "offset 1.5", entry([delta], { offset: 1.5 }), "BAD_NUMBER", "offset"],
  ["B31", 'offset "7"', entry([delta], { offset: "7" }), "BAD_SHAPE", "offset"],
  [
    "B31",
    "offset 9007199254740993, which rounds",
    raw(entry([delta]), '"offset":7', '"offset":9007199254740993'),
    "BAD_NUMBER",
    "offset"
  ],
  [
    "B31",
    "offset 1e400, which is Infinity",
    raw(entry([delta]), '"offset":7', '"offset":1e400'),
    "BAD_NUMBER",
    "offset"
  ],
  ["B31", "a value that is Infinity", raw(custom, '"value":1', '"value":[1e400]'), "BAD_NUMBER", "events[0].value[0]"],
  ["N30", "another version", entry([delta], { v: 2 }), "UNSUPPORTED_VERSION", "v"],
  ["N30", "another version of another shape", '{"v":2,"cursor":"x"}', "UNSUPPORTED_VERSION", "v"],
  ["N30", "a version that is text", entry([delta], { v: "1" }), "BAD_SHAPE", "v"],
  ["N31", "an empty id", entry([delta], { id: "" }), "BAD_ID", "id"],
  ["N31", "an id of 129 characters", entry([{ ...delta, part: "p".repeat(129) }]), "BAD_ID", "events[0].part"],
  ["N31", "an id with a line break", entry([{ ...delta, run: "r\n" }]), "BAD_ID", "events[0].run"],
  ["N31", "a thread that climbs", entry([delta], { thread: ".." }), "BAD_ID", "thread"],
  ["N31", "a thread with a slash", entry([delta], { thread: "a/b" }), "BAD_ID", "thread"],
  ["N32", "a time that is none", entry([delta], { at: "yesterday" }), "BAD_SHAPE", "at"],
  [
    "B46",
    "a patch into `__proto__`",
    patch({ op: "add", path: "/__proto__/x", value: 1 }),
    "FORBIDDEN_KEY",
    "events[0].patch[0].path"
  ],
  [
    "B46",
    "a patch into `constructor/prototype`",
    patch({ op: "move", from: "/constructor/prototype/x", path: "/a" }),
    "FORBIDDEN_KEY",
    "events[0].patch[0].from"
  ],
  ["N33", "an unknown patch operation", patch({ op: "merge", path: "/a" }), "BAD_SHAPE", "events[0].patch[0].op"],
  [
    "N34",
    "a failed outcome without its error",
    entry([{ type: "run.finished", run: "r", outcome: { type: "failed" } }]),
    "BAD_SHAPE",
    "events[0].outcome.error"
  ],
  [
    "N35",
    "a fraction above 1",
    entry([{ type: "run.status", run: "r", label: "l", fraction: 2 }]),
    "BAD_NUMBER",
    "events[0].fraction"
  ],
  ["B107", 'an ask that expires at "garbage"', ask("garbage"), "BAD_SHAPE", "events[0].expiresAt"],
  [
    "B107",
    "an ask that expires in year 275761",
    ask("+275760-09-13T00:00:00.001Z"),
    "BAD_SHAPE",
    "events[0].expiresAt"
  ],
  ["B107", "an ask that never expires", ask(undefined), "BAD_SHAPE", "events[0].expiresAt"]
]
const decoder = BAD.map(([id, input, text, code, path]): Row => {
  const told: Told = { code, ...(path === undefined ? {} : { path }) }
  return {
    id,
    surface: "frame",
    input,
    answer: inWords(told),
    check: async ({ decode }) => {
      const { bySchema, fault } = decode(text)
      assert.equal(fault?.code, code)
      // of what is far too deep no path is told: it would be as long
      if (code !== "TOO_DEEP") assert.equal(fault?.path, path)
      assert.match(fault?.message ?? "", /expected/)
      assert.equal(fault?.retryable, false)
      if (code !== "BAD_JSON" && code !== "TOO_LARGE" && text.length < 10_000)
        assert.equal(bySchema, false, "the schema lets it pass")
    }
  }
})
const passes = (id: string, input: string, answer: string, text: string): Row => ({
  id,
  surface: "frame",
  input,
  answer,
  check: async ({ decode }) => assert.equal(decode(text).fault, undefined)
})
export const decoderRows: readonly Row[] = [
  ...decoder,
  {
    id: "B10",
    surface: "frame",
    input: "a key twice in a frame",
    answer: "the last counts, as in `JSON.parse`; frames come from our own log",
    check: async ({ decode }) =>
      assert.equal(decode(raw(entry([delta]), '"offset":7', '"offset":7,"offset":8')).frame?.offset, 8)
  },
  {
    id: "N06",
    surface: "frame",
    input: "a secret in a field that is wrong",
    answer: "refused, and none of it is repeated",
    check: async ({ decode }) =>
      assert.doesNotMatch(
        JSON.stringify(
          decode(entry([{ type: "text.delta", run: `${"hunter2".repeat(20)}\n`, part: "p", text: 1 }])).fault
        ),
        /hunter2/
      )
  },
  passes(
    "B29",
    "text that forges log lines and terminal escapes",
    "data like any other",
    entry([{ ...delta, text: '"\n2026 INFO admin ok\u001b[31m __proto__' }])
  ),
  passes(
    "B41",
    "an event of an unknown type",
    "kept as it came; the offset advances",
    entry([{ type: "later.event", constructor: "Lotus" }])
  )
]
