/**
 * One thread's log in its object's SQLite. Synchronous, so an object does one thing after the other.
 *
 * Nothing is created by reading: an object that was only asked takes no room. `announced` is what the index was told last:
 * it is never later than `due`. Throws `Refused` for what can never succeed.
 */
import type {
  Append,
  Head,
  Note,
  ReadOptions,
  ReadResult,
  Snapshot,
  StoredEntry
} from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { makeSnapshots } from "./snapshots.ts"
import { fromText, rangesOf, toText } from "./texts.ts"
import { corrupt, Refused } from "./wire.ts"
import type { ObjectStorage, Row } from "./workers.ts"

const TABLES = [
  `CREATE TABLE head (one INTEGER PRIMARY KEY, log_id TEXT, "offset" INTEGER, id TEXT, tag INTEGER, knock_by TEXT, knock_at INTEGER, due INTEGER, announced INTEGER, trimmed INTEGER, control TEXT)`,
  `CREATE TABLE entries ("offset" INTEGER PRIMARY KEY, id TEXT, body TEXT)`,
  `CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID`,
  `CREATE TABLE snapshot (part INTEGER PRIMARY KEY, log_id TEXT, "offset" INTEGER, bytes BLOB)`
]
/** developers.cloudflare.com/durable-objects/platform/limits: 2 MB for a text and its row; some of it is the row's. */
const MAX_TEXT_BYTES = 2_000_000 - 4_096
const BETWEEN_BYTES = 4 * 1024 * 1024
const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).length

const ensureFits = (what: string, text: string): string => {
  if (text.length * 3 > MAX_TEXT_BYTES && bytesOf(text) > MAX_TEXT_BYTES)
    throw new Refused({ _tag: "RecordTooLarge", what, sizeBytes: bytesOf(text), limitBytes: MAX_TEXT_BYTES })
  return text
}
const parse = (offset: number, what: string, text: unknown): Json => {
  try {
    return JSON.parse(String(text)) as Json
  } catch {
    throw corrupt(offset, `${what} is not JSON`)
  }
}
const toEntry = (row: Row): StoredEntry => ({
  offset: Number(row["offset"]),
  id: fromText(String(row["id"])),
  body: fromText(String(row["body"]))
})

