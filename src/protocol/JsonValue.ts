/**
 * Says whether a value is JSON that may enter an entry, and where it is not: for what code hands in, not the wire.
 *
 * Objects must be plain: a Date or a Map would come out as something else. Members that are `undefined` are
 * refused, because whoever reads the log would not find them. Lone surrogates are allowed, because text is split
 * between deltas anywhere.
 */
import { jsonCheck, toFault, wrong } from "./check.ts"
import type { Fault } from "./Fault.ts"
import type { Json } from "./Json.ts"

export interface JsonLimits {
  /** Most members of one array or object (`TOO_MANY`); default none. */
  readonly members?: number
}
/** More objects than any entry has room for: only shared references, expanded, come here. */
const MAX_OBJECTS = 1_000_000

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Array.isArray(value) || Object.getPrototypeOf(prototype) === null
}
/** An object that is deeper than the limit, because it holds itself. */
const isCyclic = (value: unknown): boolean => {
  try {
    JSON.stringify(value)
    return false
  } catch (error) {
    return error instanceof TypeError
  }
}
const tooMany = (limit: number, what: string) =>
  ({ code: "TOO_MANY", path: "", expected: `at most ${limit} ${what}`, got: "more", limit }) as const

/** The first thing in `value` that is not JSON or breaks a limit, with its path below `path`; else `undefined`. */
export const jsonFault = (value: unknown, path = "", limits: JsonLimits = {}): Fault | undefined => {
  const members = limits.members ?? Infinity
  let objects = 0
  const problem = jsonCheck(value, (object) => {
    objects += 1
    if (objects > MAX_OBJECTS) return tooMany(MAX_OBJECTS, "objects in all")
    if (!isPlain(object)) return { ...wrong("JSON", object), got: "instance of a class" }
    if ((Array.isArray(object) ? object : Object.keys(object)).length > members) return tooMany(members, "members")
    return undefined
  })
  if (problem === undefined) return undefined
  const said =
    problem.code === "TOO_DEEP" && isCyclic(value)
      ? { ...wrong("JSON", value), got: "a value that contains itself" }
      : problem
  return toFault({
    ...said,
    path: path + (path === "" || said.path === "" || said.path.startsWith("[") ? "" : ".") + said.path
  })
}

/** Thrown at the call that was given what is not JSON; `fault` is what a client would be told. */
export class NotJson extends TypeError {
  readonly fault: Fault
  constructor(fault: Fault) {
    super(fault.message)
    this.name = "NotJson"
    this.fault = fault
  }
}

/** Throws `NotJson`, naming the path: NaN, BigInt, functions, `undefined` members, cycles, class instances, deep nesting. */
export function assertJson(value: unknown, path: string, limits?: JsonLimits): asserts value is Json {
  const fault = jsonFault(value, path, limits)
  if (fault !== undefined) throw new NotJson(fault)
}
