/** What keeps a thread in DynamoDB small: trim, erase, drop. Each may be called again where it failed. */
import type { Erase } from "../../../src/ports/ThreadLog.ts"
import { corrupt, isConflict } from "./failures.ts"
import { entryKey, generationOf, HEAD_KEY, noteKey, offsetOf, partitionOf } from "./keys.ts"
import { contended, emptyHead, readRecord } from "./pending.ts"
import { entryRow, fromTag, json, number, placeOf, text, toEntry } from "./rows.ts"
import { snapshotOffset } from "./snapshots.ts"
import type { Table } from "./table.ts"

const MAX_ATTEMPTS = 10

/** First the marker, which makes entries up to it unreadable at once; then they are deleted, with what earlier trims left. */
export const trimEntries = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  offset: number,
  now: () => number
): Promise<number> => {
  const { generation, trimmed } = await emptyHead(table, signal, "trim", thread, now)
  const to = Math.min(offset, await snapshotOffset(table, signal, thread, generation))
  const partition = partitionOf(thread)
  if (to > trimmed) {
    try {
      await table.update(signal, partition, HEAD_KEY, "SET #trimmed = :to", {
        when: "#generation = :of AND (attribute_not_exists(#trimmed) OR #trimmed < :to)",
        values: { ":to": number(to), ":of": number(generation) }
      })
    } catch (cause) {
      // somebody trimmed further, or dropped it
      if (!isConflict(cause)) throw cause
      return (await readRecord(table, signal, "trim", thread, now)).trimmed
    }
  }
  const reached = Math.max(to, trimmed)
  if (reached > 0) await table.removeBetween(signal, partition, entryKey(generation, 1), entryKey(generation, reached))
  return reached
}

export const eraseEntries = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  { from, noteKeys, to, tombstone }: Erase,
  now: () => number
): Promise<void> => {
  const { generation, head } = await emptyHead(table, signal, "erase", thread, now)
  const partition = partitionOf(thread)
  // first: which notes belong to these entries can be told as long as they are whole
  await table.each(noteKeys, async (key) => {
    try {
      await table.update(signal, partition, noteKey(generation, key), "SET #at = :at REMOVE #value, #key", {
        when: "attribute_exists(#pk)",
        values: { ":at": number(head.offset) }
      })
    } catch (cause) {
      if (!isConflict(cause)) throw cause
    }
  })
  for await (const page of table.between(signal, partition, entryKey(generation, from), entryKey(generation, to))) {
    await table.each(page, async (row) => {
      const sk = String(row["sk"]?.S)
      const entry = toEntry("erase", thread, offsetOf(sk), row)
      const erased = entryRow({ ...entry, body: tombstone(entry) })
      try {
        await table.put(signal, partition, sk, erased, { when: "attribute_exists(#pk)" })
      } catch (cause) {
        // trimmed meanwhile
        if (!isConflict(cause)) throw cause
      }
    })
  }
}

/** The next generation begins when the head is replaced; everything before it is deleted afterwards. */
export const dropThread = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  logId: string,
  now: () => number
): Promise<void> => {
  const partition = partitionOf(thread)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { generation, head } = await readRecord(table, signal, "drop", thread, now)
    const tag = fromTag(head.tag)
    if (tag === undefined && head.tag !== "") throw corrupt("drop", thread, 0, "the head record is not readable")
    const next = {
      version: number((tag?.version ?? 0) + 1),
      generation: number(generation + 1),
      place: text(placeOf({ logId, offset: 0, id: "" })),
      thread: json(thread)
    }
    try {
      await table.put(
        signal,
        partition,
        HEAD_KEY,
        next,
        tag === undefined
          ? { when: "attribute_not_exists(#pk)" }
          : { when: "#version = :was", values: { ":was": number(tag.version) } }
      )
    } catch (cause) {
      if (isConflict(cause)) continue
      throw cause
    }
    return table.removeBetween(signal, partition, "a", "z", (sk) => (generationOf(sk) ?? Infinity) <= generation)
  }
  throw contended("drop")
}
