/**
 * Rows of the DynamoDB log: how heads, entries and notes become attributes, and what sizes they may have.
 *
 * A row has at most 400 KB, names of attributes included. Texts that are not well-formed go in as UTF-16.
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb"
import type { Head, Note, StoredEntry } from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { corrupt, tooLarge } from "./failures.ts"
import type { Row } from "./table.ts"

/** Leaves 20 KB of a row for keys, names, ids and the rest. */
export const MAX_ROW_BYTES = 380_000

export const number = (value: number): AttributeValue => ({ N: String(value) })
export const text = (value: string): AttributeValue => ({ S: value })
/** As JSON, which is well-formed whatever the value holds. */
export const json = (value: unknown): AttributeValue => ({ S: JSON.stringify(value) })

const toBody = (body: string): AttributeValue =>
  body.isWellFormed() ? { S: body } : { B: Buffer.from(body, "utf16le") }
export const bodyBytes = (body: string): number => (body.isWellFormed() ? Buffer.byteLength(body) : body.length * 2)
const fromBody = (value: AttributeValue | undefined): string =>
  value?.B === undefined ? String(value?.S) : Buffer.from(value.B).toString("utf16le")

export const entryRow = ({ body, id }: Pick<StoredEntry, "id" | "body">): Record<string, AttributeValue> => ({
  id: json(id),
  body: toBody(body)
})
export const toEntry = (operation: string, thread: string, offset: number, row: Row | undefined): StoredEntry => {
  if (row?.["id"]?.S === undefined || row["body"] === undefined)
    throw corrupt(operation, thread, offset, "the entry is missing or not readable")
  return { offset, id: JSON.parse(row["id"].S) as string, body: fromBody(row["body"]) }
}
/** `at`: offset of the append that made it. A note that was erased keeps its row, without a value. */
export const noteRow = ({ key, value }: Note, at: number): Record<string, AttributeValue> => ({
  key: json(key),
  value: json(value),
  at: number(at)
})
export const toNote = (row: Row): Note | undefined =>
  row["value"]?.S === undefined
    ? undefined
    : { key: JSON.parse(String(row["key"]?.S)) as string, value: JSON.parse(row["value"].S) as Json }

/** What the newest append brought, as long as it stands in the head. */
export interface Pending {
  readonly entry: StoredEntry
  /** The notes, or the save that holds them. */
  readonly notes: readonly Note[] | { readonly save: string }
}
export const pendingOf = ({ entry, notes }: Pending): AttributeValue => ({
  M: { ...entryRow(entry), ...("save" in notes ? { save: text(notes.save) } : { notes: json(notes) }) }
})

/** What the head row says besides the port's head. */
export interface ThreadRecord {
  readonly head: Head
  /** How often the thread was dropped. */
  readonly generation: number
  readonly trimmed: number
  readonly pending: Pending | undefined
}
export const placeOf = ({ id, logId, offset }: Pick<Head, "logId" | "offset" | "id">): string =>
  JSON.stringify([logId, offset, id])
/** The generation, and how often the head was written. */
export const tagOf = (generation: number, version: number): string => `${generation}.${version}`
export const fromTag = (tag: string): { readonly generation: number; readonly version: number } | undefined => {
  const [, generation, version] = /^(\d+)\.(\d+)$/.exec(tag) ?? []
  return version === undefined ? undefined : { generation: Number(generation), version: Number(version) }
}

export const toRecord = (operation: string, thread: string, row: Row | undefined, now: number): ThreadRecord => {
  const none = { logId: "", offset: 0, id: "", control: null, due: null, tag: "", knock: null, now }
  if (row === undefined) return { head: none, generation: 0, trimmed: 0, pending: undefined }
  const { control, due, generation, knock, pending, place, trimmed, version } = row
  const parse = <A>(value: AttributeValue | undefined, missing: A): A =>
    value?.S === undefined ? missing : (JSON.parse(value.S) as A)
  const counted = Number(generation?.N ?? 0)
  if (version?.N === undefined) throw corrupt(operation, thread, 0, "the head record has no version")
  try {
    // a thread that was knocked at before its first append has a knock alone
    const [logId, offset, id] = parse(place, ["", 0, ""] as const)
    const head: Head = {
      logId,
      offset,
      id,
      control: parse<Json>(control, null),
      due: due?.N === undefined ? null : Number(due.N),
      tag: tagOf(counted, Number(version.N)),
      knock: parse<Head["knock"]>(knock, null),
      now
    }
    return { head, generation: counted, trimmed: Number(trimmed?.N ?? 0), pending: toPending(pending?.M, head) }
  } catch {
    throw corrupt(operation, thread, 0, "the head record is not readable")
  }
}
const toPending = (row: Row | undefined, { id, offset }: Head): Pending | undefined => {
  if (row === undefined) return undefined
  const { notes, save } = row
  return {
    entry: { offset, id, body: fromBody(row["body"]) },
    notes: save?.S === undefined ? (JSON.parse(String(notes?.S)) as readonly Note[]) : { save: save.S }
  }
}

/** Notes as texts of at most a row each. Throws `RecordTooLarge` for a note that fits none. */
export const toChunks = (notes: readonly Note[]): readonly string[] => {
  const chunks: string[] = []
  let held: string[] = []
  let size = 0
  for (const note of notes) {
    const one = JSON.stringify(note)
    const bytes = Buffer.byteLength(one) + 1
    if (bytes > MAX_ROW_BYTES) throw tooLarge("note", bytes, MAX_ROW_BYTES)
    if (size + bytes > MAX_ROW_BYTES) {
      chunks.push(`[${held.join()}]`)
      held = []
      size = 0
    }
    held.push(one)
    size += bytes
  }
  return held.length === 0 ? chunks : [...chunks, `[${held.join()}]`]
}
