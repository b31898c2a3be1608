/**
 * Reading a thread from Azure Tables: entries and head in one range query, notes beside the head.
 *
 * Row keys begin with the thread's generation, which only the head knows. Reads guess the first (few threads are
 * ever dropped) and ask again when the head that came with the answer says otherwise.
 */
import { LogError, LogUnavailable, OffsetExpired } from "../../../src/ports/LogError.ts"
import type { Note, ReadOptions, ReadResult } from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import {
  AFTER_ENTRIES_KEY,
  AFTER_HEAD_KEY,
  entryKey,
  HEAD_KEY,
  isOf,
  noteKey,
  noteRange,
  offsetOf,
  partitionOf,
  trimKey
} from "./keys.ts"
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

/** One range query reads to the head; one that ends before it is followed by a second, for head and trim. */
export const readEntries = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  after: number,
  options: ReadOptions,
  now: () => number
): Promise<ReadResult> => {
  const { record, result } = await inGeneration("read", async (generation) => {
    const page = await collect(table, signal, partitionOf(thread), generation, after, options)
    return { record: toRecord("read", thread, page.head, now()), result: page }
  })
  const { head } = record
  const { cut, gap, rows, trimmed } = result
  if (after >= head.offset) return { entries: [], head }
  // Rows that a trim has not deleted yet, or deleted while they were read, are trimmed all the same.
  if (trimmed > after)
    throw new LogError({ operation: "read", reason: new OffsetExpired({ firstOffset: trimmed + 1 }) })
  if (gap || rows.length === 0) throw corrupt("read", thread, after + rows.length + 1, "the entry is missing")
  const entries = rows.map((row, n) => toEntry("read", thread, row, after + 1 + n))
  const last = entries.at(-1)
  if (!cut && (last?.offset !== head.offset || last.id !== head.id)) {
    throw corrupt("read", thread, head.offset, "the head names another entry than the newest")
  }
  return { entries, head }
}
const collect = async (
  table: Table,
  signal: AbortSignal,
  partition: string,
  generation: number,
  after: number,
  { limit, maxBytes }: ReadOptions
) => {
  const rows: Entity[] = []
  /** Whether the entries are not all that there are. */
  let cut = false
  let gap = false
  let bytes = 0
  let head: Entity | undefined
  let trimmed = 0
  const take = (row: Entity): void => {
    const rowKey = String(row.rowKey)
    if (rowKey === HEAD_KEY) head = row
    else if (rowKey === trimKey(generation)) trimmed = Number(row["to"])
    else if (cut || rowKey >= AFTER_ENTRIES_KEY) return
    // What lies behind is another generation's: the head will say so.
    else if (!isOf(rowKey, generation)) cut = true
    else if (offsetOf(rowKey) !== after + 1 + rows.length) cut = gap = true
    else {
      bytes += Number(row["bytes"])
      cut = rows.length >= limit || (bytes > maxBytes && rows.length > 0)
      if (!cut) rows.push(row)
    }
  }
  const from = entryKey(generation, after + 1)
  // Two rows more than wanted: trim and head are there when these are the last entries.
  for await (const page of table.pages(signal, partition, from, AFTER_HEAD_KEY, Math.max(1, limit) + 2)) {
    page.forEach(take)
    if (cut) break
  }
  if (cut && head === undefined) {
    for (const row of await table.range(signal, partition, AFTER_ENTRIES_KEY, AFTER_HEAD_KEY)) take(row)
  }
  return { rows, head, trimmed, gap, cut }
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
