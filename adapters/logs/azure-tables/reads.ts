/**
 * Reading a thread from Azure Tables: entries and head in one range query, notes beside the head.
 *
 * Row keys begin with the thread's generation, which only the head knows. Reads guess the first (few threads are
 * ever dropped) and ask again when the head that came with the answer says otherwise.
 */
import { LogError, LogUnavailable, OffsetExpired } from "../../../src/ports/LogError.ts"
import type { Note, ReadOptions, ReadResult, StoredEntry } from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { AFTER_HEAD_KEY, entryKey, HEAD_KEY, isOf, noteKey, noteRange, offsetOf, partitionOf, trimKey } from "./keys.ts"
import { corrupt, toEntry, toNote, toRecord } from "./rows.ts"
import type { ThreadRecord } from "./rows.ts"
import type { Entity, Table } from "./table.ts"

export const readRecord = async (
  table: Table,
  signal: AbortSignal,
  operation: string,
  thread: string,
  now: () => number
): Promise<ThreadRecord> => {
  const row = await table.get(signal, partitionOf(thread), HEAD_KEY)
  return toRecord(operation, thread, row, now())
}

/** Runs `work` for the guessed generation and again for the true one, until the head agrees. */
const inGeneration = async <A>(
  operation: string,
  work: (generation: number) => Promise<{ readonly record: ThreadRecord; readonly result: A }>
): Promise<{ readonly record: ThreadRecord; readonly result: A }> => {
  let generation = 0
  for (let attempt = 0; attempt < 5; attempt++) {
    const answer = await work(generation)
    if (answer.record.generation === generation) return answer
    generation = answer.record.generation
  }
  throw new LogError({
    operation,
    reason: new LogUnavailable({ cause: new Error("the thread is being dropped again and again") })
  })
}

export const readEntries = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  after: number,
  options: ReadOptions,
  now: () => number
): Promise<ReadResult> => {
  const partition = partitionOf(thread)
  const { record, result } = await inGeneration("read", async (generation) => {
    const page = await collect(table, signal, thread, generation, after, options)
    const record =
      page.head === undefined
        ? await readRecord(table, signal, "read", thread, now)
        : toRecord("read", thread, page.head, now())
    return { record, result: page }
  })
  const { head, generation } = record
  if (after >= head.offset) return { entries: [], head }
  if (result.first !== after + 1) {
    const marker = await table.get(signal, partition, trimKey(generation))
    const trimmed = Number(marker?.["to"] ?? 0)
    if (trimmed > after)
      throw new LogError({ operation: "read", reason: new OffsetExpired({ firstOffset: trimmed + 1 }) })
    throw corrupt("read", thread, after + 1, "the entry is missing")
  }
  const last = result.entries.at(-1)
  if (result.head !== undefined && !result.cut && (last?.offset !== head.offset || last.id !== head.id)) {
    throw corrupt("read", thread, head.offset, "the head names another entry than the newest")
  }
  return { entries: result.entries, head }
}
const collect = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  generation: number,
  after: number,
  { limit, maxBytes }: ReadOptions
) => {
  const entries: StoredEntry[] = []
  let first: number | undefined
  let head: Entity | undefined
  let cut = false
  let bytes = 0
  const from = entryKey(generation, after + 1)
  // One row more than wanted: it is the head when these are the last entries.
  for await (const page of table.pages(signal, partitionOf(thread), from, AFTER_HEAD_KEY, Math.max(1, limit) + 1)) {
    for (const row of page) {
      const rowKey = String(row.rowKey)
      if (rowKey === HEAD_KEY) head = row
      else if (!isOf(rowKey, generation)) cut = true
      else if (!cut) {
        first ??= offsetOf(rowKey)
        if (first !== after + 1) cut = true
        else {
          const entry = toEntry("read", thread, row, first + entries.length)
          bytes += Buffer.byteLength(entry.body)
          cut = entries.length >= limit || (bytes > maxBytes && entries.length > 0)
          if (!cut) entries.push(entry)
        }
      }
    }
    if (cut) break
  }
  return { entries, first, head, cut }
}

export const readNote = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  key: string,
  now: () => number
): Promise<Json | undefined> => {
  const { result } = await inGeneration("note", async (generation) => {
    const [record, row] = await Promise.all([
      readRecord(table, signal, "note", thread, now),
      table.get(signal, partitionOf(thread), noteKey(generation, key))
    ])
    return { record, result: row }
  })
  return result === undefined ? undefined : toNote(result).value
}
export const readNotes = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  prefix: string,
  now: () => number
): Promise<readonly Note[]> => {
  const { result } = await inGeneration("notes", async (generation) => {
    const [from, before] = noteRange(generation, prefix)
    const [record, rows] = await Promise.all([
      readRecord(table, signal, "notes", thread, now),
      table.range(signal, partitionOf(thread), from, before)
    ])
    return { record, result: rows }
  })
  return result
    .map(toNote)
    .filter((note) => note.key.startsWith(prefix))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}
