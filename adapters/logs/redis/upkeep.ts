/** What keeps a thread small: trimming and erasing. Long ones go in steps, each atomic and short. */
import type { Erase, ThreadKey } from "../../../src/ports/ThreadLog.ts"
import type { Connection } from "./connection.ts"
import type { ThreadKeys } from "./keys.ts"
import { toText } from "./keys.ts"
import { entryRecord, toEntry, toRecord, toSnapshot, toTrimmed, trimRecord } from "./records.ts"
import type { HeadReply } from "./records.ts"
import { ERASE, READ, SNAPSHOT, TRIM } from "./scripts.ts"

const TRIM_STEP = 5_000
const ERASE_STEP = 500
const ERASE_BYTES = 1024 * 1024

type Text = string | null
/** A saved snapshot's six texts, as the script answers. */
const snapshotTexts = (connection: Connection, keys: ThreadKeys) =>
  connection.run(SNAPSHOT, [keys.snapshot, keys.head], []) as Promise<readonly Text[]>

export const readSnapshot = async (connection: Connection, operation: string, thread: ThreadKey, keys: ThreadKeys) => {
  const texts = await snapshotTexts(connection, keys)
  const [logId = null, trim = null] = texts.slice(4)
  const found = toSnapshot(keys.name, texts)
  return { found, logId, trimmed: toTrimmed(operation, thread, keys.name, logId, trim) }
}

export const trimEntries = async (
  connection: Connection,
  thread: ThreadKey,
  keys: ThreadKeys,
  offset: number
): Promise<number> => {
  const { found, logId, trimmed: already } = await readSnapshot(connection, "trim", thread, keys)
  const goal = Math.min(offset, found?.offset ?? 0)
  let trimmed = already
  while (logId !== null && trimmed < goal) {
    const to = Math.min(goal, trimmed + TRIM_STEP)
    const args = [logId, String(trimmed), String(to), trimRecord(keys.name, logId, to)]
    if ((await connection.run(TRIM, [keys.head, keys.entries, keys.snapshot], args)) === 1) trimmed = to
    else {
      // Someone else trims, erases or drops it.
      const now = await readSnapshot(connection, "trim", thread, keys)
      if (now.logId !== logId || now.trimmed <= trimmed) return now.trimmed
      trimmed = now.trimmed
    }
  }
  return trimmed
}

export const eraseEntries = async (
  connection: Connection,
  thread: ThreadKey,
  keys: ThreadKeys,
  erase: Erase
): Promise<void> => {
  const page = async (after: number) => {
    const args = [after, Math.min(ERASE_STEP, erase.to - after), ERASE_BYTES].map(String)
    const reply = await connection.run(READ, [keys.head, keys.entries], args)
    const [now, fields, stray, entries] = reply as readonly [...HeadReply, readonly Text[]]
    return { ...toRecord("erase", thread, keys.name, [now, fields, stray]), entries }
  }
  let noteKeys = erase.noteKeys.map(toText)
  let after = erase.from - 1
  let logId: string | undefined
  for (;;) {
    const { entries, head, trimmed } = await page(after)
    logId ??= head.logId
    const begin = Math.max(after, trimmed)
    const written = entries.flatMap((record, n) => {
      const entry = toEntry("erase", thread, keys.name, begin + n + 1, record)
      return [String(entry.offset), entryRecord(keys.name, { ...entry, body: erase.tombstone(entry) })]
    })
    const done = await connection.run(
      ERASE,
      [keys.head, keys.entries, keys.notes, keys.noteKeys],
      [toText(logId), String(noteKeys.length), ...noteKeys, ...written]
    )
    noteKeys = []
    const next = begin + entries.length
    if (done === 0 || next >= erase.to || (entries.length === 0 && begin === after)) return
    after = next
  }
}
