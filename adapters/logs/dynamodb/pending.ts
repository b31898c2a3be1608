/**
 * What the newest append brought stands in the head, which makes an append one conditional write; before the next append
 * it is written to rows of its own. Whoever finds it there can do that, any number of times.
 *
 * A row is made only where there is none, or one of an earlier append: a writer that comes late changes nothing that
 * was erased meanwhile.
 */
import { LogError, LogUnavailable } from "../../../src/ports/LogError.ts"
import type { Note } from "../../../src/ports/ThreadLog.ts"
import { corrupt, isConflict } from "./failures.ts"
import { entryKey, HEAD_KEY, noteKey, partitionOf, saveKey } from "./keys.ts"
import { entryRow, noteRow, number, placeOf, toRecord, type Pending, type ThreadRecord } from "./rows.ts"
import type { Condition, Table } from "./table.ts"

const MAX_ATTEMPTS = 10

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

/** `undefined`: they are in rows of their own by now. */
export const pendingNotes = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  generation: number,
  { notes }: Pending
): Promise<readonly Note[] | undefined> => {
  if (!("save" in notes)) return notes
  const chunks = await table.beginning(signal, partitionOf(thread), saveKey("s", generation, notes.save))
  if (chunks.length === 0) return undefined
  return chunks.flatMap((row) => JSON.parse(String(row["notes"]?.S)) as readonly Note[])
}

/** Writes it to its rows. `known`: its notes, where they are in memory. */
export const settle = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  generation: number,
  pending: Pending,
  known?: readonly Note[]
): Promise<void> => {
  const partition = partitionOf(thread)
  const { entry } = pending
  const unlessThere = async (sk: string, row: Parameters<Table["put"]>[3], condition: Condition) => {
    try {
      await table.put(signal, partition, sk, row, condition)
    } catch (cause) {
      if (!isConflict(cause)) throw cause
    }
  }
  const notes = known ?? (await pendingNotes(table, signal, thread, generation, pending)) ?? []
  const older = { when: "attribute_not_exists(#pk) OR #at < :at", values: { ":at": number(entry.offset) } }
  await Promise.all([
    unlessThere(entryKey(generation, entry.offset), entryRow(entry), { when: "attribute_not_exists(#pk)" }),
    table.each(notes, (note) => unlessThere(noteKey(generation, note.key), noteRow(note, entry.offset), older))
  ])
  if ("save" in pending.notes) {
    const save = saveKey("s", generation, pending.notes.save)
    await table.removeBetween(signal, partition, save, `${save}~`)
  }
}

/** Leaves nothing in the head but the head. Answers what it then is. */
export const emptyHead = async (
  table: Table,
  signal: AbortSignal,
  operation: string,
  thread: string,
  now: () => number
): Promise<ThreadRecord> => {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const record = await readRecord(table, signal, operation, thread, now)
    if (record.pending === undefined) return record
    await settle(table, signal, thread, record.generation, record.pending)
    const values = { ":place": { S: placeOf(record.head) } }
    try {
      await table.update(signal, partitionOf(thread), HEAD_KEY, "REMOVE #pending", { when: "#place = :place", values })
      return { ...record, pending: undefined }
    } catch (cause) {
      if (!isConflict(cause)) throw cause
    }
  }
  throw contended(operation)
}
export const contended = (operation: string): LogError =>
  new LogError({ operation, reason: new LogUnavailable({ cause: new Error("others kept writing to the thread") }) })

export const missing = (operation: string, thread: string, offset: number): LogError =>
  corrupt(operation, thread, offset, "the entry is missing")
