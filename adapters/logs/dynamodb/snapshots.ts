/**
 * Snapshots in DynamoDB: chunks of at most a row, each save under a name of its own, and one row that says which counts.
 *
 * That row is written last, so a save that died does not count, and the one with the highest offset does. Who replaces a
 * save deletes its chunks.
 */
import { randomUUID } from "node:crypto"
import type { Snapshot } from "../../../src/ports/ThreadLog.ts"
import { isConflict } from "./failures.ts"
import { chunkKey, partitionOf, saveKey, SNAPSHOT_KEY } from "./keys.ts"
import { contended, readRecord } from "./pending.ts"
import { MAX_ROW_BYTES, number, text } from "./rows.ts"
import type { Row, Table } from "./table.ts"

const MAX_ATTEMPTS = 5

const isOf = (row: Row | undefined, generation: number): row is Row => Number(row?.["generation"]?.N) === generation
/** Offset of the snapshot that counts; 0 for none. */
export const snapshotOffset = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  generation: number
): Promise<number> => {
  const row = await table.get(signal, partitionOf(thread), SNAPSHOT_KEY)
  return isOf(row, generation) ? Number(row["offset"]?.N) : 0
}

/** `undefined` also for one that is not readable: it is derived, and made again from the log. */
export const readSnapshot = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  now: () => number
): Promise<Snapshot | undefined> => {
  const { generation } = await readRecord(table, signal, "snapshot", thread, now)
  const partition = partitionOf(thread)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const row = await table.get(signal, partition, SNAPSHOT_KEY)
    if (!isOf(row, generation)) return undefined
    const save = String(row["save"]?.S)
    const chunks = await table.beginning(signal, partition, save)
    if (chunks.length === Number(row["of"]?.N)) {
      try {
        const bytes = chunks.map((chunk) => chunk["bytes"]?.B ?? new Uint8Array())
        return JSON.parse(Buffer.concat(bytes).toString()) as Snapshot
      } catch {
        return undefined
      }
    }
    const again = await table.get(signal, partition, SNAPSHOT_KEY)
    if (again?.["save"]?.S === save) return undefined
  }
  throw contended("snapshot")
}

export const saveSnapshot = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  snapshot: Snapshot,
  now: () => number
): Promise<void> => {
  const { generation, head } = await readRecord(table, signal, "saveSnapshot", thread, now)
  if (snapshot.logId !== head.logId || snapshot.offset > head.offset) return
  const partition = partitionOf(thread)
  if (snapshot.offset < (await snapshotOffset(table, signal, thread, generation))) return
  const bytes = Buffer.from(JSON.stringify(snapshot))
  const of = Math.ceil(bytes.length / MAX_ROW_BYTES)
  const save = saveKey("i", generation, randomUUID())
  const forget = (gone: string) => table.removeBetween(signal, partition, gone, `${gone}~`)
  await table.each(
    Array.from({ length: of }, (_, n) => n),
    (n) =>
      table.put(signal, partition, chunkKey(save, n), {
        bytes: { B: bytes.subarray(n * MAX_ROW_BYTES, (n + 1) * MAX_ROW_BYTES) }
      })
  )
  let replaced: Row | undefined
  try {
    replaced = await table.update(
      signal,
      partition,
      SNAPSHOT_KEY,
      "SET #save = :save, #of = :of, #offset = :offset, #generation = :generation",
      {
        when: "attribute_not_exists(#pk) OR #generation < :generation OR (#generation = :generation AND #offset <= :offset)",
        values: {
          ":save": text(save),
          ":of": number(of),
          ":offset": number(snapshot.offset),
          ":generation": number(generation)
        }
      },
      "ALL_OLD"
    )
  } catch (cause) {
    if (!isConflict(cause)) throw cause
    return forget(save)
  }
  const before = replaced?.["save"]?.S
  if (before !== undefined) await forget(before)
}
