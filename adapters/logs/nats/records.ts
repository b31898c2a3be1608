/**
 * What a message holds: a line of JSON, and after it, where there is one, the entry's body, as it is or, if it has lone
 * surrogates, as JSON.
 *
 * A commit is all that an append writes. A state is a commit without an entry: after a drop, and where the newest commit was
 * rewritten. A knock holds no state; `base` is a commit before it.
 */
import type { Json } from "../../../src/protocol/Json.ts"
import type { Note, StoredEntry } from "../../../src/ports/ThreadLog.ts"

export interface State {
  readonly kind: "commit" | "state"
  readonly thread: string
  readonly logId: string
  readonly offset: number
  readonly id: string
  readonly control: Json
  readonly due: number | null
  /** Those of this append; those of all before are on subjects of their own. */
  readonly notes: readonly Note[]
}
export interface Knock {
  readonly kind: "knock"
  readonly by: string
  readonly base: number
}
export interface NoteRecord {
  readonly key: string
  readonly value?: Json
  /** It was erased. */
  readonly gone?: true
  /** Sequence of the commit that has it, or that was newest when it was erased. */
  readonly at: number
}
export interface TrimRecord {
  readonly logId: string
  readonly offset: number
}
export interface EntryRecord {
  readonly offset: number
  readonly id: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const LINE = 10

export const encode = (record: object, body?: string): Uint8Array => {
  if (body === undefined) return encoder.encode(JSON.stringify(record))
  const isPlain = body.isWellFormed()
  const line = JSON.stringify(isPlain ? record : { ...record, json: true })
  return encoder.encode(`${line}\n${isPlain ? body : JSON.stringify(body)}`)
}
/** Throws for what is not a record. */
export const decode = <A>(data: Uint8Array): { readonly record: A; readonly body: string } => {
  const end = data.indexOf(LINE)
  const line = decoder.decode(end < 0 ? data : data.subarray(0, end))
  const text = end < 0 ? "" : decoder.decode(data.subarray(end + 1))
  const record = JSON.parse(line) as A & { readonly json?: boolean }
  return { record, body: record.json === true ? (JSON.parse(text) as string) : text }
}
export const entryOf = ({ id, offset }: EntryRecord, body: string): StoredEntry => ({ offset, id, body })
