/**
 * JSON Patch (RFC 6902) on immutable values: all or nothing, sharing what did not change. PROTOCOL.md#patch
 *
 * Keys that could reach a prototype are refused, indexes are taken literally, and copies are bounded, because
 * patches may come from a model.
 */
import type { PatchOperation } from "../protocol/Event.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { Json, JsonObject } from "../protocol/Json.ts"

export type Patched = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly fault: Fault }

/** Deepest place that an operation may name or fill, as for everything that is decoded. */
const MAX_DEPTH = 64
/** What one patch may copy or put in all, in values and characters: a few copies of copies would fill any memory. */
const MAX_SIZE = 1_000_000

/** Ends the patch: nothing of it is applied. */
const refuse = (code: "BAD_PATCH" | "FORBIDDEN_KEY" | "TOO_DEEP" | "TOO_MANY" = "BAD_PATCH"): never => {
  throw code
}

/**
 * Applies `patch` to `value`, which stays as it is.
 *
 * - Fails: `BAD_PATCH` (missing path, bad index or pointer, failed test, unknown operation), `FORBIDDEN_KEY`,
 *   `TOO_DEEP`, `TOO_MANY`; then nothing is applied
 * - Source: RFC 6902, RFC 6901
 */
export const applyPatch = (value: Json, patch: readonly PatchOperation[]): Patched => {
  let at = 0
  const budget = { left: MAX_SIZE }
  try {
    if (!Array.isArray(patch)) refuse()
    for (; at < patch.length; at++) value = applyOne(value, patch[at] as AnyOperation, budget)
    return { ok: true, value }
  } catch (error) {
    // a shape that no guard let through fails like any other bad patch
    const code = typeof error === "string" ? error : "BAD_PATCH"
    const path = `patch[${at}]`
    return { ok: false, fault: { code, message: `${path} does not apply: ${code}`, retryable: false, path } }
  }
}

/** An operation that no guard looked at. */
type AnyOperation = Record<"op" | "path" | "from", string> & { value: Json | undefined }
const applyOne = (doc: Json, { from, op, path, value }: AnyOperation, budget: { left: number }): Json => {
  const keys = pointer(path)
  if (op === "remove") return given(write(doc, keys))
  if (op === "copy" || op === "move") {
    const source = pointer(from)
    value = get(doc, source)
    if (op === "move") {
      if (path === from) return doc
      // a value cannot move into itself
      if (path.startsWith(`${from}/`)) refuse()
      doc = given(write(doc, source))
    }
  } else if (op === "test") return isEqual(get(doc, keys), given(value)) ? doc : refuse()
  else if (op !== "add" && op !== "replace") refuse()
  measure(given(value), keys.length, budget)
  return write(doc, keys, value, op !== "replace")!
}
const given = (value: Json | undefined): Json => (value === undefined ? refuse() : value)

const pointer = (text: string): readonly string[] => {
  const [root, ...keys] = text.split("/")
  if (root !== "" || /~(?![01])/.test(text)) refuse()
  if (/\/(__proto__|constructor\/prototype)(\/|$)/.test(text)) refuse("FORBIDDEN_KEY")
  return keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))
}
const isContainer = (value: Json): value is readonly Json[] | JsonObject => typeof value === "object" && value !== null
/** What an array or an object has at `key`; an index with a sign or a leading zero is no key of an array. */
const child = (node: Json, key: string): Json =>
  isContainer(node) && Object.hasOwn(node, key) && !(Array.isArray(node) && key === "length")
    ? (node as JsonObject)[key]!
    : refuse()
const get = (doc: Json, path: readonly string[]): Json => path.reduce((node, key) => child(node, key), doc)

/** `node` with `value` at `path`; `undefined` removes what is there. Unless `isNew`, something must be there. */
const write = (node: Json, [key, ...rest]: readonly string[], value?: Json, isNew = false): Json | undefined => {
  if (key === undefined) return value
  const inserts = isNew && rest.length === 0
  const next = inserts ? value : write(child(node, key), rest, value, isNew)
  if (Array.isArray(node)) {
    const isEnd = key === "-" || key === `${node.length}`
    if (inserts && !isEnd) child(node, key)
    return node.toSpliced(isEnd ? node.length : Number(key), inserts ? 0 : 1, ...(next === undefined ? [] : [next]))
  }
  if (!isContainer(node)) return refuse()
  const { [key]: _, ...others } = node as JsonObject
  return next === undefined ? others : { ...node, [key]: next }
}
const measure = (value: Json, depth: number, budget: { left: number }): void => {
  if (depth > MAX_DEPTH) refuse("TOO_DEEP")
  budget.left -= typeof value === "string" ? value.length + 1 : 1
  if (budget.left < 0) refuse("TOO_MANY")
  if (isContainer(value)) for (const inner of Object.values(value)) measure(inner, depth + 1, budget)
}
const isEqual = (a: Json, b: Json): boolean => {
  if (!isContainer(a) || !isContainer(b)) return a === b
  const keys = Object.keys(a)
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual((a as JsonObject)[key]!, (b as JsonObject)[key]!))
  )
}
