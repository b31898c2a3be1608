/** What is read of a thread: each from one statement, each row checked. */
import { LogError, OffsetExpired } from "../../../src/ports/LogError.ts"
import type {
  Head,
  Note,
  ReadOptions,
  ReadResult,
  Snapshot,
  StoredEntry,
  ThreadKey
} from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import type { Database, Row } from "./connection.ts"
import { corrupt } from "./failures.ts"
import { fromKey, HIGHEST, toEntry, toHead, toKey, toNote, toSnapshot, toTrimmed } from "./rows.ts"
import type { Statements } from "./statements.ts"

const byOffset = (a: Row, b: Row): number => Number(a["entry_offset"]) - Number(b["entry_offset"])

const toPage = (thread: ThreadKey, after: number, options: ReadOptions, rows: readonly Row[]): ReadResult => {
  const first = rows.find((row) => row["entry_offset"] === null)
  const head = toHead("read", thread, first)
  const trimmed = toTrimmed("read", thread, first)
  if (after >= head.offset) return { entries: [], head }
  if (after < trimmed) {
    throw new LogError({ operation: "read", reason: new OffsetExpired({ firstOffset: trimmed + 1 }) })
  }
  const found = rows.filter((row) => row !== first).sort(byOffset)
  const wanted = Math.min(options.limit, head.offset - after)
  const entries: StoredEntry[] = []
  for (const row of found.slice(0, wanted)) {
    if (row["body"] === null) return { entries, head }
    entries.push(toEntry("read", thread, row, after + entries.length + 1))
  }
  if (entries.length < wanted) throw corrupt("read", thread, after + entries.length + 1, "the entry is missing")
  const last = entries.at(-1)
  if (last?.offset === head.offset && last.id !== head.id) {
    throw corrupt("read", thread, head.offset, "the head names another entry")
  }
  return { entries, head }
}

export const makeReads = ({ query }: Database, sql: Statements) => ({
  head: async (thread: ThreadKey): Promise<Head> => toHead("head", thread, (await query(sql.head, [toKey(thread)]))[0]),
  read: async (thread: ThreadKey, after: number, options: ReadOptions): Promise<ReadResult> => {
    const rows = await query(sql.read, [toKey(thread), after, options.limit, options.maxBytes])
    return toPage(thread, after, options, rows)
  },
  note: async (thread: ThreadKey, key: string): Promise<Json | undefined> => {
    const [row] = await query(sql.note, [toKey(thread), toKey(key)])
    return row === undefined ? undefined : toNote("note", thread, row).value
  },
  notes: async (thread: ThreadKey, prefix: string): Promise<readonly Note[]> => {
    const rows = await query(sql.notes, [toKey(thread), toKey(prefix), toKey(prefix) + HIGHEST])
    return rows.map((row) => toNote("notes", thread, row)).sort((a, b) => (a.key < b.key ? -1 : 1))
  },
  due: async (before: number, limit: number): Promise<readonly ThreadKey[]> =>
    (await query(sql.due, [before, limit])).map((row) => fromKey(String(row["thread"]))),
  snapshot: async (thread: ThreadKey): Promise<Snapshot | undefined> => {
    const [row] = await query(sql.snapshot, [toKey(thread)])
    const found = toSnapshot(thread, row)
    const trimmed = found === undefined ? toTrimmed("snapshot", thread, row) : 0
    if (trimmed === 0) return found
    throw corrupt("snapshot", thread, trimmed, "the snapshot is missing or damaged, and what it covers was trimmed")
  }
})
