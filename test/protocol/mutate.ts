/** Seeded damage to JSON values: each call changes one thing somewhere inside. Same seed, same changes. */

/** A small generator of pseudo-random numbers in [0, 1). */
export const seeded = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
const nest = (depth: number, inArrays: boolean): unknown => {
  let value: unknown = 1
  for (let level = 0; level < depth; level += 1) value = inArrays ? [value] : { a: value }
  return value
}
const parse = (text: string): unknown => JSON.parse(text)

/** Values of every kind, good in some places and bad in others. */
export const JUNK: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => true,
  () => 0,
  () => 1,
  () => -1,
  () => 0.5,
  () => 1.5,
  () => 60_001,
  () => 2 ** 53,
  () => Number.MAX_SAFE_INTEGER,
  () => Infinity,
  () => "",
  () => "x",
  () => "i".repeat(128),
  () => "i".repeat(129),
  () => "a\nb",
  () => "\u001f",
  () => "\u0085",
  () => "\ud800",
  () => "2026-11-22T10:00:00.000Z",
  () => "2026-13-22T10:00:00.000Z",
  () => "/a/0",
  () => "/__proto__/x",
  () => "/constructor/prototype/x",
  () => "/a~2",
  () => [],
  () => {},
  () => ({}),
  () => [{}],
  () => [1],
  () => [1, 2],
  () => ["x", "y"],
  () => ({ type: "text", text: "t" }),
  () => ({ type: "ok" }),
  () => ({ type: "failed", error: { code: "C", message: "m", retryable: false } }),
  () => ({ id: "x", run: "y", kind: "pause" }),
  () => nest(63, true),
  () => nest(64, true),
  () => nest(65, false),
  () => parse('{"__proto__":{"admin":true}}'),
  () => parse('{"a":{"constructor":{"prototype":{}}}}'),
  () => parse('{"constructor":"data"}')
]
const KEYS = [
  "type",
  "run",
  "by",
  "meta",
  "extra",
  "text",
  "part",
  "id",
  "events",
  "v",
  "prev",
  "outcome",
  "reason",
  "constructor",
  "0",
  ""
]

/** A damaged copy; what is not changed keeps its identity. `types` are words to put into `type`. */
export const mutate = (value: unknown, random: () => number, types: readonly string[]): unknown => {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const junk = (): unknown => pick(JUNK)()
  const change = (target: unknown, depth: number): unknown => {
    const isArray = Array.isArray(target)
    if (typeof target !== "object" || target === null) return junk()
    const copy = (isArray ? [...(target as unknown[])] : { ...target }) as Record<string, unknown>
    const keys = Object.keys(copy)
    // Mostly below this level, so that nested shapes are damaged as often as the outer ones.
    if (keys.length > 0 && random() < (depth === 0 ? 0.5 : 0.35)) {
      const nested = keys.filter((key) => typeof copy[key] === "object" && copy[key] !== null)
      const key = nested.length > 0 && random() < 0.8 ? pick(nested) : pick(keys)
      copy[key] = change(copy[key], depth + 1)
      return copy
    }
    const kind = random()
    if (isArray) {
      if (kind < 0.4) (copy as unknown as unknown[]).push(junk())
      else (copy as unknown as unknown[]).pop()
    } else if (kind < 0.25 && keys.length > 0) delete copy[pick(keys)]
    else if (kind < 0.55 && keys.length > 0) copy[pick(keys)] = junk()
    else if (kind < 0.75) copy[random() < 0.5 ? pick(KEYS) : `x${Math.floor(random() * 1e6)}`] = junk()
    else if (kind < 0.8)
      Object.defineProperty(copy, "__proto__", { value: junk(), enumerable: true, configurable: true, writable: true })
    else if (kind < 0.9) copy["type"] = pick(types)
    else return junk()
    return copy
  }
  return change(value, 0)
}

/** Every copy of `value` in which one thing is another: each place gets each junk value, is left out, or gets a field more. */
export function* everyMutation(value: unknown): Generator<unknown> {
  for (const junk of JUNK) yield junk()
  if (typeof value !== "object" || value === null) return
  const isArray = Array.isArray(value)
  if (!isArray) for (const junk of JUNK) yield { ...value, extra: junk() }
  for (const key of Object.keys(value)) {
    const { [key]: inner, ...rest } = value as Record<string, unknown>
    if (!isArray) yield rest
    for (const changed of everyMutation(inner)) {
      if (!isArray) yield { ...value, [key]: changed }
      else yield value.map((item, index) => (String(index) === key ? changed : (item as unknown)))
    }
  }
}
