/**
 * What writes besides the append: knock, which is one statement, and the transactions that keep a log small.
 *
 * Those begin with the lock of the thread's row of `snapshots`, so that they follow one another; appends go on.
 */
import type { Erase, Head, Snapshot, ThreadKey } from "../../../src/ports/ThreadLog.ts"
import type { Database, Row } from "./connection.ts"
import {
  entrySum,
  headSum,
  snapshotSum,
  toBody,
  toEntry,
  toHead,
  toKey,
  toSnapshot,
  toTrimmed,
  trimSum
} from "./rows.ts"
import type { Statements } from "./statements.ts"

/** Entries of one step of an erasure: 32 MiB at most. */
const ERASE_PAGE = 128

export const makeWrites = (database: Database, sql: Statements) => {
  /** A transaction on what stands beside the entries; `row` is that of `snapshots`, locked. */
  const alone = <A>(
    thread: ThreadKey,
    work: (query: Database["query"], key: string, row: Row | undefined) => Promise<A>
  ) =>
    database.transaction(async (query) => {
      const key = toKey(thread)
      const [row] = await query(sql.lock, [key])
      return work(query, key, row)
    })
  return {
    knock: async (thread: ThreadKey, by: string): Promise<Head> => {
      const key = toKey(thread)
      return toHead("knock", thread, (await database.query(sql.knock, [key, headSum(key, "", 0, ""), toKey(by)]))[0])
    },
    saveSnapshot: (thread: ThreadKey, snapshot: Snapshot): Promise<void> =>
      alone(thread, async (query, key, row) => {
        const newest = toHead("saveSnapshot", thread, (await query(sql.head, [key]))[0])
        if (snapshot.logId !== newest.logId || snapshot.offset > newest.offset) return
        const saved = toSnapshot(thread, row)
        if (saved !== undefined && saved.offset > snapshot.offset) return
        const logId = toKey(snapshot.logId)
        const text = JSON.stringify(snapshot)
        const crc = snapshotSum(key, logId, snapshot.offset, text)
        await query(sql.putSnapshot, [key, logId, snapshot.offset, crc, text])
      }),
    trim: (thread: ThreadKey, offset: number): Promise<number> =>
      alone(thread, async (query, key, row) => {
        const trimmed = toTrimmed("trim", thread, row)
        const to = Math.min(offset, toSnapshot(thread, row)?.offset ?? 0)
        if (to <= trimmed) return trimmed
        await query(sql.trimEntries, [key, to])
        await query(sql.putTrimmed, [key, to, trimSum(key, to)])
        return to
      }),
    erase: (thread: ThreadKey, { from, noteKeys, to, tombstone }: Erase): Promise<void> =>
      alone(thread, async (query, key) => {
        for (let next = from; ;) {
          const rows = await query(sql.page, [key, next, to, ERASE_PAGE])
          const entries = rows.map((row) => toEntry("erase", thread, row, Number(row["entry_offset"])))
          const bodies = entries.map((entry) => toBody(tombstone(entry)))
          const sums = entries.map(({ offset, id }, n) => entrySum(key, offset, toKey(id), bodies[n]!))
          await query(sql.replaceBodies, [key, entries.map(({ offset }) => offset), bodies, sums])
          if (entries.length < ERASE_PAGE) break
          next = entries.at(-1)!.offset + 1
        }
        await query(sql.dropNotes, [key, noteKeys.map(toKey)])
      }),
    drop: (thread: ThreadKey, logId: string): Promise<void> =>
      alone(thread, async (query, key) => {
        await query(sql.dropSnapshot, [key])
        await query(sql.putTrimmed, [key, 0, null])
        await query(sql.dropHead, [key, toKey(logId), headSum(key, toKey(logId), 0, "")])
        await query(sql.dropEntries, [key])
        await query(sql.dropAllNotes, [key])
      })
  }
}
