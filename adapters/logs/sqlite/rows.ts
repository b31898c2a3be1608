/**
 * Rows of the SQLite log: how values become columns, and the checksum that each row carries.
 *
 * A row whose checksum does not fit is never turned into a value: it is `LogCorrupt`, naming thread and offset.
 */
import { crc32 } from "node:zlib"
import type { Json } from "../../../src/protocol/Json.ts"
import type { Head, Note, Snapshot, StoredEntry, ThreadKey } from "../../../src/ports/ThreadLog.ts"
import { corrupt } from "./failures.ts"

export type Row = Readonly<Record<string, unknown>>

/**
 * Keys as SQLite can hold and compare them: a lone surrogate has no UTF-8, and NUL ends a text for its tools.
 * Keeps prefixes: an escaped prefix is a prefix of the escaped key.
 */
export const toKey = (text: string): string =>
  UNSAFE.test(text) ? text.replace(UNSAFE_ALL, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, "0")}`) : text
export const fromKey = (key: string): string =>
  key.includes("%") ? key.replace(/%([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))) : key
const UNSAFE = /[\0%]|\p{Surrogate}/u
const UNSAFE_ALL = /[\0%]|\p{Surrogate}/gu

/** Texts without UTF-8 are kept as UTF-16. */
export const toBody = (text: string): string | Uint8Array => (text.isWellFormed() ? text : Buffer.from(text, "utf16le"))
const bodyOf = (column: unknown): string =>
  column instanceof Uint8Array ? Buffer.from(column).toString("utf16le") : String(column)

export const headSum = (
  thread: string,
  logId: string,
  offset: number,
  id: string,
  tag: number,
  knockBy: string | null,
  knockAt: number | null
): number => crc32(`${thread}|${logId}|${offset}|${id}|${tag}|${knockBy}|${knockAt}`)
export const stateSum = (thread: string, due: number | null, trimmed: number, control: string): number =>
  crc32(control, crc32(`${thread}|${due}|${trimmed}|`))
export const entrySum = (thread: string, offset: number, id: string, body: string | Uint8Array): number =>
  // the column's type says how the bytes are read, so it counts like one of them
  crc32(body, crc32(`${thread}|${offset}|${id}|${typeof body}|`))
export const noteSum = (thread: string, key: string, value: string): number => crc32(value, crc32(`${thread}|${key}|`))
export const snapshotSum = (thread: string, logId: string, offset: number, snapshot: string): number =>
  crc32(snapshot, crc32(`${thread}|${logId}|${offset}|`))

/** A head, and what is known about the thread besides. */
export interface ThreadRecord {
  readonly head: Head
  readonly trimmed: number
}
const isText = (value: unknown): value is string => typeof value === "string"
const isNumber = (value: unknown): value is number => typeof value === "number"
const isNumberOrNull = (value: unknown): value is number | null => value === null || typeof value === "number"

/** From a row of `heads` joined with `states`. */
export const toRecord = (operation: string, thread: ThreadKey, row: Row, now: number): ThreadRecord => {
  const { thread: key, log_id: logId, offset, id, tag, knock_by: by, knock_at: at, crc } = row
  const damaged = (problem: string) => corrupt(operation, thread, isNumber(offset) ? offset : 0, problem)
  if (
    !isText(key) ||
    !isText(logId) ||
    !isNumber(offset) ||
    !isText(id) ||
    !isNumber(tag) ||
    !isNumberOrNull(at) ||
    !(by === null || isText(by)) ||
    headSum(key, logId, offset, id, tag, by, at) !== crc
  ) {
    throw damaged("the head's checksum does not fit")
  }
  const knock = by === null || at === null ? null : { by: fromKey(by), at }
  const { control, due, trimmed, state_crc: stateCrc } = row
  const head = { logId, offset, id: fromKey(id), control: null, due: null, tag: String(tag), knock, now }
  if (stateCrc === null && offset === 0) return { head, trimmed: 0 }
  if (
    !isText(control) ||
    !isNumberOrNull(due) ||
    !isNumber(trimmed) ||
    stateSum(key, due, trimmed, control) !== stateCrc
  ) {
    throw damaged("the control record's checksum does not fit")
  }
  return { head: { ...head, control: JSON.parse(control) as Json, due }, trimmed }
}
export const toEntry = (operation: string, thread: ThreadKey, row: Row, expectedOffset: number): StoredEntry => {
  const { thread: key, offset, id, crc } = row
  const body = row["body"]
  if (offset !== expectedOffset) throw corrupt(operation, thread, expectedOffset, "the entry is missing")
  if (
    !isText(key) ||
    !isText(id) ||
    !(isText(body) || body instanceof Uint8Array) ||
    entrySum(key, expectedOffset, id, body) !== crc
  ) {
    throw corrupt(operation, thread, expectedOffset, "the entry's checksum does not fit")
  }
  return { offset: expectedOffset, id: fromKey(id), body: bodyOf(body) }
}
export const toNote = (operation: string, thread: ThreadKey, row: Row): Note => {
  const { thread: name, key, value, crc } = row
  if (!isText(name) || !isText(key) || !isText(value) || noteSum(name, key, value) !== crc) {
    throw corrupt(operation, thread, 0, "a note's checksum does not fit")
  }
  return { key: fromKey(key), value: JSON.parse(value) as Json }
}
/** `undefined` for a damaged one: it is derived, and made again from the log. */
export const toSnapshot = (row: Row): Snapshot | undefined => {
  const { thread, log_id: logId, offset, snapshot, crc } = row
  const fits =
    isText(thread) &&
    isText(logId) &&
    isNumber(offset) &&
    isText(snapshot) &&
    snapshotSum(thread, logId, offset, snapshot) === crc
  return fits ? (JSON.parse(snapshot) as Snapshot) : undefined
}
