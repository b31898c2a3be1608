/**
 * Entities of the Azure Tables log: how heads, entries and notes become properties, and what sizes they may have.
 *
 * Azure takes 64 KiB a property and 1 MiB an entity. Azurite does not check it, so it is checked here. Texts go
 * in as Binary: a string property holds UTF-16 and counts twice.
 */
import { LogCorrupt, LogError, RecordTooLarge } from "../../../src/ports/LogError.ts"
import type { Head, StoredEntry } from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { HEAD_KEY, offsetOf } from "./keys.ts"
import type { Entity, NewEntity } from "./table.ts"

export const CHUNK_BYTES = 64 * 1024
/** 15 chunks leave 64 KiB of the entity for keys, names and the rest. */
export const MAX_CHUNKS = 15

export const ensureFits = (what: string, sizeBytes: number, limitBytes: number): void => {
  if (sizeBytes > limitBytes)
    throw new LogError({ operation: "append", reason: new RecordTooLarge({ what, sizeBytes, limitBytes }) })
}
export const corrupt = (operation: string, thread: string, offset: number, problem: string): LogError =>
  new LogError({ operation, reason: new LogCorrupt({ thread, offset, problem }) })

/** A text's bytes; UTF-16 where it has no UTF-8. */
export const encode = (text: string): { readonly bytes: Buffer; readonly wide: number } =>
  text.isWellFormed() ? { bytes: Buffer.from(text), wide: 0 } : { bytes: Buffer.from(text, "utf16le"), wide: 1 }
/** JSON in plain ASCII, for string properties: servers split a batch's text in ways that U+2028 upsets. */
export const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
export const toChunks = (bytes: Uint8Array): Record<string, Uint8Array> => {
  const chunks: Record<string, Uint8Array> = {}
  for (let n = 0; n * CHUNK_BYTES < bytes.length; n++)
    chunks[`b${n}`] = bytes.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES)
  return chunks
}
export const fromChunks = (entity: Entity): Buffer => {
  const chunks: Uint8Array[] = []
  for (let n = 0; entity[`b${n}`] instanceof Uint8Array; n++) chunks.push(entity[`b${n}`] as Uint8Array)
  return Buffer.concat(chunks)
}
const textOf = (entity: Entity): string => fromChunks(entity).toString(entity["wide"] === 1 ? "utf16le" : "utf8")

/** What the head row says besides the port's head. */
export interface ThreadRecord {
  readonly head: Head
  /** How often the thread was dropped. */
  readonly generation: number
  /** The row of the due index that names this thread no later than `due`; `null` when there is none. */
  readonly indexed: { readonly at: number; readonly row: string } | null
}
/** The tag holds what the next append needs to know and what it compares before it asks the service. */
interface Tag {
  readonly etag: string
  readonly generation: number
  readonly indexed: ThreadRecord["indexed"]
  readonly at: string
}
const placeOf = (head: Pick<Head, "logId" | "offset" | "id">): string =>
  JSON.stringify([head.logId, head.offset, head.id])
export const toTag = (
  etag: string,
  record: Pick<ThreadRecord, "generation" | "indexed">,
  head: Pick<Head, "logId" | "offset" | "id">
): string =>
  JSON.stringify({ etag, generation: record.generation, indexed: record.indexed, at: placeOf(head) } satisfies Tag)
/** `undefined`: the tag was not given with this head, so the head cannot be the stored one. */
export const fromTag = (head: Head): Tag | undefined => {
  try {
    const tag = JSON.parse(head.tag) as Tag
    return tag.at === placeOf(head) ? tag : undefined
  } catch {
    return undefined
  }
}

