/**
 * The index of what is due: rows of one partition, sorted by time, each naming a thread.
 *
 * A row is written before the append that needs it, and only when no row names the thread early enough: it may
 * be too early, never too late. The head says which row counts. Whoever asks what is due checks the heads, so
 * an early row costs one read; a row that no head knows is deleted once no append can still be about to use it.
 */
import { randomBytes } from "node:crypto"
import type { Append } from "../../../src/ports/ThreadLog.ts"
import { DUE_PARTITION, dueKey, HEAD_KEY, partitionOf } from "./keys.ts"
import { asciiJson, toRecord } from "./rows.ts"
import type { ThreadRecord } from "./rows.ts"
import type { Entity, Table } from "./table.ts"

/** No append takes this long: requests end after seconds. */
const ORPHAN_MILLIS = 60 * 60 * 1000
const CONCURRENT_READS = 16

type Indexed = ThreadRecord["indexed"]
/** The index row that will count after this append; writes it when it has to be a new one. */
export const indexDue = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  append: Append,
  indexed: Indexed,
  now: number
): Promise<Indexed> => {
  const { due, expected } = append
  if (due === null) return null
  const early = indexed !== null && indexed.at <= due
  // A row whose time has passed makes every look at the index read the head: move it when due moves.
  const spent = indexed !== null && indexed.at < now && due > indexed.at && due !== expected.due
  if (early && !spent) return indexed
  const row = dueKey(due, randomBytes(8).toString("hex"))
  await table.merge(signal, { partitionKey: DUE_PARTITION, rowKey: row, thread: asciiJson(thread), made: String(now) })
  return { at: Math.floor(due), row }
}

export const dueThreads = async (
  table: Table,
  signal: AbortSignal,
  before: number,
  limit: number,
  now: number
): Promise<readonly string[]> => {
  const found = new Set<string>()
  const look = async (row: Entity): Promise<void> => {
    const thread = JSON.parse(String(row["thread"])) as string
    const { head, indexed } = toRecord("due", thread, await table.get(signal, partitionOf(thread), HEAD_KEY), now)
    if (head.due !== null && head.due < before) found.add(thread)
    else if (indexed?.row !== row.rowKey && now - Number(row["made"]) > ORPHAN_MILLIS) {
      await table.remove(signal, DUE_PARTITION, String(row.rowKey))
    }
  }
  for await (const page of table.pages(signal, DUE_PARTITION, dueKey(0, ""), dueKey(Math.ceil(before), ""))) {
    for (let start = 0; start < page.length && found.size < limit; start += CONCURRENT_READS) {
      await Promise.all(page.slice(start, start + CONCURRENT_READS).map(look))
    }
    if (found.size >= limit) break
  }
  return [...found].slice(0, limit)
}
