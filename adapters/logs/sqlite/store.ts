/**
 * The SQLite log without Effect: one connection, one transaction per write. Throws what `failures.ts` knows.
 *
 * Everything is synchronous, so no transaction is ever open across two turns of the event loop and one
 * connection serves all threads of a process.
 */
import type { DatabaseSync } from "node:sqlite"
import { LogError, OffsetExpired } from "../../../src/ports/LogError.ts"
import type {
  Append,
  Head,
  Note,
  ReadOptions,
  ReadResult,
  Snapshot,
  Erase,
  StoredEntry,
  ThreadKey
} from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { corrupt } from "./failures.ts"
import {
  entrySum,
  fromKey,
  headSum,
  noteSum,
  snapshotSum,
  stateSum,
  toBody,
  toEntry,
  toKey,
  toNote,
  toRecord,
  toSnapshot
} from "./rows.ts"
import type { Row, ThreadRecord } from "./rows.ts"
import { prepare } from "./statements.ts"

export interface AppendRequest {
  readonly thread: ThreadKey
  readonly append: Append
  readonly now: number
}
export const makeStore = (db: DatabaseSync) => {
  const sql = prepare(db)

  const within = <A>(begin: { run(): unknown }, work: () => A): A => {
    begin.run()
    try {
      const result = work()
      sql.commit.run()
      return result
    } finally {
      if (db.isTransaction) sql.rollback.run()
    }
  }
  const reading = <A>(work: () => A): A => within(sql.beginRead, work)
  const writing = <A>(work: () => A): A => within(sql.beginWrite, work)

  const record = (operation: string, thread: ThreadKey, now: number): ThreadRecord | undefined => {
    const key = toKey(thread)
    const row = sql.head.get(key)
    if (row !== undefined) return toRecord(operation, thread, row, now)
    if (sql.anyEntry.get(key) !== undefined) throw corrupt(operation, thread, 0, "there are entries but no head")
    return undefined
  }
  const head = (operation: string, thread: ThreadKey, now: number): Head =>
    record(operation, thread, now)?.head ?? {
      logId: "",
      offset: 0,
      id: "",
      control: null,
      due: null,
      tag: "",
      knock: null,
      now
    }

  const moveHead = (key: string, { expected, logId, entry }: Append): boolean => {
    const id = toKey(entry.id)
    if (expected.tag === "") {
      const crc = headSum(key, logId, 1, id, 1, null, null)
      return expected.logId === "" && expected.offset === 0 && sql.insertHead.run(key, logId, id, crc).changes === 1
    }
    const tag = Number(expected.tag)
    if (!Number.isSafeInteger(tag)) return false
    const crc = headSum(key, logId, entry.offset, id, tag + 1, null, null)
    const moved = sql.moveHead.run(
      logId,
      entry.offset,
      id,
      tag + 1,
      crc,
      key,
      expected.logId,
      expected.offset,
      toKey(expected.id),
      tag
    )
    return moved.changes === 1
  }
  const putState = (key: string, due: number | null, trimmed: number, control: Json): void => {
    const text = JSON.stringify(control)
    sql.putState.run(key, due, trimmed, text, stateSum(key, due, trimmed, text))
  }
  const trimmedOf = (key: string): number => Number(sql.trimmed.get(key)?.["trimmed"] ?? 0)

  const append = ({ thread, append, now }: AppendRequest): Head | undefined => {
    const { expected, logId, entry, control, due, notes } = append
    const key = toKey(thread)
    for (const note of notes) if (sql.note.get(key, toKey(note.key)) !== undefined) return undefined
    if (!moveHead(key, append)) return undefined
    if (expected.offset === 0 || control !== expected.control || due !== expected.due) {
      putState(key, due, trimmedOf(key), control)
    }
    const id = toKey(entry.id)
    const body = toBody(entry.body)
    sql.insertEntry.run(key, entry.offset, id, entrySum(key, entry.offset, id, body), body)
    for (const note of notes) {
      const name = toKey(note.key)
      const value = JSON.stringify(note.value)
      sql.putNote.run(key, name, value, noteSum(key, name, value))
    }
    const tag = expected.tag === "" ? 1 : Number(expected.tag) + 1
    return { logId, offset: entry.offset, id: entry.id, control, due, tag: String(tag), knock: null, now }
  }

  return {
    head: (thread: ThreadKey, now: number): Head => head("head", thread, now),

    /** All in one transaction, each compared for itself; `undefined` for one that conflicts and writes nothing. */
    appendAll: (requests: readonly AppendRequest[]): readonly (Head | undefined)[] =>
      writing(() => requests.map((request) => append(request))),
    knock: (thread: ThreadKey, by: string, now: number): Head =>
      writing(() => {
        const found = head("knock", thread, now)
        const key = toKey(thread)
        const tag = Number(found.tag) + 1
        const id = toKey(found.id)
        const name = toKey(by)
        const crc = headSum(key, found.logId, found.offset, id, tag, name, now)
        sql.putHead.run(key, found.logId, found.offset, id, tag, name, now, crc)
        return { ...found, tag: String(tag), knock: { by, at: now } }
      }),
    read: (thread: ThreadKey, after: number, options: ReadOptions, now: number): ReadResult =>
      reading(() => {
        const found = record("read", thread, now)
        if (found === undefined) return { entries: [], head: head("read", thread, now) }
        const { head: newest, trimmed } = found
        if (after >= newest.offset) return { entries: [], head: newest }
        if (after < trimmed) {
          throw new LogError({ operation: "read", reason: new OffsetExpired({ firstOffset: trimmed + 1 }) })
        }
        const entries: StoredEntry[] = []
        const wanted = Math.min(options.limit, newest.offset - after)
        let bytes = 0
        for (const row of sql.entries.iterate(toKey(thread), after, wanted)) {
          const entry = toEntry("read", thread, row as Row, after + entries.length + 1)
          bytes += Buffer.byteLength(entry.body)
          if (bytes > options.maxBytes && entries.length > 0) return { entries, head: newest }
          entries.push(entry)
        }
        const last = entries.at(-1)
        if (entries.length < wanted) throw corrupt("read", thread, after + entries.length + 1, "the entry is missing")
        if (last?.offset === newest.offset && last.id !== newest.id) {
          throw corrupt("read", thread, newest.offset, "the head names another entry")
        }
        return { entries, head: newest }
      }),
    note: (thread: ThreadKey, key: string): Json | undefined => {
      const row = sql.note.get(toKey(thread), toKey(key))
      return row === undefined ? undefined : toNote("note", thread, row).value
    },
    notes: (thread: ThreadKey, prefix: string): readonly Note[] => {
      const found: Note[] = []
      for (const row of sql.notes.iterate(toKey(thread), toKey(prefix))) {
        if (!String(row["key"]).startsWith(toKey(prefix))) break
        found.push(toNote("notes", thread, row))
      }
      return found.sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    due: (before: number, limit: number): readonly ThreadKey[] =>
      sql.due.all(before, limit).map((row) => fromKey(String(row["thread"]))),

    snapshot: (thread: ThreadKey): Snapshot | undefined =>
      reading(() => {
        const row = sql.snapshot.get(toKey(thread))
        if (row === undefined) return undefined
        const found = toSnapshot(row)
        const trimmed = found === undefined ? (record("snapshot", thread, 0)?.trimmed ?? 0) : 0
        if (trimmed > 0)
          throw corrupt("snapshot", thread, trimmed, "the snapshot is damaged, and what it covers was trimmed")
        return found
      }),
    saveSnapshot: (thread: ThreadKey, snapshot: Snapshot): void =>
      writing(() => {
        const newest = head("saveSnapshot", thread, 0)
        if (snapshot.logId !== newest.logId || snapshot.offset > newest.offset) return
        const key = toKey(thread)
        const row = sql.snapshot.get(key)
        const saved = row === undefined ? undefined : toSnapshot(row)
        if (saved !== undefined && saved.offset > snapshot.offset) return
        const text = JSON.stringify(snapshot)
        sql.putSnapshot.run(
          key,
          snapshot.logId,
          snapshot.offset,
          snapshotSum(key, snapshot.logId, snapshot.offset, text),
          text
        )
      }),
    trim: (thread: ThreadKey, offset: number): number =>
      writing(() => {
        const found = record("trim", thread, 0)
        if (found === undefined) return 0
        const key = toKey(thread)
        const row = sql.snapshot.get(key)
        const to = Math.min(offset, (row === undefined ? undefined : toSnapshot(row))?.offset ?? 0)
        if (to <= found.trimmed) return found.trimmed
        sql.trimEntries.run(key, to)
        putState(key, found.head.due, to, found.head.control)
        return to
      }),
    erase: (thread: ThreadKey, { from, noteKeys, to, tombstone }: Erase): void =>
      writing(() => {
        const key = toKey(thread)
        for (const row of sql.entries.all(key, from - 1, Math.max(0, to - from + 1))) {
          const offset = Number(row["offset"])
          if (offset > to) break
          const entry = toEntry("erase", thread, row, offset)
          const body = toBody(tombstone(entry))
          sql.replaceBody.run(body, entrySum(key, offset, toKey(entry.id), body), key, offset)
        }
        for (const note of noteKeys) sql.dropNote.run(key, toKey(note))
      }),
    drop: (thread: ThreadKey, logId: string): void =>
      writing(() => {
        const key = toKey(thread)
        // Read without checksum: a damaged thread must be droppable. The tag may only grow.
        const tag = Number(sql.head.get(key)?.["tag"] ?? 0) + 1
        for (const statement of [sql.dropState, sql.dropEntries, sql.dropNotes, sql.dropSnapshot]) statement.run(key)
        sql.putHead.run(key, logId, 0, "", tag, null, null, headSum(key, logId, 0, "", tag, null, null))
      }),
    /** Reads every row but the derived snapshots; throws at the first that does not fit. */
    verify: (): void =>
      reading(() => {
        for (const row of sql.heads.iterate()) toRecord("open", fromKey(String(row["thread"])), row, 0)
        for (const row of sql.allEntries.iterate()) {
          toEntry("open", fromKey(String(row["thread"])), row, Number(row["offset"]))
        }
        for (const row of sql.allNotes.iterate()) toNote("open", fromKey(String(row["thread"])), row)
      })
  }
}
export type Store = ReturnType<typeof makeStore>
