/**
 * The check of what clients send: bodies of requests, interrupts over a socket. For servers; not in the browser.
 *
 * Stricter than the check of frames: a key may occur only once, the size is bounded, and fields that the table
 * does not name are left out, so that no client can put something of its own (a `by`, say) into the log.
 * PROTOCOL.md#requests
 */
import { badJson, checkOf, fieldsCheck, isRecord, toFault } from "./check.ts"
import type { Check, JsonRecord } from "./check.ts"
import type { GrantRequest, PostMessage, SocketInterrupt, StartRun } from "./Exchange.ts"
import type { Fault } from "./Fault.ts"
import { jsonFault } from "./JsonValue.ts"
import { MAX_MEMBERS, MAX_REQUEST_BYTES } from "./Limits.ts"
import { OBJECTS, UNIONS } from "./shapes.ts"
import type { UserInterrupt } from "./UserInterrupt.ts"

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault }

const POST_MESSAGE = "id:id parts:MessagePart[] after?:id replaces?:id name?:text"
const START_RUN =
  "id:id agent:text input?:json message?:PostMessage onBusy?:reject|queue|replace|parallel replaces?:id continues?:id tags?:object-of-text"
const GRANT_REQUEST = "threads?:thread[]"
const SOCKET_INTERRUPT = "thread:thread interrupt:UserInterrupt"

/** How many bytes `text` takes in UTF-8. */
const byteLength = (text: string): number => new TextEncoder().encode(text).byteLength

/** Members that the text writes: a colon outside of strings each. More than the value has means that a key occurs twice. */
const writtenMembers = (text: string): number => {
  let members = 0
  let inString = false
  for (let index = 0; index < text.length; index += 1) {
    const unit = text[index]
    if (unit === "\\") index += 1
    else if (unit === '"') inString = !inString
    else if (unit === ":" && !inString) members += 1
  }
  return members
}
const membersOf = (value: unknown): number => {
  let members = 0
  const open: unknown[] = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next !== "object" || next === null) continue
    const inner: readonly unknown[] = Object.values(next)
    if (!Array.isArray(next)) members += inner.length
    for (const member of inner) open.push(member)
  }
  return members
}

/**
 * Parses the body of a request.
 *
 * - Fails: `TOO_LARGE` above 64 KiB, `BAD_JSON`, `TOO_DEEP`, `TOO_MANY`, `FORBIDDEN_KEY`, `BAD_SHAPE` for a repeated key
 */
export const decodeBody = (text: string): Checked<unknown> => {
  if (text.length > MAX_REQUEST_BYTES || byteLength(text) > MAX_REQUEST_BYTES) {
    const expected = `at most ${MAX_REQUEST_BYTES} bytes`
    return {
      ok: false,
      fault: toFault({ code: "TOO_LARGE", path: "", expected, got: "more", limit: MAX_REQUEST_BYTES })
    }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { ok: false, fault: badJson(text, error) }
  }
  const fault = jsonFault(value, "", { members: MAX_MEMBERS })
  if (fault !== undefined) return { ok: false, fault }
  if (writtenMembers(text) !== membersOf(value)) {
    return {
      ok: false,
      fault: toFault({ code: "BAD_SHAPE", path: "", expected: "every key once", got: "a duplicate key" })
    }
  }
  return { ok: true, value }
}

/** The part of a checked value that the table names. */
const keepType = (type: string, value: unknown): unknown => {
  if (type.endsWith("[]")) return (value as readonly unknown[]).map((item) => keepType(type.slice(0, -2), item))
  const union = UNIONS[type]
  if (union !== undefined) {
    const [tag, shapes] = union
    return keepFields(`${tag}:text ${shapes[(value as JsonRecord)[tag] as string]}`, value as JsonRecord)
  }
  const line = type === "PostMessage" ? POST_MESSAGE : OBJECTS[type]
  return line === undefined ? value : keepFields(line, value as JsonRecord)
}
const keepFields = (line: string, value: JsonRecord): JsonRecord => {
  const kept: Record<string, unknown> = {}
  for (const [, name, , type] of line.matchAll(/(\w+)(\??):(\S+)/g)) {
    if (value[name!] !== undefined) kept[name!] = keepType(type!, value[name!])
  }
  return kept
}

const checker = <T>(line: string, own?: Readonly<Record<string, Check>>) => {
  const check = fieldsCheck(line, own)
  return (value: unknown): Checked<T> => {
    const fault = jsonFault(value, "", { members: MAX_MEMBERS })
    if (fault !== undefined) return { ok: false, fault }
    const problem = check(value)
    if (problem !== undefined) return { ok: false, fault: toFault(problem) }
    return { ok: true, value: keepFields(line, value as JsonRecord) as unknown as T }
  }
}

/** `POST /threads/:thread/messages` */
export const checkPostMessage = checker<PostMessage>(POST_MESSAGE)
/** `POST /threads/:thread/runs` */
export const checkStartRun = checker<StartRun>(START_RUN, { PostMessage: fieldsCheck(POST_MESSAGE) })
/** `POST /threads/:thread/grants`; an absent body is an empty request. */
export const checkGrantRequest = checker<GrantRequest>(GRANT_REQUEST)
/** The user event `interrupt`. */
export const checkSocketInterrupt = checker<SocketInterrupt>(SOCKET_INTERRUPT)

/** `POST /threads/:thread/interrupts`. A kind that is none of the five is `UNKNOWN_TYPE`. */
export const checkInterrupt = (value: unknown): Checked<UserInterrupt> => {
  const fault = jsonFault(value, "", { members: MAX_MEMBERS })
  if (fault !== undefined) return { ok: false, fault }
  const problem = checkOf("UserInterrupt")(value)
  if (problem === undefined) return { ok: true, value: keepType("UserInterrupt", value) as UserInterrupt }
  const isUnknown = problem.path === "kind" && isRecord(value) && typeof value["kind"] === "string"
  return { ok: false, fault: toFault(isUnknown ? { ...problem, code: "UNKNOWN_TYPE" } : problem) }
}