export const makeStore = (storage: ObjectStorage) => {
  const { sql } = storage
  let exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'head'").toArray().length > 0
  const create = () => {
    if (exists) return
    for (const table of TABLES) sql.exec(table)
    exists = true
  }
  const writing = <A>(work: () => A): A => {
    // what creates tables in vain must find them absent again
    const before = exists
    try {
      return storage.transactionSync(work)
    } catch (cause) {
      exists = before
      throw cause
    }
  }
  const record = (): Row | undefined => (exists ? sql.exec("SELECT * FROM head").toArray()[0] : undefined)
  const snapshots = makeSnapshots(sql)

  const headOf = (row: Row | undefined): Head => {
    const now = Date.now()
    if (row === undefined) return { logId: "", offset: 0, id: "", control: null, due: null, tag: "", knock: null, now }
    const { due, id, knock_at, knock_by, log_id, offset, tag } = row
    return {
      logId: fromText(String(log_id)),
      offset: Number(offset),
      id: fromText(String(id)),
      control: parse(Number(offset), "control", row["control"]),
      due: due as number | null,
      tag: String(tag),
      knock: knock_by === null ? null : { by: fromText(String(knock_by)), at: Number(knock_at) },
      now
    }
  }
  const isAt = (row: Row | undefined, { id, logId, offset, tag }: Head): boolean => {
    const at = headOf(row)
    return at.tag === tag && at.logId === logId && at.offset === offset && at.id === id
  }
  const hasNote = (key: string) =>
    exists && sql.exec("SELECT 1 FROM notes WHERE key = ?", toText(key)).toArray().length > 0
  const conflicts = ({ expected, notes }: Append): boolean =>
    !isAt(record(), expected) || notes.some(({ key }) => hasNote(key))
  /** The head with what every change of it touches; what is announced can only come earlier by it. */
  const putHead = (head: Head, announced: number | null, trimmed: number) => {
    const { control, due, id, knock, logId, offset, tag } = head
    const earlier = due === null ? announced : announced === null ? due : Math.min(announced, due)
    sql.exec(
      `INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      toText(logId),
      offset,
      toText(id),
      Number(tag),
      knock === null ? null : toText(knock.by),
      knock === null ? null : knock.at,
      due,
      earlier,
      trimmed,
      ensureFits("control", JSON.stringify(control))
    )
  }
  const announcedOf = (row: Row | undefined) => (row === undefined ? null : (row["announced"] as number | null))
  const trimmedOf = (row: Row | undefined) => (row === undefined ? 0 : Number(row["trimmed"]))

  return {
    announced: (): number | null => announcedOf(record()),
    setAnnounced: (at: number | null): void => {
      if (exists) sql.exec("UPDATE head SET announced = ?", at)
    },
    conflicts,
    head: (): Head => headOf(record()),
    append: (append: Append): Head | undefined =>
      writing(() => {
        if (conflicts(append)) return undefined
        create()
        const row = record()
        const { control, due, entry, logId, notes } = append
        const tag = String(Number(append.expected.tag) + 1)
        const head = { logId, offset: entry.offset, id: entry.id, control, due, tag, knock: null, now: Date.now() }
        putHead(head, announcedOf(row), trimmedOf(row))
        const body = ensureFits("entry", toText(entry.body))
        sql.exec("INSERT INTO entries VALUES (?, ?, ?)", entry.offset, toText(entry.id), body)
        for (const { key, value } of notes)
          sql.exec("INSERT INTO notes VALUES (?, ?)", toText(key), ensureFits("note", JSON.stringify(value)))
        return head
      }),
    knock: (by: string): Head =>
      writing(() => {
        create()
        const row = record()
        const found = headOf(row)
        const head = { ...found, tag: String(Number(found.tag) + 1), knock: { by, at: found.now } }
        putHead(head, announcedOf(row), trimmedOf(row))
        return head
      }),
    read: (after: number, { limit, maxBytes }: ReadOptions): ReadResult => {
      const row = record()
      const head = headOf(row)
      if (after >= head.offset) return { entries: [], head }
      const trimmed = trimmedOf(row)
      if (after < trimmed) throw new Refused({ _tag: "OffsetExpired", firstOffset: trimmed + 1 })
      const entries: StoredEntry[] = []
      const wanted = Math.min(limit, head.offset - after)
      let bytes = 0
      const query = `SELECT * FROM entries WHERE "offset" > ? ORDER BY "offset" LIMIT ?`
      for (const found of sql.exec(query, after, wanted)) {
        const entry = toEntry(found)
        bytes += bytesOf(entry.body)
        if (bytes > maxBytes && entries.length > 0) return { entries, head }
        if (entry.offset !== after + entries.length + 1) break
        entries.push(entry)
      }
      const last = entries.at(-1)
      if (entries.length < wanted) throw corrupt(after + entries.length + 1, "the entry is missing")
      if (last?.offset === head.offset && last.id !== head.id)
        throw corrupt(head.offset, "the head names another entry")
      return { entries, head }
    },
    note: (key: string): Json | undefined => {
      const [row] = exists ? sql.exec("SELECT value FROM notes WHERE key = ?", toText(key)).toArray() : []
      return row === undefined ? undefined : parse(0, "a note", row["value"])
    },
    notes: (prefix: string): readonly Note[] => {
      const query = "SELECT * FROM notes WHERE key BETWEEN ? AND ?"
      const rows = exists ? rangesOf(prefix).flatMap((range) => sql.exec(query, ...range).toArray()) : []
      return rows
        .map(({ key, value }) => ({ key: fromText(String(key)), value: parse(0, "a note", value) }))
        .filter(({ key }) => key.startsWith(prefix))
        .sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    snapshot: (): Snapshot | undefined => (exists ? snapshots.read() : undefined),
    saveSnapshot: (snapshot: Snapshot): void =>
      writing(() => {
        const { logId, offset } = headOf(record())
        if (!exists || snapshot.logId !== logId || snapshot.offset > offset) return
        if (snapshots.offset() <= snapshot.offset) snapshots.save(snapshot)
      }),
    trim: (offset: number): number =>
      writing(() => {
        const row = record()
        const trimmed = trimmedOf(row)
        const to = exists ? Math.min(offset, snapshots.offset()) : 0
        if (to <= trimmed) return trimmed
        sql.exec(`DELETE FROM entries WHERE "offset" <= ?`, to)
        sql.exec("UPDATE head SET trimmed = ?", to)
        return to
      }),
    between: (from: number, to: number): readonly StoredEntry[] => {
      const entries: StoredEntry[] = []
      let bytes = 0
      if (!exists) return entries
      for (const row of sql.exec(`SELECT * FROM entries WHERE "offset" BETWEEN ? AND ? ORDER BY "offset"`, from, to)) {
        const entry = toEntry(row)
        bytes += bytesOf(entry.body)
        if (bytes > BETWEEN_BYTES && entries.length > 0) break
        entries.push(entry)
      }
      return entries
    },
    erase: (entries: readonly StoredEntry[], noteKeys: readonly string[]): void =>
      writing(() => {
        if (!exists) return
        const query = `UPDATE entries SET body = ? WHERE "offset" = ? AND id = ?`
        for (const { body, id, offset } of entries)
          sql.exec(query, ensureFits("entry", toText(body)), offset, toText(id))
        for (const key of noteKeys) sql.exec("DELETE FROM notes WHERE key = ?", toText(key))
      }),
    drop: (logId: string): void =>
      writing(() => {
        create()
        const row = record()
        const tag = String(Number(row?.["tag"] ?? 0) + 1)
        for (const table of ["entries", "notes", "snapshot"]) sql.exec(`DELETE FROM ${table}`)
        const head = { logId, offset: 0, id: "", control: null, due: null, tag, knock: null, now: 0 }
        putHead(head, announcedOf(row), 0)
      })
  }
}
export type Store = ReturnType<typeof makeStore>
