/**
 * Writing a thread to Azure Tables: head, entry and notes in one entity group transaction on the head's ETag.
 */
import type { TransactionAction } from "@azure/data-tables"
import { LogError, LogUnavailable, RecordTooLarge } from "../../../src/ports/LogError.ts"
import type { Append, AppendResult, Erase } from "../../../src/ports/ThreadLog.ts"
import { indexDue } from "./due.ts"
import { AFTER_HEAD_KEY, DUE_PARTITION, entryKey, HEAD_KEY, noteKey, offsetOf, partitionOf, trimKey } from "./keys.ts"
import { readRecord } from "./reads.ts"
import { corrupt, ensureFits, entryEntity, fromTag, headEntity, noteEntity, toEntry, toTag, wireBytes } from "./rows.ts"
import { findSnapshot, snapshotOffset } from "./snapshots.ts"
import { isConflict, isEntryThere, isTooLarge } from "./failures.ts"
import { batches, MAX_ACTIONS, MAX_BATCH_BYTES } from "./table.ts"
import type { NewEntity, Table } from "./table.ts"

const MAX_ATTEMPTS = 10

/** Appends, and calls `cleanUp` with an index row that does not count any more. Throws what can never succeed. */
export const appendEntry = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  append: Append,
  now: () => number,
  cleanUp: (dueRow: string) => void
): Promise<AppendResult> => {
  const { expected, entry, logId, control, due, notes } = append
  const isNew = expected.tag === ""
  const tag = isNew ? { etag: "", generation: 0, indexed: null } : fromTag(expected)
  if (tag === undefined || (isNew && (expected.offset !== 0 || expected.logId !== ""))) return { _tag: "Conflict" }
  const { generation } = tag
  const partitionKey = partitionOf(thread)
  const place = { logId, offset: entry.offset, id: entry.id }
  const changed = isNew || expected.offset === 0 || control !== expected.control
  const rows = (indexed: typeof tag.indexed): readonly NewEntity[] => [
    headEntity(partitionKey, { ...place, due, generation, indexed }, changed ? control : undefined),
    entryEntity(partitionKey, entryKey(generation, entry.offset), entry),
    ...notes.map(({ key, value }) => noteEntity(partitionKey, noteKey(generation, key), key, value))
  ]
  ensureFits("operations of the append", notes.length + 2, MAX_ACTIONS)
  const sizeBytes = rows(tag.indexed).reduce((sum, row) => sum + wireBytes(row), 0)
  ensureFits("append", sizeBytes, MAX_BATCH_BYTES)
  let indexed = tag.indexed
  try {
    indexed = await indexDue(table, signal, thread, append, tag.indexed, now())
  } catch (cause) {
    return { _tag: "Unknown", cause }
  }
  const actions = rows(indexed).map((row, n): TransactionAction =>
    n === 0 && !isNew ? ["update", row, "Merge", { etag: tag.etag }] : ["create", row]
  )
  try {
    const etag = await table.submit(signal, actions)
    if (tag.indexed !== null && indexed?.row !== tag.indexed.row) cleanUp(tag.indexed.row)
    if (etag === undefined) return { _tag: "Unknown", cause: new Error("the service did not say the head's ETag") }
    const next = toTag(etag, { generation, indexed }, place)
    return { _tag: "Appended", head: { ...place, control, due, tag: next, knock: null, now: now() } }
  } catch (cause) {
    if (isEntryThere(cause))
      throw corrupt("append", thread, entry.offset, "the head is before this entry, which is there already")
    // not what is known of its limits; said anyway, so that nobody tries again
    if (isTooLarge(cause)) {
      const reason = new RecordTooLarge({ what: "append", sizeBytes, limitBytes: MAX_BATCH_BYTES })
      throw new LogError({ operation: "append", reason })
    }
    if (!isConflict(cause)) return { _tag: "Unknown", cause }
    if (indexed !== null && indexed.row !== tag.indexed?.row) cleanUp(indexed.row)
    return { _tag: "Conflict" }
  }
}