interface HeadText {
  readonly v: 1
  readonly logId: string
  readonly offset: number
  readonly id: string
  readonly due: number | null
  readonly generation: number
  readonly indexed: ThreadRecord["indexed"]
}
/** The head row. Without `control` it keeps the stored one: the row is merged. */
export const headEntity = (partitionKey: string, text: Omit<HeadText, "v">, control: Json | undefined): NewEntity => {
  const entity: NewEntity = {
    partitionKey,
    rowKey: HEAD_KEY,
    head: asciiJson({ v: 1, ...text } satisfies HeadText),
    knock: ""
  }
  if (control === undefined) return entity
  const bytes = Buffer.from(JSON.stringify(control))
  ensureFits("control", bytes.length, CHUNK_BYTES)
  return { ...entity, control: bytes }
}
export const emptyRecord = (now: number): ThreadRecord => ({
  head: { logId: "", offset: 0, id: "", control: null, due: null, tag: "", knock: null, now },
  generation: 0,
  indexed: null
})
export const toRecord = (operation: string, thread: string, entity: Entity | undefined, now: number): ThreadRecord => {
  if (entity === undefined) return emptyRecord(now)
  const { head: text, knock, control } = entity
  const none = { logId: "", offset: 0, id: "", due: null, generation: 0, indexed: null }
  let parsed: Omit<HeadText, "v">
  let value: Json
  let waiting: Head["knock"]
  try {
    // A thread that was knocked at before its first append has a knock alone.
    parsed = typeof text === "string" ? (JSON.parse(text) as HeadText) : none
    value = control instanceof Uint8Array ? (JSON.parse(Buffer.from(control).toString()) as Json) : null
    waiting = typeof knock === "string" && knock !== "" ? (JSON.parse(knock) as Head["knock"]) : null
  } catch {
    throw corrupt(operation, thread, 0, "the head record is not readable")
  }
  if ("v" in parsed && parsed.v !== 1)
    throw corrupt(operation, thread, 0, `the head record has version ${String(parsed.v)}`)
  const { logId, offset, id, due, generation, indexed } = parsed
  const tag = toTag(entity.etag, { generation, indexed }, { logId, offset, id })
  return { head: { logId, offset, id, control: value, due, tag, knock: waiting, now }, generation, indexed }
}

export const entryEntity = (partitionKey: string, rowKey: string, entry: StoredEntry): NewEntity => {
  const { bytes, wide } = encode(entry.body)
  ensureFits("entry", bytes.length, MAX_CHUNKS * CHUNK_BYTES)
  return { partitionKey, rowKey, id: asciiJson(entry.id), bytes: bytes.length, wide, ...toChunks(bytes) }
}
export const toEntry = (operation: string, thread: string, entity: Entity, expectedOffset: number): StoredEntry => {
  const offset = offsetOf(String(entity.rowKey))
  if (offset !== expectedOffset) throw corrupt(operation, thread, expectedOffset, "the entry is missing")
  const { id, bytes } = entity
  if (typeof id !== "string" || fromChunks(entity).length !== bytes)
    throw corrupt(operation, thread, offset, "the entry is not whole")
  return { offset, id: JSON.parse(id) as string, body: textOf(entity) }
}
export const noteEntity = (partitionKey: string, rowKey: string, key: string, value: Json): NewEntity => {
  const bytes = Buffer.from(JSON.stringify(value))
  ensureFits(`note ${key.slice(0, 64)}`, bytes.length, CHUNK_BYTES)
  return { partitionKey, rowKey, key: asciiJson(key), b0: bytes }
}
export const toNote = (entity: Entity): { readonly key: string; readonly value: Json } => ({
  key: JSON.parse(String(entity["key"])) as string,
  value: JSON.parse(textOf(entity)) as Json
})
/** About the size of an entity in the body of a batch, where Binary is Base64. */
export const wireBytes = (entity: NewEntity): number => {
  let bytes = 1_024
  for (const value of Object.values(entity)) {
    if (value instanceof Uint8Array) bytes += Math.ceil(value.length / 3) * 4 + 64
    else if (typeof value === "string") bytes += Buffer.byteLength(JSON.stringify(value)) + 64
  }
  return bytes
}
