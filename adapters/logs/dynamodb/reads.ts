/**
 * Reading a thread from DynamoDB: the head first, then the rows that it speaks of, all of them consistent.
 *
 * What is not in the head was in its rows before the head changed, so nothing falls between the two reads; entries
 * beyond the head are left out.
 */
import { LogError, OffsetExpired } from "../../../src/ports/LogError.ts"
import type { Note, ReadOptions, ReadResult, StoredEntry } from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { corrupt } from "./failures.ts"
import { dueShards, entryKey, noteKey, notePrefix, offsetOf, partitionOf } from "./keys.ts"
import { contended, missing, pendingNotes, readRecord } from "./pending.ts"
import { toEntry, toNote, type ThreadRecord } from "./rows.ts"
import { DUE_INDEX } from "./settings.ts"
import type { Table } from "./table.ts"

const MAX_ATTEMPTS = 5
const PAGE_ROWS = 1_000

export const readEntries = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  after: number,
  options: ReadOptions,
  now: () => number
): Promise<ReadResult> => {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const record = await readRecord(table, signal, "read", thread, now)
    const { generation, head, trimmed } = record
    if (after >= head.offset) return { entries: [], head }
    if (trimmed > after)
      throw new LogError({ operation: "read", reason: new OffsetExpired({ firstOffset: trimmed + 1 }) })
    const found = await collect(table, signal, thread, after, options, record)
    if (typeof found !== "number") return { entries: found, head }
    // a hole: it was trimmed or dropped meanwhile, or it is damage
    const again = await readRecord(table, signal, "read", thread, now)
    if (again.generation === generation && again.trimmed < found) throw missing("read", thread, found)
  }
  throw contended("read")
}
/** Entries after `after`, or the offset of the one that is missing. */
const collect = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  after: number,
  { limit, maxBytes }: ReadOptions,
  { generation, head, pending }: ThreadRecord
): Promise<readonly StoredEntry[] | number> => {
  const entries: StoredEntry[] = []
  let bytes = 0
  /** Whether there is room for more. */
  const take = (entry: StoredEntry): boolean => {
    bytes += Buffer.byteLength(entry.body)
    if (entries.length >= limit || (bytes > maxBytes && entries.length > 0)) return false
    entries.push(entry)
    return true
  }
  const last = pending === undefined ? head.offset : head.offset - 1
  const next = () => after + 1 + entries.length
  if (last > after) {
    const [from, to] = [entryKey(generation, after + 1), entryKey(generation, last)]
    // one more than wanted says whether there are more
    const rows = Math.min(PAGE_ROWS, Math.max(1, limit) + 1)
    for await (const page of table.between(signal, partitionOf(thread), from, to, rows)) {
      for (const row of page) {
        if (offsetOf(String(row["sk"]?.S)) !== next()) return next()
        if (!take(toEntry("read", thread, next(), row))) return entries
      }
    }
    if (next() <= last) return next()
  }
  if (pending !== undefined) take(pending.entry)
  const newest = entries.at(-1)
  if (newest?.offset === head.offset && newest.id !== head.id)
    throw corrupt("read", thread, head.offset, "the head names another entry than the newest")
  return entries
}

/** Notes that stand in the head, unless they went to their rows after the head was read. */
const notesInHead = async (table: Table, signal: AbortSignal, thread: string, record: ThreadRecord) => {
  const { generation, pending } = record
  return pending === undefined ? [] : ((await pendingNotes(table, signal, thread, generation, pending)) ?? [])
}
export const readNote = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  key: string,
  now: () => number
): Promise<Json | undefined> => {
  const record = await readRecord(table, signal, "note", thread, now)
  const inHead = (await notesInHead(table, signal, thread, record)).find((note) => note.key === key)
  if (inHead !== undefined) return inHead.value
  const row = await table.get(signal, partitionOf(thread), noteKey(record.generation, key))
  return row === undefined ? undefined : toNote(row)?.value
}
export const readNotes = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  prefix: string,
  now: () => number
): Promise<readonly Note[]> => {
  const record = await readRecord(table, signal, "notes", thread, now)
  const inHead = await notesInHead(table, signal, thread, record)
  const rows = await table.beginning(signal, partitionOf(thread), notePrefix(record.generation, prefix))
  const byKey = new Map<string, Note>()
  for (const note of [...rows.map(toNote), ...inHead])
    if (note !== undefined && note.key.startsWith(prefix)) byKey.set(note.key, note)
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** The index follows the heads within a moment. */
export const dueThreads = async (
  table: Table,
  signal: AbortSignal,
  before: number,
  limit: number
): Promise<readonly string[]> => {
  const found: { readonly thread: string; readonly at: number }[] = []
  const look = async (shard: string): Promise<void> => {
    let seen = 0
    const pages = table.query(signal, {
      IndexName: DUE_INDEX,
      KeyConditionExpression: "dueShard = :shard AND due < :before",
      ExpressionAttributeValues: { ":shard": { S: shard }, ":before": { N: String(before) } },
      Limit: limit
    })
    for await (const page of pages) {
      for (const { due, thread } of page) found.push({ thread: JSON.parse(String(thread?.S)), at: Number(due?.N) })
      seen += page.length
      if (seen >= limit) break
    }
  }
  await Promise.all(dueShards.map(look))
  return found
    .sort((a, b) => a.at - b.at)
    .slice(0, limit)
    .map(({ thread }) => thread)
}
