import { describe, expect, it } from "vitest"
import type { PatchOperation } from "../../src/protocol/Event.ts"
import type { Json, JsonObject } from "../../src/protocol/Json.ts"
import { applyPatch } from "../../src/thread/patch.ts"
import { forSeeds, randomJson } from "./generate.ts"

const DOC: Json = { a: 1, list: ["x", "y"], deep: { "a/b": { "m~n": true } }, "": "empty", nothing: null }
const patched = (patch: readonly unknown[], doc: Json = DOC): Json => {
  const result = applyPatch(doc, patch as readonly PatchOperation[])
  if (!result.ok) throw new Error(result.fault.message)
  return result.value
}
const codeOf = (patch: unknown, doc: Json = DOC): string => {
  const before = JSON.stringify(doc)
  const result = applyPatch(doc, patch as readonly PatchOperation[])
  expect(JSON.stringify(doc)).toBe(before)
  return result.ok ? "ok" : result.fault.code
}

describe("a JSON Patch", () => {
  it.each<[string, unknown[], Json]>([
    ["adds a member", [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    ["adds over a member", [{ op: "add", path: "/a", value: [] }], { a: [] }],
    ["adds null", [{ op: "add", path: "/b", value: null }], { a: 1, b: null }],
    ["replaces a member", [{ op: "replace", path: "/a", value: 2 }], { a: 2 }],
    ["removes a member", [{ op: "remove", path: "/a" }], {}],
    ["moves a member", [{ op: "move", from: "/a", path: "/b" }], { b: 1 }],
    ["moves a value onto itself", [{ op: "move", from: "/a", path: "/a" }], { a: 1 }],
    ["copies a member", [{ op: "copy", from: "/a", path: "/b" }], { a: 1, b: 1 }],
    ["replaces the root", [{ op: "replace", path: "", value: [1] }], [1]],
    ["copies the root into itself", [{ op: "copy", from: "", path: "/b" }], { a: 1, b: { a: 1 } }],
    ["moves a member to the root", [{ op: "move", from: "/a", path: "" }], 1],
    [
      "sees what the operation before did",
      [
        { op: "add", path: "/b", value: {} },
        { op: "add", path: "/b/c", value: 1 }
      ],
      { a: 1, b: { c: 1 } }
    ],
    [
      "goes on after a test that holds",
      [
        { op: "test", path: "/a", value: 1 },
        { op: "remove", path: "/a" }
      ],
      {}
    ]
  ])("%s", (_, patch, expected) => {
    expect(patched(patch, { a: 1 })).toEqual(expected)
  })
  it.each<[string, unknown[], Json]>([
    ["inserts", [{ op: "add", path: "/1", value: "n" }], ["x", "n", "y"]],
    ["appends at the length", [{ op: "add", path: "/2", value: "n" }], ["x", "y", "n"]],
    ["appends at -", [{ op: "add", path: "/-", value: "n" }], ["x", "y", "n"]],
    ["replaces", [{ op: "replace", path: "/1", value: "n" }], ["x", "n"]],
    ["removes", [{ op: "remove", path: "/0" }], ["y"]],
    ["moves to the end as it is after the removal", [{ op: "move", from: "/0", path: "/1" }], ["y", "x"]],
    ["inserts an array as one value", [{ op: "add", path: "/0", value: [1, 2] }], [[1, 2], "x", "y"]]
  ])("%s in an array", (_, patch, expected) => {
    expect(patched(patch, ["x", "y"])).toEqual(expected)
  })
  it("decodes ~1 and ~0 in that order, and takes the empty key for a key", () => {
    expect(patched([{ op: "replace", path: "/deep/a~1b/m~0n", value: false }])).toMatchObject({
      deep: { "a/b": { "m~n": false } }
    })
    expect(patched([{ op: "test", path: "/", value: "empty" }])).toBe(DOC)
    expect(patched([{ op: "add", path: "/~01", value: 1 }])).toHaveProperty(["~1"], 1)
  })
  it("compares by value in test: order of members aside, types not", () => {
    const doc = { o: { a: [1, { b: null }], c: "1" } }
    expect(codeOf([{ op: "test", path: "/o", value: { c: "1", a: [1, { b: null }] } }], doc)).toBe("ok")
    for (const value of [
      { c: 1, a: [1, { b: null }] },
      { c: "1", a: [1, {}] },
      { c: "1", a: { 0: 1, 1: { b: null } } },
      null,
      []
    ]) {
      expect(codeOf([{ op: "test", path: "/o", value }], doc)).toBe("BAD_PATCH")
    }
  })
  it.each([
    "/list/-1",
    "/list/01",
    "/list/1e3",
    "/list/3",
    "/list/99999999999",
    "/list/1.0",
    "/list/ 1",
    "/list/+1",
    "/list/length",
    "/missing/x",
    "/a/x",
    "/nothing/x",
    "a",
    "/deep/~2",
    "/deep/~",
    "/list/-/x"
  ])("is refused for the path %s", (path) => {
    expect(codeOf([{ op: "add", path, value: 1 }])).toBe("BAD_PATCH")
  })
  it("is refused where replace, remove, test, copy and move find nothing", () => {
    for (const path of ["/missing", "/list/2", "/list/-", "/toString", "/list/length"]) {
      expect(codeOf([{ op: "replace", path, value: 1 }])).toBe("BAD_PATCH")
      expect(codeOf([{ op: "remove", path }])).toBe("BAD_PATCH")
      expect(codeOf([{ op: "test", path, value: 1 }])).toBe("BAD_PATCH")
      expect(codeOf([{ op: "copy", from: path, path: "/b" }])).toBe("BAD_PATCH")
      expect(codeOf([{ op: "move", from: path, path: "/b" }])).toBe("BAD_PATCH")
    }
  })
  it("is refused when it is no patch", () => {
    const bad = [
      {},
      null,
      "x",
      [null],
      [1],
      [{ op: "add", path: "/b" }],
      [{ op: "test", path: "/a" }],
      [{ op: "add", value: 1 }],
      [{ op: "praise", path: "/a" }],
      [{ op: "copy", path: "/b" }]
    ]
    for (const patch of bad) expect(codeOf(patch)).toBe("BAD_PATCH")
    expect(codeOf([{ op: "remove", path: "" }])).toBe("BAD_PATCH")
    expect(codeOf([{ op: "move", from: "/deep", path: "/deep/a~1b/x" }])).toBe("BAD_PATCH")
    expect(codeOf([])).toBe("ok")
  })
  it("never reaches a prototype", () => {
    for (const path of ["/__proto__/x", "/__proto__", "/deep/__proto__/x", "/constructor/prototype/x"]) {
      expect(codeOf([{ op: "add", path, value: 1 }])).toBe("FORBIDDEN_KEY")
      expect(codeOf([{ op: "copy", from: path, path: "/b" }])).toBe("FORBIDDEN_KEY")
    }
    expect(({} as JsonObject)["x"]).toBeUndefined()
    expect(codeOf([{ op: "add", path: "/constructor", value: "Ferrari" }])).toBe("ok")
  })
  it("changes nothing when one operation fails, and says which", () => {
    const result = applyPatch(DOC, [
      { op: "add", path: "/b", value: 1 },
      { op: "test", path: "/a", value: 2 }
    ])
    expect(result).toMatchObject({ ok: false, fault: { code: "BAD_PATCH", path: "patch[1]", retryable: false } })
  })
  it("shares what it does not touch", () => {
    const doc = { left: { x: [1] }, right: { y: [2] } }
    const result = patched([{ op: "add", path: "/left/x/-", value: 2 }], doc) as typeof doc
    expect(result.right).toBe(doc.right)
    expect(result.left).not.toBe(doc.left)
    expect(doc.left.x).toEqual([1])
  })
  it("bounds what copies of copies would fill, and how deep moves go", () => {
    const double = { op: "copy", from: "", path: "/a" } as const
    const list = Array.from({ length: 1_000 }, (_, at) => at)
    expect(
      codeOf(
        Array.from({ length: 40 }, (_, at) => ({ ...double, path: `/k${at}` })),
        { list }
      )
    ).toBe("TOO_MANY")
    expect(
      codeOf(
        Array.from({ length: 80 }, () => double),
        {}
      )
    ).toBe("TOO_DEEP")
  })
  it("answers a value or a fault for anything, and never changes what it was given", () => {
    forSeeds(2_000, (random) => {
      const doc = randomJson(random)
      const patch = Array.from({ length: 1 + random.int(3) }, () => ({
        op: random.pick(["add", "remove", "replace", "move", "copy", "test", "other"]),
        path: random.pick(["", "/a", "/b/0", "/0", "/-", "/a/b", "x", 1, undefined]),
        from: random.pick(["", "/a", "/0", undefined]),
        ...(random.chance(0.9) ? { value: randomJson(random) } : {})
      }))
      codeOf(patch, doc)
    })
  })
})
