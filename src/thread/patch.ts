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
/** Values in all that one operation may copy or put: a few copies of copies would fill any memory. */
const MAX_VALUES = 100_000

class Refused {
  readonly code: Fault["code"]
  readonly message: string
  constructor(message: string, code: "BAD_PATCH" | "FORBIDDEN_KEY" | "TOO_DEEP" | "TOO_MANY" = "BAD_PATCH") {
    this.code = code
    this.message = message
  }
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
  try {
    if (!Array.isArray(patch)) throw new Refused("no array")
    for (; at < patch.length; at++) value = applyOne(value, patch[at] as PatchOperation)
    return { ok: true, value }
  } catch (error) {
    // a shape that no guard let through fails like any other bad patch
    const { code, message } = error instanceof Refused ? error : new Refused("malformed")
    const path = `patch[${at}]`
    return { ok: false, fault: { code, message: `${path}: ${message}`, retryable: false, path } }
  }
}

const applyOne = (doc: Json, operation: PatchOperation): Json => {
  const path = pointer(operation.path)
  switch (operation.op) {
    case "add":
    case "replace":
      return put(doc, path, given(operation.value), operation.op === "add")
    case "remove":
      return remove(doc, path)
    case "copy":
      return put(doc, path, get(doc, pointer(operation.from)), true)
    case "move": {
      const from = pointer(operation.from)
      const value = get(doc, from)
      if (operation.path.startsWith(`${operation.from}/`)) throw new Refused("moves a value into itself")
      return operation.path === operation.from
        ? doc
        : put(from.length === 0 ? null : remove(doc, from), path, value, true)
    }
    case "test":
      if (!isEqual(get(doc, path), given(operation.value))) throw new Refused("test failed")
      return doc
    default:
      throw new Refused("no such operation")
  }
}
const given = (value: Json | undefined): Json => {
  if (value === undefined) throw new Refused("no value")
  return value
}

const pointer = (text: string): readonly string[] => {
  if (text === "") return []
  if (!text.startsWith("/") || /~(?![01])/.test(text)) throw new Refused("no JSON Pointer")
  const keys = text
    .slice(1)
    .split("/")
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))
  if (keys.some((key, at) => key === "__proto__" || (key === "prototype" && keys[at - 1] === "constructor"))) {
    throw new Refused("a key that is never accepted", "FORBIDDEN_KEY")
  }
  return keys
}
/** An index in `array`: digits only, no sign and no leading zero. */
const indexIn = (key: string, array: readonly Json[], max: number): number => {
  const index = key === "-" ? array.length : /^(0|[1-9]\d*)$/.test(key) ? Number(key) : NaN
  if (!(index <= max)) throw new Refused("no such index")
  return index
}
const isContainer = (value: Json): value is readonly Json[] | JsonObject => typeof value === "object" && value !== null
const child = (node: Json, key: string): Json => {
  if (Array.isArray(node)) return node[indexIn(key, node, node.length - 1)] as Json
  if (!isContainer(node) || !Object.hasOwn(node, key)) throw new Refused("no such path")
  return (node as JsonObject)[key]!
}
const get = (doc: Json, path: readonly string[]): Json => path.reduce(child, doc)

/** Rebuilds the containers from the root to the last key of `path`, whose container `edit` answers anew. */
const edit = (
  node: Json,
  path: readonly string[],
  change: (container: readonly Json[] | JsonObject, key: string) => Json,
  at = 0
): Json => {
  if (!isContainer(node)) throw new Refused("no such path")
  const key = path[at]!
  if (at === path.length - 1) return change(node, key)
  const next = edit(child(node, key), path, change, at + 1)
  return Array.isArray(node) ? node.with(Number(key), next) : { ...node, [key]: next }
}
const put = (doc: Json, path: readonly string[], value: Json, isNew: boolean): Json => {
  measure(value, path.length, { left: MAX_VALUES })
  if (path.length === 0) return value
  return edit(doc, path, (container, key) => {
    if (Array.isArray(container)) {
      return container.toSpliced(indexIn(key, container, container.length - (isNew ? 0 : 1)), isNew ? 0 : 1, value)
    }
    if (!isNew) child(container, key)
    return { ...(container as JsonObject), [key]: value }
  })
}
const remove = (doc: Json, path: readonly string[]): Json => {
  if (path.length === 0) throw new Refused("removes the root")
  return edit(doc, path, (container, key) => {
    child(container, key)
    if (Array.isArray(container)) return container.toSpliced(Number(key), 1)
    const { [key]: _, ...rest } = container as JsonObject
    return rest
  })
}

const measure = (value: Json, depth: number, budget: { left: number }): void => {
  if (depth > MAX_DEPTH) throw new Refused(`is deeper than ${MAX_DEPTH}`, "TOO_DEEP")
  if (--budget.left < 0) throw new Refused(`puts more than ${MAX_VALUES} values`, "TOO_MANY")
  if (isContainer(value)) for (const inner of Object.values(value)) measure(inner as Json, depth + 1, budget)
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
