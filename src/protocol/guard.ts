/**
 * The check of what comes over the wire, plain and fast enough for every delta in a browser. PROTOCOL.md#entry
 *
 * Accepts exactly what the Effect Schemas in `schema/` accept, and hands it on as it came: unknown events and
 * unknown fields survive. Never throws. Order, duplicates and meaning are the work of `thread/`.
 */
import { at, badJson, each, fieldsCheck, isRecord, jsonCheck, toFault, wrong } from "./check.ts"
import type { Check, JsonRecord, Problem } from "./check.ts"
import type { Entry, Frame } from "./Entry.ts"
import type { KnownEvent, UnknownEvent } from "./Event.ts"
import type { Fault } from "./Fault.ts"
import { isId, isThreadName, isTimestamp } from "./Id.ts"
import { MAX_ENTRY_BYTES, PROTOCOL_VERSION } from "./Limits.ts"
import { ANY_EVENT, EVENTS, MAY_BE_OF_RUN } from "./shapes.ts"

interface Refused {
  readonly ok: false
  readonly fault: Fault
}
export type DecodedFrame = { readonly ok: true; readonly frame: Frame } | Refused
export type CheckedEntry = { readonly ok: true; readonly entry: Entry } | Refused
export type CheckedEvent = { readonly ok: true; readonly event: KnownEvent | UnknownEvent } | Refused

/** Whether `value` has exactly `count` members: with that many checked, there is no other. */
const hasMembers = (value: object, count: number): boolean => {
  let seen = 0
  for (const _ in value) seen += 1
  return seen === count
}
/** Remembers the last text that passed: neighbouring frames share nearly all of their names. */
const remembering = (test: (value: unknown) => boolean) => {
  let last: unknown
  return (value: unknown): boolean => {
    if (value !== last || value === undefined) {
      if (!test(value)) return false
      last = value
    }
    return true
  }
}
const isLogId = remembering(isId)
const isThread = remembering(isThreadName)
const isEntryId = remembering(isId)
const isRun = remembering(isId)
const isPart = remembering(isId)
const eventChecks = new Map<unknown, Check>()
for (const type in EVENTS) eventChecks.set(type, fieldsCheck(`${ANY_EVENT} ${EVENTS[type as keyof typeof EVENTS]}`))
/** Deltas are nearly all there is: no table for them, unless they are wrong or have more than their fields. */
for (const [type, of] of [
  ["text.delta", "part"],
  ["reasoning.delta", "part"],
  ["tool.delta", "call"]
] as const) {
  const table = eventChecks.get(type)!
  eventChecks.set(type, (value) => {
    const delta = value as JsonRecord
    return typeof delta["text"] === "string" && isPart(delta[of]) && isRun(delta["run"]) && hasMembers(delta, 4)
      ? undefined
      : table(value)
  })
}
const unknownCheck = fieldsCheck(`${ANY_EVENT} ${MAY_BE_OF_RUN}`)
const eventCheck: Check = (value) =>
  isRecord(value) ? (eventChecks.get(value["type"]) ?? unknownCheck)(value) : wrong("object", value)
const eventsCheck = each(eventCheck)

const version: Check = (value) =>
  value === PROTOCOL_VERSION
    ? undefined
    : wrong(`${PROTOCOL_VERSION}`, value, typeof value === "number" ? "UNSUPPORTED_VERSION" : "BAD_SHAPE")
const HEAD = "v:version logId:id thread:thread offset:integer-from-1 id:id"
const headCheck = fieldsCheck(HEAD, { version })
const entryTable = fieldsCheck(`${HEAD} prev:id-or-empty at:time events:events`, { version, events: eventsCheck })
const entryCheck: Check = (value) => {
  const entry = value as Entry
  return isRecord(value) &&
    entry.v === PROTOCOL_VERSION &&
    Number.isSafeInteger(entry.offset) &&
    entry.offset > 0 &&
    isLogId(entry.logId) &&
    isThread(entry.thread) &&
    isEntryId(entry.prev) &&
    isEntryId(entry.id) &&
    isTimestamp(entry.at) &&
    hasMembers(entry, 8) &&
    eventsCheck(entry.events) === undefined
    ? undefined
    : entryTable(value)
}

/** What concerns the whole value is said first: another version, a forbidden key, nested too deep. */
const refuse = (value: unknown, problem: Problem): Refused => {
  const other = isRecord(value) && "v" in value ? version(value["v"]) : undefined
  if (other?.code === "UNSUPPORTED_VERSION") return { ok: false, fault: toFault(at(other, "v")) }
  const whole = problem.code === "BAD_SHAPE" ? jsonCheck(value) : undefined
  return { ok: false, fault: toFault(whole?.code === "TOO_DEEP" || whole?.code === "FORBIDDEN_KEY" ? whole : problem) }
}

/** Checks one event. Types that this version does not know pass if they are JSON and have a `type`. */
export const checkEvent = (value: unknown): CheckedEvent => {
  const problem = eventCheck(value)
  return problem === undefined ? { ok: true, event: value as KnownEvent | UnknownEvent } : refuse(value, problem)
}

/** Checks a parsed entry, as a page of entries or a frame holds it. */
export const checkEntry = (value: unknown): CheckedEntry => {
  const problem = entryCheck(value)
  return problem === undefined ? { ok: true, entry: value as Entry } : refuse(value, problem)
}

/**
 * Decodes the text of one frame: an entry if it has `events`, else a head.
 *
 * - Fails: `BAD_JSON`, `BAD_SHAPE`, `BAD_NUMBER`, `BAD_ID`, `TOO_LARGE`, `TOO_DEEP`, `FORBIDDEN_KEY`,
 *   `UNSUPPORTED_VERSION`; drop the frame and ask the log
 */
export const decodeFrame = (text: string): DecodedFrame => {
  // Every UTF-16 unit is at least one byte, so this needs no encoding.
  if (text.length > MAX_ENTRY_BYTES) {
    const problem = {
      code: "TOO_LARGE",
      path: "",
      expected: `at most ${MAX_ENTRY_BYTES} bytes`,
      got: "more",
      limit: MAX_ENTRY_BYTES
    } as const
    return { ok: false, fault: toFault(problem) }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { ok: false, fault: badJson(text, error) }
  }
  const problem = isRecord(value) && "events" in value ? entryCheck(value) : headCheck(value)
  return problem === undefined ? { ok: true, frame: value as Frame } : refuse(value, problem)
}
