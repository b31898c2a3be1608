import { describe, expect, it } from "vitest"
import { isId, isThreadName, isTimestamp, parseOffset } from "../../src/protocol/Id.ts"
import { assertJson, jsonFault, NotJson } from "../../src/protocol/JsonValue.ts"

const cycle: Record<string, unknown> = { name: "c" }
cycle["list"] = [{ back: cycle }]
const below = (key: string, depth: number): unknown =>
  Array.from({ length: depth }).reduce<unknown>((inner) => ({ [key]: inner }), 1n)
const nested = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 1)

describe("a value from an agent's code", () => {
  it.each([
    ["NaN", { a: [1, NaN] }, "BAD_NUMBER", "input.a[1]"],
    ["Infinity", Infinity, "BAD_NUMBER", "input"],
    ["a BigInt", { a: 1n }, "BAD_SHAPE", "input.a"],
    ["a function", { a: () => 1 }, "BAD_SHAPE", "input.a"],
    ["a symbol", [Symbol("s")], "BAD_SHAPE", "input[0]"],
    ["undefined", undefined, "BAD_SHAPE", "input"],
    ["an undefined member", { a: { b: undefined } }, "BAD_SHAPE", "input.a.b"],
    ["a hole in an array", [1, , 2], "BAD_SHAPE", "input[1]"],
    ["a Date", { when: new Date(0) }, "BAD_SHAPE", "input.when"],
    ["a Map", new Map(), "BAD_SHAPE", "input"],
    ["an instance of a class", new (class Hit {})(), "BAD_SHAPE", "input"],
    ["a cycle", cycle, "BAD_SHAPE", undefined],
    ["nesting of 65", nested(65), "TOO_DEEP", undefined],
    ["nesting of 100,000", nested(100_000), "TOO_DEEP", undefined],
    ["__proto__ as a key", JSON.parse('{"a":{"__proto__":1}}'), "FORBIDDEN_KEY", "input.a.__proto__"],
    ["a key that is no word", { "a b\n": 1n }, "BAD_SHAPE", 'input["a b\\n"]'],
    [
      "a path beyond 256 characters",
      below("k".repeat(60), 10),
      "BAD_SHAPE",
      `input${`.${"k".repeat(60)}`.repeat(5)}`.slice(0, 255) + "…"
    ]
  ])("is thrown back, naming the path: %s", (_, value, code, path) => {
    const fault = jsonFault(value, "input")
    expect(fault).toMatchObject({ code, retryable: false, ...(path === undefined ? {} : { path }) })
    expect(fault?.message.length).toBeLessThan(400)
    expect(() => assertJson(value, "input")).toThrow(NotJson)
  })

  it("says of a cycle that it contains itself", () => {
    expect(jsonFault(cycle, "input")?.got).toBe("a value that contains itself")
  })

  it("is refused when its shared parts would fill memory", () => {
    let value: unknown = [1]
    for (let level = 0; level < 60; level += 1) value = [value, value]
    expect(jsonFault(value)?.code).toBe("TOO_MANY")
  })

  it.each([
    [null],
    [""],
    ["\ud800"],
    [-0],
    [{}],
    [[]],
    [{ a: [{ b: "c" }] }],
    [nested(64)],
    [Object.create(null) as object],
    [{ constructor: "Lotus", prototype: 1 }]
  ])("is accepted: %j", (value) => {
    expect(jsonFault(value)).toBeUndefined()
  })
})

describe("names", () => {
  it("are offsets only in plain digits (B55)", () => {
    for (const text of [
      "-1",
      "abc",
      "1.5",
      "9e99",
      "٣",
      " 5",
      "5 ",
      "+5",
      "0x5",
      "",
      "05",
      "9007199254740992",
      "1".repeat(400)
    ]) {
      expect(parseOffset(text), text).toBeUndefined()
    }
    expect(["0", "5", "9007199254740991"].map(parseOffset)).toEqual([0, 5, Number.MAX_SAFE_INTEGER])
  })

  it("are threads only of letters that need no escape (B53)", () => {
    for (const name of ["../x", "%2e%2e", "a/b", "a\0b", "x".repeat(129), "", ".", "..", "ü", " "])
      expect(isThreadName(name), name).toBe(false)
    for (const name of ["t1", "a.b_c~d:e-f", "...", "x".repeat(128)]) expect(isThreadName(name), name).toBe(true)
  })

  it("are ids of 1 to 128 characters without control characters", () => {
    for (const id of ["", "x".repeat(129), "a\u0000", "a\u001f", "\u007f", "\u009b31m", 7, null])
      expect(isId(id)).toBe(false)
    for (const id of ["x", "call_1", "é", "a b", "\ud83d", "x".repeat(128)]) expect(isId(id)).toBe(true)
  })

  it("are times only as toISOString writes them", () => {
    for (const time of [
      "2026-11-22",
      "2026-11-22T10:00:00Z",
      "2026-11-22T10:00:00.000+01:00",
      "+275760-09-13T00:00:00.000Z",
      "2026-13-01T00:00:00.000Z",
      "2026-01-01T24:00:00.000Z",
      0
    ]) {
      expect(isTimestamp(time), String(time)).toBe(false)
    }
    expect(isTimestamp(new Date().toISOString())).toBe(true)
  })
})
