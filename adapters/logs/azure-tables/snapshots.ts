/**
 * Snapshots in Azure Tables: rows of up to 960 KiB, several for one snapshot, each save under a name of its own.
 *
 * A save counts once all its rows are there; of those the one with the highest offset, and of several at one
 * offset the newest save, is the snapshot. Others are deleted after a save. Head and snapshot come in one query.
 */
import { randomBytes } from "node:crypto"
import type { Snapshot } from "../../../src/ports/ThreadLog.ts"
import { AFTER_SNAPSHOTS_KEY, HEAD_KEY, isOf, offsetOf, partitionOf, snapshotKey, snapshotOf } from "./keys.ts"
import { CHUNK_BYTES, fromChunks, MAX_CHUNKS, toChunks, toRecord, wireBytes } from "./rows.ts"
import type { ThreadRecord } from "./rows.ts"
import { batches } from "./table.ts"
import type { Entity, NewEntity, Table } from "./table.ts"

const ROW_BYTES = CHUNK_BYTES * MAX_CHUNKS

export interface Found {
  readonly record: ThreadRecord
  /** Rows of the snapshot that counts, in order; empty when there is none. */
  readonly rows: readonly Entity[]
  /** Every snapshot row of the thread. */
  readonly all: readonly Entity[]
}
/** With `whole: false` the rows come without their content. */
export const findSnapshot = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  now: number,
  whole: boolean
): Promise<Found> => {
  const select = whole ? undefined : ["head", "control", "knock", "of"]
  const [first, ...rest] = await table.range(signal, partitionOf(thread), HEAD_KEY, AFTER_SNAPSHOTS_KEY, select)
  const hasHead = first?.rowKey === HEAD_KEY
  const record = toRecord("snapshot", thread, hasHead ? first : undefined, now)
  const all = hasHead ? rest : first === undefined ? [] : [first, ...rest]
  const saves = new Map<string, Entity[]>()
  for (const row of all) {
    if (!isOf(String(row.rowKey), record.generation)) continue
    const save = snapshotOf(String(row.rowKey))
    saves.set(save, [...(saves.get(save) ?? []), row])
  }
  let rows: readonly Entity[] = []
  for (const save of saves.values()) if (save.length === save[0]?.["of"]) rows = save
  return { record, rows, all }
}
export const snapshotOffset = ({ rows }: Found): number =>
  rows[0] === undefined ? 0 : offsetOf(String(rows[0].rowKey))
/** `undefined` for one that is not readable: it is derived, and made again from the log. */
export const toSnapshot = ({ rows }: Found): Snapshot | undefined => {
  if (rows.length === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(rows.map(fromChunks)).toString()) as Snapshot
  } catch {
    return undefined
  }
}

export const saveSnapshot = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  snapshot: Snapshot,
  now: number
): Promise<void> => {
  const found = await findSnapshot(table, signal, thread, now, false)
  const { head, generation } = found.record
  if (snapshot.logId !== head.logId || snapshot.offset > head.offset || snapshot.offset < snapshotOffset(found)) return
  const bytes = Buffer.from(JSON.stringify(snapshot))
  const of = Math.ceil(bytes.length / ROW_BYTES)
  const partitionKey = partitionOf(thread)
  // Sorts by time, so that of two saves at one offset the newer counts.
  const save = `${String(now).padStart(15, "0")}-${randomBytes(4).toString("hex")}`
  const batch = batches(table, signal)
  for (let n = 0; n < of; n++) {
    const rowKey = snapshotKey(generation, snapshot.offset, save, n)
    const row: NewEntity = { partitionKey, rowKey, of, ...toChunks(bytes.subarray(n * ROW_BYTES, (n + 1) * ROW_BYTES)) }
    await batch.add(["create", row], wireBytes(row))
  }
  await batch.submit()
  // asked anew: another save may have come before this one, which then is what goes
  const { all, rows } = await findSnapshot(table, signal, thread, now, false)
  const counts = String(rows[0]?.rowKey ?? "")
  await table.removeAll(
    signal,
    partitionKey,
    all.map((row) => String(row.rowKey)).filter((rowKey) => rowKey < counts)
  )
}
