/**
 * Runs the table in `shapes.ts`: checks a value against a line of it, and says which field broke which rule.
 *
 * Fields that the table does not name are kept as they came; they only have to be JSON. A check that passes
 * allocates nothing; the path of one that fails is put together on the way out.
 */
import type { Fault, FaultCode } from "./Fault.ts"
import { isId, isThreadName, isTimestamp } from "./Id.ts"
import { MAX_DEPTH } from "./Limits.ts"
import { OBJECTS, UNIONS, WORDS } from "./shapes.ts"

/** What broke a rule: the pieces of a fault. */
export interface Problem {
  readonly code: FaultCode
  readonly path: string
  readonly expected: string
  readonly got: string
  readonly limit?: number
}
export type Check = (value: unknown) => Problem | undefined
export type JsonRecord = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** `got` names the kind of the value and repeats only numbers, so that nothing private is echoed. */
export const wrong = (expected: string, value: unknown, code: FaultCode = "BAD_SHAPE"): Problem => ({
  code,
  path: "",
  expected,
  got:
    value === null ? "null" : Array.isArray(value) ? "array" : typeof value === "number" ? String(value) : typeof value
})
/** The problem seen from the value that holds it: `a.b[2]`; odd and long keys are quoted and cut. */
export const at = (problem: Problem, key: string | number): Problem => {
  const plain = typeof key === "string" && /^[\w$-]{1,64}$/.test(key)
  const member = plain ? key : `[${JSON.stringify(typeof key === "string" ? key.slice(0, 64) : key)}]`
  return { ...problem, path: member + (/^(\[|$)/.test(problem.path) ? "" : ".") + problem.path }
}
const MAX_PATH_LENGTH = 256
/**
 * Faults of input are never retryable; the catalogue's texts are too large for the browser. Of a path that is longer
 * than any reader needs the beginning is told, so that what was sent does not come back.
 */
export const toFault = ({ path, ...rest }: Problem): Fault => {
  const told = path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH - 1).toWellFormed()}…` : path
  return {
    ...rest,
    message: `${told || "value"}: expected ${rest.expected}, got ${rest.got}`,
    retryable: false,
    ...(told === "" ? {} : { path: told })
  }
}

/** For what `JSON.parse` threw: says where, but never repeats what was sent, as the engine's own message does. */
export const badJson = (text: string, error: unknown): Fault => {
  const position = /position (\d+)/.exec(String(error))?.[1] ?? text.length
  return toFault({
    code: "BAD_JSON",
    path: "",
    expected: "JSON",
    got: text === "" ? "nothing: it is empty" : `something else at position ${position}`
  })
}

/**
 * Keys by which a careless merge would change every object: `__proto__`, and `constructor` with a `prototype` in
 * it. The word `constructor` alone is data like any other.
 */
export const isForbidden = (key: string, value: unknown): boolean =>
  key === "__proto__" || (key === "constructor" && isRecord(value) && Object.hasOwn(value, "prototype"))
const member = (key: string, value: unknown, check: Check): Problem | undefined => {
  const problem = isForbidden(key, value)
    ? { ...wrong("another key", value, "FORBIDDEN_KEY"), got: "this one" }
    : check(value)
  return problem && at(problem, key)
}

/**
 * Any JSON value, nested at most 64 deep. `visit` sees every object and array before it is walked.
 * Recursive, but never deeper than the limit, so that no input overflows the stack.
 */
export const jsonCheck = (
  value: unknown,
  visit?: (value: object) => Problem | undefined,
  depth = 0
): Problem | undefined => {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return undefined
  if (typeof value === "number") return Number.isFinite(value) ? undefined : wrong("JSON", value, "BAD_NUMBER")
  if (typeof value !== "object") return wrong("JSON", value)
  const stop = visit?.(value)
  if (stop !== undefined) return stop
  if (depth === MAX_DEPTH)
    return { code: "TOO_DEEP", path: "", expected: `at most ${MAX_DEPTH} levels`, got: "more", limit: MAX_DEPTH }
  const below: Check = (inner) => jsonCheck(inner, visit, depth + 1)
  if (Array.isArray(value)) return each(below)(value)
  for (const key in value) {
    const problem = member(key, (value as JsonRecord)[key], below)
    if (problem !== undefined) return problem
  }
  return undefined
}
const json: Check = (value) => (typeof value === "string" ? undefined : jsonCheck(value))

const integer =
  (min: number, max: number) =>
  (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
const isText = (value: unknown): value is string => typeof value === "string"
const NUMBERS: Readonly<Record<string, (value: unknown) => boolean>> = {
  "integer-from-1": integer(1, Infinity),
  "integer-from-0": integer(0, Infinity),
  "integer-0-to-60000": integer(0, 60_000),
  "number-0-to-1": (value) => typeof value === "number" && value >= 0 && value <= 1
}
const NAMES: Readonly<Record<string, (value: unknown) => boolean>> = {
  id: isId,
  "id-or-empty": (value) => value === "" || isId(value),
  thread: isThreadName
}
const OTHERS: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: isText,
  boolean: (value) => typeof value === "boolean",
  time: isTimestamp,
  "json-pointer": (value) => isText(value) && /^(\/([^~/]|~[01])*)*$/.test(value)
}
/** A pointer that leads to a prototype: whoever applies it carelessly changes every object. */
const POLLUTING = /\/(__proto__|constructor\/prototype)(\/|$)/

const checks = new Map<string, Check>([["json", json]])
for (const [tests, code, type] of [
  [NUMBERS, "BAD_NUMBER", "number"],
  [NAMES, "BAD_ID", "string"],
  [OTHERS, "BAD_SHAPE", ""]
] as const) {
  for (const name in tests) {
    const test = tests[name]!
    checks.set(name, (value) =>
      test(value) ? undefined : wrong(name, value, typeof value === type ? code : "BAD_SHAPE")
    )
  }
}
checks.set("object", (value) => (isRecord(value) ? json(value) : wrong("object", value)))
checks.set("object-of-text", (value) => {
  if (!isRecord(value)) return wrong("object", value)
  for (const key in value) {
    const problem = member(key, value[key], checkOf("text"))
    if (problem !== undefined) return problem
  }
  return undefined
})
checks.set("pointer", (value) =>
  isText(value) && POLLUTING.test(value)
    ? wrong("another path", value, "FORBIDDEN_KEY")
    : checkOf("json-pointer")(value)
)
checks.set("Range", (value) =>
  Array.isArray(value) && value.length === 2 ? checkOf("integer-from-1[]")(value) : wrong("pair", value)
)

export const each =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return wrong("array", value)
    for (let index = 0; index < value.length; index += 1) {
      const problem = check(value[index])
      if (problem !== undefined) return at(problem, index)
    }
    return undefined
  }
const union = ([tag, shapes]: (typeof UNIONS)[string]): Check => {
  const shapeChecks = new Map<unknown, Check>()
  for (const word in shapes) shapeChecks.set(word, fieldsCheck(`${tag}:text ${shapes[word]}`))
  return (value) => {
    if (!isRecord(value)) return wrong("object", value)
    const check = shapeChecks.get(value[tag])
    return check === undefined ? at(wrong(Object.keys(shapes).join("|"), value[tag]), tag) : check(value)
  }
}
const words = (list: string): Check => {
  const allowed = new Set<unknown>(list.split("|"))
  return (value) => (allowed.has(value) ? undefined : wrong(list, value))
}

/** The check of a type as the table writes it; made at its first use. */
export const checkOf = (type: string): Check => {
  let check = checks.get(type)
  if (check === undefined) {
    check = type.endsWith("[]")
      ? each(checkOf(type.slice(0, -2)))
      : UNIONS[type]
        ? union(UNIONS[type])
        : OBJECTS[type]
          ? fieldsCheck(OBJECTS[type])
          : words(WORDS[type] ?? type)
    checks.set(type, check)
  }
  return check
}

/** The check of an object by a line of the table; `own` adds types to those of the table. */
export const fieldsCheck = (line: string, own: Readonly<Record<string, Check>> = {}): Check => {
  let fields: Map<string, Check> | undefined
  const required: string[] = []
  return (value) => {
    if (!isRecord(value)) return wrong("object", value)
    if (fields === undefined) {
      fields = new Map()
      for (const [, name, optional, type] of line.matchAll(/(\w+)(\??):(\S+)/g)) {
        fields.set(name!, own[type!] ?? checkOf(type!))
        if (optional === "") required.push(name!)
      }
    }
    for (const key in value) {
      const check = fields.get(key)
      const problem = check === undefined ? member(key, value[key], json) : check(value[key])
      if (problem !== undefined) return check === undefined ? problem : at(problem, key)
    }
    for (const key of required) if (value[key] === undefined) return at(wrong("a value", undefined), key)
    return undefined
  }
}
