import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import type { Json } from "../../src/protocol/Json.ts"
import { digestOf } from "../../src/writer/digest.ts"
import { bytes } from "../fuzz/generate.ts"
import { randomOf, type Random } from "../thread/generate.ts"

/** The same as plainly as it can be written. */
const canonical = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(",")}}`
}
const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url")

const any = (random: Random, depth: number): Json => {
  const many = <A>(one: () => A) => Array.from({ length: random.int(depth === 5 ? 60 : 5) }, one)
  const text = () => (random.chance(0.1) ? "long ".repeat(random.int(4_000)) : bytes(random))
  const drawn = random.int(depth > 0 ? 8 : 4)
  if (drawn < 1) return random.pick([null, true, false, 0, -1.5, 1e21, 5e-324])
  if (drawn < 4) return text()
  if (drawn < 6) return many(() => any(random, depth - 1))
  return Object.fromEntries(many(() => [random.chance(0.2) ? `${random.int(20)}` : text(), any(random, depth - 1)]))
}

const parse = (text: string) => JSON.parse(text) as Json
/** Texts of one value, and beside them texts of others. */
const CORPUS: readonly (readonly string[])[] = [
  ["0", "-0", "0.0", "0e5"],
  ["1", "1.0", "1e0", "10e-1"],
  ["9007199254740992", "9007199254740993"],
  ["1e21", "1000000000000000000000"],
  ['"1"'],
  ["null"],
  ["false"],
  ['""'],
  ["[]"],
  ["{}"],
  ["[null]"],
  ['{"a":1,"b":2}', '{"b":2,"a":1}', ' { "b" : 2 , "\\u0061" : 1 } '],
  ['{"a":2,"b":1}'],
  ['{"a":{"b":2}}'],
  ['{"10":1,"9":2}', '{"9":2,"10":1}'],
  ['{"a":1,"a":2}', '{"a":2}'],
  ['"é"', '"\\u00e9"'],
  ['"e\\u0301"'],
  ['"\\ud83d"'],
  ['"\\ud83e"'],
  ['"\\udd0d"'],
  ['"🔍"', '"\\ud83d\\udd0d"'],
  ['"\\ufffd"'],
  ['{"\\ud83d":1}'],
  ["[1,2]"],
  ["[2,1]"],
  ["[[1],2]"],
  ['{"__proto__":1}'],
  ['"\\u0000"']
]

describe("digestOf", () => {
  it("is the same for the same JSON value, however it was written", () => {
    for (const same of CORPUS) expect(new Set(same.map((text) => digestOf(parse(text)))).size, same.join(" ")).toBe(1)
  })
  it("is another for every other value, lone surrogates and unnormalised text included", () => {
    expect(new Set(CORPUS.map(([text]) => digestOf(parse(text!)))).size).toBe(CORPUS.length)
  })
  it("is SHA-256 over RFC 8785, in base64url", () => {
    // the RFC's own example of sorting, as its canonical text
    const value = parse('{"\\u20ac":"Euro Sign","\\r":"Carriage Return","1":"One","\\u0080":"Control"}')
    const text = '{"\\r":"Carriage Return","1":"One","\u0080":"Control","€":"Euro Sign"}'
    expect(digestOf(value)).toBe(sha256(text))
  })
  it("is that of any value, of any length", () => {
    for (let seed = 0; seed < 500; seed++) {
      const value = any(randomOf(seed), 5)
      expect(digestOf(value), `seed ${seed}`).toBe(sha256(canonical(value)))
    }
  })
})
