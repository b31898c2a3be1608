/**
 * The append: one conditional write of the head, which brings entry and notes with it.
 *
 * Before it, the entry of the expected head and its notes are in rows of their own, so that a note that exists is found;
 * after it, what was brought goes to its rows, and nobody waits for that.
 */
import { randomUUID } from "node:crypto"
import type { Append, AppendResult, Note } from "../../../src/ports/ThreadLog.ts"
import { isConflict, tooLarge, unknownUnlessTooLarge } from "./failures.ts"
import { chunkKey, dueShardOf, HEAD_KEY, noteKey, partitionOf, saveKey } from "./keys.ts"
import { readRecord, settle } from "./pending.ts"
import {
  bodyBytes,
  fromTag,
  json,
  MAX_ROW_BYTES,
  number,
  pendingOf,
  placeOf,
  tagOf,
  text,
  toChunks,
  toNote,
  type Pending
} from "./rows.ts"
import type { Row, Table } from "./table.ts"

const MAX_KNOWN = 1_000

/** What this process appended last to each thread, and the writing of it to its own rows. */
export type Settling = Map<string, { readonly place: string; readonly done: Promise<boolean> }>

/** Throws what can never succeed. `settling` is kept by the caller, for one store. */
export const appendEntry = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  { control, due, entry, expected, logId, notes }: Append,
  now: () => number,
  settling: Settling
): Promise<AppendResult> => {
  const isNew = expected.tag === ""
  const tag = isNew ? { generation: 0, version: 0 } : fromTag(expected.tag)
  if (tag === undefined || (isNew && (expected.offset !== 0 || expected.logId !== ""))) return { _tag: "Conflict" }
  const { generation } = tag
  const partition = partitionOf(thread)
  const controlText = JSON.stringify(control)
  const size = bodyBytes(entry.body) + Buffer.byteLength(controlText)
  if (size > MAX_ROW_BYTES) throw tooLarge("entry and control", size, MAX_ROW_BYTES)
  const noteBytes = notes.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(notes))
  const chunks = size + noteBytes > MAX_ROW_BYTES ? toChunks(notes) : []
  const pending: Pending = { entry, notes: chunks.length > 0 ? { save: randomUUID() } : notes }
  const save = "save" in pending.notes ? saveKey("s", generation, pending.notes.save) : ""
  const forget = () => removeChunks(table, partition, save)
  try {
    if (!(await isSettled(table, signal, thread, expected, now, settling))) return { _tag: "Conflict" }
    if (await anyExists(table, signal, partition, generation, notes)) return { _tag: "Conflict" }
    await table.each([...chunks.entries()], ([n, chunk]) =>
      table.put(signal, partition, chunkKey(save, n), { notes: text(chunk) })
    )
  } catch (cause) {
    forget()
    return unknownUnlessTooLarge(cause, size + noteBytes, MAX_ROW_BYTES)
  }
  const place = { logId, offset: entry.offset, id: entry.id }
  const version = tag.version + 1
  const set: Record<string, Row[string]> = {
    version: number(version),
    generation: number(generation),
    place: text(placeOf(place)),
    control: text(controlText),
    pending: pendingOf(pending),
    thread: json(thread),
    ...(due === null ? {} : { due: number(due), dueShard: text(dueShardOf(thread)) })
  }
  const assignments = Object.keys(set).map((name) => `#${name} = :${name}`)
  const change = `SET ${assignments.join(", ")} REMOVE #knock${due === null ? ", #due, #dueShard" : ""}`
  const values: Record<string, Row[string]> = Object.fromEntries(
    Object.entries(set).map(([name, value]) => [`:${name}`, value])
  )
  let when = "attribute_not_exists(#pk)"
  if (!isNew) {
    values[":was"] = number(tag.version)
    // it grows with every write of the head, also with `drop`
    when = "#version = :was AND "
    if (expected.logId === "") when += "attribute_not_exists(#place)"
    else {
      values[":from"] = text(placeOf(expected))
      when += "#place = :from"
    }
  }
  try {
    await table.update(signal, partition, HEAD_KEY, change, { when, values })
  } catch (cause) {
    // without an answer they may be needed
    if (isConflict(cause)) forget()
    return isConflict(cause) ? { _tag: "Conflict" } : unknownUnlessTooLarge(cause, size + noteBytes, MAX_ROW_BYTES)
  }
  // not waited for: until the next append the head has it
  const done = settle(table, new AbortController().signal, thread, generation, pending, notes).then(
    () => true,
    () => false
  )
  settling.delete(thread)
  settling.set(thread, { place: placeOf(place), done })
  for (const [oldest] of settling) {
    if (settling.size <= MAX_KNOWN) break
    settling.delete(oldest)
  }
  return {
    _tag: "Appended",
    head: { ...place, control, due, tag: tagOf(generation, version), knock: null, now: now() }
  }
}
/** Sees to it that the entry of the expected head is in its row; `false` where the head is another one. */
const isSettled = async (
  table: Table,
  signal: AbortSignal,
  thread: string,
  expected: Append["expected"],
  now: () => number,
  settling: Settling
): Promise<boolean> => {
  if (expected.offset === 0) return true
  const known = settling.get(thread)
  if (known?.place === placeOf(expected) && (await known.done)) return true
  const { generation, head, pending } = await readRecord(table, signal, "append", thread, now)
  if (head.tag !== expected.tag || placeOf(head) !== placeOf(expected)) return false
  if (pending !== undefined) await settle(table, signal, thread, generation, pending)
  return true
}
/** Whether one of the notes is there. Every note of the expected head is in a row by now, and a later head conflicts. */
const anyExists = async (
  table: Table,
  signal: AbortSignal,
  partition: string,
  generation: number,
  notes: readonly Note[]
): Promise<boolean> => {
  let found = new Set(notes.map(({ key }) => key)).size < notes.length
  await table.each(notes, async ({ key }) => {
    const row = await table.get(signal, partition, noteKey(generation, key))
    if (row !== undefined && toNote(row) !== undefined) found = true
  })
  return found
}
const removeChunks = (table: Table, partition: string, save: string): void => {
  if (save === "") return
  // what stays is deleted with the thread
  void table.removeBetween(new AbortController().signal, partition, save, `${save}~`).catch(() => {})
}
