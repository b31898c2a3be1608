/** Inputs from nothing (bytes, a grammar of JSON) and from what is right (golden frames, damaged). */
import { goldenFrames } from "../protocol/frames.ts"
import { mutate } from "../protocol/mutate.ts"
import type { Random } from "../thread/generate.ts"

export const golden = goldenFrames.map(([, text]) => text)
export const goldenEvents = golden.flatMap(
  (text) => (JSON.parse(text) as { readonly events?: readonly { readonly type: string }[] }).events ?? []
)
export const TYPES = [...new Set(goldenEvents.map(({ type }) => type)), "later.event", "", "constructor"]

const MARKS = '{}[]",:\\ \n\t0123456789.eE+-truefalsn/_u'
const ODD = ["\u0000", "\u001b[31m", "\u0085", "\ud800", "\udfff", "é", "\u202e", "\ufeff", "<script>", "%00", "../"]
/** Texts of any bytes, and of those that JSON is made of. */
export const bytes = (random: Random): string => {
  const length = random.int(random.chance(0.02) ? 5_000 : 60)
  if (random.chance(0.5))
    return Buffer.from(Array.from({ length }, () => random.int(256))).toString(random.chance(0.5) ? "utf8" : "latin1")
  return Array.from({ length }, () => (random.chance(0.03) ? random.pick(ODD) : random.pick([...MARKS]))).join("")
}

const KEYS = [
  ...["v", "logId", "thread", "offset", "id", "prev", "at", "events", "type", "run", "part", "text", "by", "meta"],
  ...["kind", "ask", "answer", "digest", "message", "parts", "when", "agent", "input", "interrupt", "value", "patch"],
  ...["op", "path", "from", "outcome", "error", "__proto__", "constructor", "prototype", "toString", "a", "b", "0", ""]
]
const WORDS = [
  ...TYPES,
  ...[
    "cancel",
    "steer",
    "pause",
    "resume",
    "answer",
    "approved",
    "denied",
    "text",
    "data",
    "file",
    "add",
    "copy",
    "t1"
  ],
  ...["2026-11-22T10:00:00.000Z", "/a/0", "/__proto__/x", "..", "a/b", "x".repeat(129), "\n", ...ODD]
]
const NUMBERS = ["0", "-0", "1", "7", "-1", "1.5", "1e3", "1e400", "-1e400", "9007199254740993", "0.1", "64", "1e-400"]

/** A text by JSON's own grammar, and whether it writes a key twice in one object. */
export interface Written {
  readonly text: string
  readonly repeats: boolean
}
export const written = (random: Random, maxDepth = 6): Written => {
  let repeats = false
  const space = () => (random.chance(0.05) ? random.pick([" ", "\n", "\t", "\r"]) : "")
  /** Some characters escaped, as nobody would. */
  const string = (text: string): string => {
    if (!random.chance(0.1)) return JSON.stringify(text)
    return `"${[...text].map((character) => [...Array(character.length).keys()].map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")).join("")}"`
  }
  const value = (depth: number): string => {
    const kind = random.int(depth >= maxDepth ? 5 : 9)
    if (kind === 0) return random.pick(["null", "true", "false"])
    if (kind === 1) return random.pick(NUMBERS)
    if (kind < 5) return string(random.pick(WORDS))
    const count = random.int(5)
    if (kind === 5) return `[${Array.from({ length: count }, () => space() + value(depth + 1)).join(",")}]`
    const seen = new Set<string>()
    const members = Array.from({ length: count }, () => {
      const key = random.pick(KEYS)
      if (seen.has(key)) repeats = true
      seen.add(key)
      return `${space()}${string(key)}${space()}:${space()}${value(depth + 1)}`
    })
    return `{${members.join(",")}${space()}}`
  }
  const text = random.chance(0.01)
    ? `${random.pick(["[", '{"a":']).repeat(10 + random.int(3_000))}`
    : space() + value(0) + space()
  return { text, repeats }
}

/** A golden frame whose text was damaged in a few places. */
export const damagedText = (random: Random): string => {
  let text = random.pick(golden)
  for (let edits = 1 + random.int(3); edits > 0; edits--) {
    const at = random.int(text.length + 1)
    const to = Math.min(text.length, at + random.int(12))
    const other = random.pick(golden)
    const begin = random.int(other.length)
    const instead = [
      () => "",
      () => random.pick([...MARKS]),
      () => random.pick(ODD),
      () => random.pick(NUMBERS),
      () => JSON.stringify(random.pick(WORDS)),
      () => other.slice(begin, begin + random.int(60)),
      () => text.slice(at, to).repeat(2),
      () => `,"${random.pick(KEYS)}":${random.pick(NUMBERS)}`
    ]
    text = text.slice(0, at) + random.pick(instead)() + text.slice(random.chance(0.5) ? to : at)
  }
  return text
}
const parsed = golden.map((text) => JSON.parse(text) as unknown)
/** A golden frame in which a few values are others. */
export const damagedFrame = (random: Random): unknown => damaged(random, random.pick(parsed))
export const damaged = (random: Random, value: unknown): unknown => {
  const next = () => random.int(2 ** 30) / 2 ** 30
  let changed = mutate(value, next, TYPES)
  if (random.chance(0.3)) changed = mutate(changed, next, TYPES)
  return changed
}