/**
 * First the marker, which makes entries up to it unreadable at once; then they are deleted. Whoever trims next, however
 * far, deletes what an earlier one left.
 */
export const trimEntries = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  offset: number,
  now: number
): Promise<number> => {
  const partitionKey = partitionOf(thread)
  const found = await findSnapshot(table, signal, thread, now, false)
  const { generation } = found.record
  const wanted = Math.min(offset, snapshotOffset(found))
  const trimmed = await raiseMarker(table, signal, partitionKey, trimKey(generation), wanted)
  if (trimmed > 0) {
    await table.removeRange(signal, partitionKey, entryKey(generation, 1), entryKey(generation, trimmed + 1))
  }
  return trimmed
}
/** The marker never goes back, also when several trim. Answers where it is. */
const raiseMarker = async (
  table: Table,
  signal: AbortSignal,
  partitionKey: string,
  rowKey: string,
  to: number
): Promise<number> => {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const marker = await table.get(signal, partitionKey, rowKey)
    const trimmed = Number(marker?.["to"] ?? 0)
    if (to <= trimmed) return trimmed
    const row = { partitionKey, rowKey, to }
    try {
      await table.submit(signal, [
        marker === undefined ? ["create", row] : ["update", row, "Replace", { etag: marker.etag }]
      ])
      return to
    } catch (cause) {
      if (!isConflict(cause)) throw cause
    }
  }
  throw contended("trim")
}

export const eraseEntries = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  { from, noteKeys, to, tombstone }: Erase,
  now: number
): Promise<void> => {
  const partitionKey = partitionOf(thread)
  const { generation } = await readRecord(table, signal, "erase", thread, () => now)
  // first: which notes belong to these entries can be told as long as they are whole
  await table.removeAll(signal, partitionKey, [...new Set(noteKeys.map((key) => noteKey(generation, key)))])
  const batch = batches(table, signal)
  for await (const page of table.pages(
    signal,
    partitionKey,
    entryKey(generation, from),
    entryKey(generation, to + 1),
    MAX_ACTIONS
  )) {
    for (const row of page) {
      const rowKey = String(row.rowKey)
      const entry = toEntry("erase", thread, row, offsetOf(rowKey))
      const entity = entryEntity(partitionKey, rowKey, { ...entry, body: tombstone(entry) })
      await batch.add(["update", entity, "Replace", { etag: "*" }], wireBytes(entity))
    }
  }
  await batch.submit()
}

/** The next generation begins when the head is replaced; everything before it is deleted afterwards. */
export const dropThread = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  logId: string,
  now: () => number
): Promise<void> => {
  const partitionKey = partitionOf(thread)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { head, generation, indexed } = await readRecord(table, signal, "drop", thread, now)
    const tombstone = headEntity(
      partitionKey,
      { logId, offset: 0, id: "", due: null, generation: generation + 1, indexed: null },
      undefined
    )
    const tag = fromTag(head)
    try {
      await table.submit(signal, [
        tag === undefined ? ["create", tombstone] : ["update", tombstone, "Replace", { etag: tag.etag }]
      ])
    } catch (cause) {
      if (isConflict(cause)) continue
      throw cause
    }
    if (indexed !== null) await table.remove(signal, DUE_PARTITION, indexed.row)
    const next = String(generation + 1).padStart(8, "0")
    const isOld = (rowKey: string) => rowKey.slice(1, 9) < next
    await table.removeRange(signal, partitionKey, "a", HEAD_KEY, isOld)
    return table.removeRange(signal, partitionKey, AFTER_HEAD_KEY, "z", isOld)
  }
  throw contended("drop")
}

const contended = (operation: string): LogError =>
  new LogError({ operation, reason: new LogUnavailable({ cause: new Error("others kept writing to the thread") }) })
