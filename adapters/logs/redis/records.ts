/**
 * Records of the Redis log: how values become texts, and the checksum that each record carries.
 *
 * A record whose checksum does not fit is never turned into a value: it is `LogCorrupt`, naming thread and offset.
 * A knock carries none: a damaged one costs a wait, or a conflict.
 */
import { crc32 } from "node:zlib"
import type { Head, Note, Snapshot, StoredEntry, ThreadKey } from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { corrupt } from "./failures.ts"
import { fromText, toText } from "./keys.ts"

type Text = string | null

const sum = (about: string, content = ""): string => crc32(content, crc32(about)).toString(16).padStart(8, "0")
export const positionSum = (name: string, logId: string, offset: number, id: string, n: number): string =>
  sum(`${name}|${logId}|${offset}|${id}|${n}`)
export const stateSum = (name: string, control: string, due: string): string => sum(`${name}|${due}|`, control)

/** `<sum><how the body is written><id>\n<body>` */
export const entryRecord = (name: string, { offset, id, body }: StoredEntry): string => {
  const how = body.isWellFormed() ? "=" : "%"
  const text = how === "=" ? body : toText(body)
  const about = `${how}${JSON.stringify(id)}\n`
  return `${sum(`${name}|${offset}|${about}`, text)}${about}${text}`
}
export const toEntry = (operation: string, thread: ThreadKey, name: string, offset: number, record: Text) => {
  if (record === null) throw corrupt(operation, thread, offset, "the entry is missing")
  const begin = record.indexOf("\n") + 1
  const about = record.slice(8, begin)
  const text = record.slice(begin)
  if (begin === 0 || record.slice(0, 8) !== sum(`${name}|${offset}|${about}`, text)) {
    throw corrupt(operation, thread, offset, "the entry's checksum does not fit")
  }
  const id = JSON.parse(about.slice(1)) as string
  return { offset, id, body: about.startsWith("%") ? fromText(text) : text }
}

export const noteRecord = (name: string, key: string, value: Json): string => {
  const text = JSON.stringify(value)
  return `${sum(`${name}|${key}|`, text)}${text}`
}
export const toNote = (operation: string, thread: ThreadKey, name: string, key: string, record: Text): Note => {
  const text = record?.slice(8)
  if (record === null || text === undefined || record.slice(0, 8) !== sum(`${name}|${key}|`, text)) {
    throw corrupt(operation, thread, 0, "a note's checksum does not fit")
  }
  return { key: fromText(key), value: JSON.parse(text) as Json }
}

/** `<offset>:<sum>` */
export const trimRecord = (name: string, logId: string, trimmed: number): string =>
  `${trimmed}:${sum(`${name}|${logId}|${trimmed}`)}`
export const toTrimmed = (operation: string, thread: ThreadKey, name: string, logId: Text, record: Text): number => {
  const trimmed = record === null ? 0 : Number.parseInt(record, 10)
  if (record !== null && record !== trimRecord(name, logId ?? "", trimmed)) {
    throw corrupt(operation, thread, 0, "the record of what was trimmed does not fit")
  }
  return trimmed
}

export const snapshotSum = (name: string, logId: string, offset: number, text: string): string =>
  sum(`${name}|${logId}|${offset}|`, text)
/** `undefined` for none, and for a damaged one: it is derived, and made again from the log. */
export const toSnapshot = (name: string, [logId, offset, text, found]: readonly Text[]): Snapshot | undefined =>
  logId != null && text != null && snapshotSum(name, logId, Number(offset), text) === found
    ? (JSON.parse(text) as Snapshot)
    : undefined

/** A head, and what is known about the thread besides. */
export interface ThreadRecord {
  readonly head: Head
  readonly trimmed: number
}
/** What the script `HEAD` answers. */
export type HeadReply = readonly [now: number, fields: readonly Text[], stray: number]

export const toRecord = (
  operation: string,
  thread: ThreadKey,
  name: string,
  [now, fields, stray]: HeadReply
): ThreadRecord => {
  const [logId = null, offsetText, id, n, positioned, control, due, stated, trim = null, knocked] = fields
  if (stray !== 0) throw corrupt(operation, thread, 0, "there are entries but no head")
  const offset = Number(offsetText ?? 0)
  const damaged = (what: string) => corrupt(operation, thread, Number.isSafeInteger(offset) ? offset : 0, what)
  const [, count, at, by] = /^(\d+):(\d+):(.*)$/s.exec(knocked ?? "") ?? []
  const knock = by === undefined ? null : { by: fromText(by), at: Number(at) }
  if (knocked != null && knock === null) throw damaged("the knock is not readable")
  const knocks = count === undefined ? "" : `.${count}`
  const none = { logId: "", offset: 0, id: "", control: null, due: null, tag: `0${knocks}`, knock, now }
  if (n == null) {
    if (logId !== null || positioned != null || control != null) throw damaged("the head is incomplete")
    return { head: none, trimmed: 0 }
  }
  if (logId === null || id == null || positionSum(name, logId, offset, id, Number(n)) !== positioned) {
    throw damaged("the head's checksum does not fit")
  }
  const trimmed = toTrimmed(operation, thread, name, logId, trim)
  const position = { ...none, logId: fromText(logId), offset, id: fromText(id), tag: `${n}${knocks}` }
  if (control == null && due == null && stated == null && offset === 0) return { head: position, trimmed }
  if (control == null || due == null || stateSum(name, control, due) !== stated) {
    throw damaged("the control record's checksum does not fit")
  }
  const state = { control: JSON.parse(control) as Json, due: due === "" ? null : Number(due) }
  return { head: { ...position, ...state }, trimmed }
}
