/**
 * Rows of the Postgres log: how values become columns, and the checksum that each row carries.
 *
 * A row whose checksum does not fit is never turned into a value: it is `LogCorrupt`, naming thread and offset. Tag
 * and knock have none: a wrong one makes an append conflict, and reading mends that.
 */
import { crc32 } from "node:zlib"
import type { Json } from "../../../src/protocol/Json.ts"
import type { Head, Note, Snapshot, StoredEntry, ThreadKey } from "../../../src/ports/ThreadLog.ts"
import type { Row } from "./connection.ts"
import { corrupt } from "./failures.ts"

/**
 * Keys as Postgres can hold them: it refuses NUL, and a lone surrogate has no UTF-8. The highest character is
 * escaped too, so that a prefix followed by it is beyond every key with that prefix. Keeps prefixes.
 */
export const toKey = (text: string): string => (UNSAFE.test(text) ? escape(text) : text)
export const fromKey = (key: string): string =>
  key.includes("%") ? key.replace(/%([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))) : key
export const HIGHEST = "\u{10ffff}"
const UNSAFE = /[\0%\u{10ffff}]|\p{Surrogate}/u
const UNSAFE_UNITS = /[\0%]|\p{Surrogate}|\u{10ffff}/gu
const escape = (text: string): string =>
  text.replace(UNSAFE_UNITS, (found) =>
    Array.from({ length: found.length }, (_, n) => `%${found.charCodeAt(n).toString(16).padStart(4, "0")}`).join("")
  )

/** A body stays as it is, unless Postgres cannot hold it; what begins with `%` is escaped. */
export const toBody = (text: string): string =>
  text.startsWith("%") || text.includes("\0") || !text.isWellFormed() ? `%${escape(text)}` : text
const bodyOf = (column: string): string => (column.startsWith("%") ? fromKey(column.slice(1)) : column)

export const headSum = (thread: string, logId: string, offset: number, id: string): number =>
  crc32(`${thread}|${logId}|${offset}|${id}`)
export const stateSum = (thread: string, due: number | null, control: string): number =>
  crc32(`${thread}|${due}|${control}`)
export const entrySum = (thread: string, offset: number, id: string, body: string): number =>
  crc32(`${thread}|${offset}|${id}|${body}`)
export const noteSum = (thread: string, key: string, value: string): number => crc32(`${thread}|${key}|${value}`)
export const trimSum = (thread: string, trimmed: number): number => crc32(`${thread}|${trimmed}`)
export const snapshotSum = (thread: string, logId: string, offset: number, snapshot: string): number =>
  crc32(`${thread}|${logId}|${offset}|${snapshot}`)

const isText = (value: unknown): value is string => typeof value === "string"
const isCount = (value: unknown): value is number => Number.isSafeInteger(value)
const isNumberOrNull = (value: unknown): value is number | null => value === null || typeof value === "number"

/** From a row that has `now` and the columns of `heads`, all `null` where there is none. */
export const toHead = (operation: string, thread: ThreadKey, row: Row | undefined): Head => {
  const now = Number(row?.["now"])
  const { thread: key, log_id: logId, offset, id, tag, knock_by: by, knock_at: at, head_crc: crc } = row ?? {}
  if (key === null) {
    if (row?.["orphans"] === true) throw corrupt(operation, thread, 0, "there are entries but no head")
    return { logId: "", offset: 0, id: "", control: null, due: null, tag: "", knock: null, now }
  }
  const damaged = (problem: string) => corrupt(operation, thread, isCount(offset) ? offset : 0, problem)
  if (!isText(key) || !isText(logId) || !isCount(offset) || !isText(id) || headSum(key, logId, offset, id) !== crc) {
    throw damaged("the head's checksum does not fit")
  }
  if (!isCount(tag)) throw damaged("the head's tag was never written")
  const knock = isText(by) && typeof at === "number" ? { by: fromKey(by), at } : null
  const head = { logId: fromKey(logId), offset, id: fromKey(id), control: null, due: null, tag: `${tag}`, knock, now }
  const { control, due, state_crc: stateCrc } = row ?? {}
  if (stateCrc === null && offset === 0) return head
  if (!isText(control) || !isNumberOrNull(due) || stateSum(key, due, control) !== stateCrc) {
    throw damaged("the control record's checksum does not fit")
  }
  return { ...head, control: JSON.parse(control) as Json, due }
}
/** How far the thread was trimmed, from the columns of `snapshots`. */
export const toTrimmed = (operation: string, thread: ThreadKey, row: Row | undefined): number => {
  const { trimmed, trimmed_crc: crc } = row ?? {}
  if ((trimmed ?? 0) === 0 && (crc ?? null) === null) return 0
  if (isCount(trimmed) && trimSum(toKey(thread), trimmed) === crc) return trimmed
  throw corrupt(operation, thread, 0, "the trimmed offset's checksum does not fit")
}
export const toEntry = (operation: string, thread: ThreadKey, row: Row, expectedOffset: number): StoredEntry => {
  const { entry_offset: offset, entry_id: id, crc, body } = row
  if (offset !== expectedOffset) throw corrupt(operation, thread, expectedOffset, "the entry is missing")
  if (!isText(id) || !isText(body) || entrySum(toKey(thread), expectedOffset, id, body) !== crc) {
    throw corrupt(operation, thread, expectedOffset, "the entry's checksum does not fit")
  }
  return { offset: expectedOffset, id: fromKey(id), body: bodyOf(body) }
}
export const toNote = (operation: string, thread: ThreadKey, row: Row): Note => {
  const { key, value, crc } = row
  if (!isText(key) || !isText(value) || noteSum(toKey(thread), key, value) !== crc) {
    throw corrupt(operation, thread, 0, "a note's checksum does not fit")
  }
  return { key: fromKey(key), value: JSON.parse(value) as Json }
}
/** `undefined` where there is none and for a damaged one: it is derived, and made again from the log. */
export const toSnapshot = (thread: ThreadKey, row: Row | undefined): Snapshot | undefined => {
  const { log_id: logId, offset, snapshot, crc } = row ?? {}
  const fits =
    isText(logId) && isCount(offset) && isText(snapshot) && snapshotSum(toKey(thread), logId, offset, snapshot) === crc
  return fits ? (JSON.parse(snapshot) as Snapshot) : undefined
}
