/** The SQL of the log, prepared once per connection. Compares are on the whole head record. */
import type { DatabaseSync } from "node:sqlite"

const HEAD = `SELECT h.thread, h.log_id, h."offset", h.id, h.tag, h.knock_by, h.knock_at, h.crc,
  s.due, s.trimmed, s.control, s.crc AS state_crc FROM heads h LEFT JOIN states s ON s.thread = h.thread`

export const prepare = (db: DatabaseSync) => ({
  beginRead: db.prepare("BEGIN"),
  beginWrite: db.prepare("BEGIN IMMEDIATE"),
  commit: db.prepare("COMMIT"),
  rollback: db.prepare("ROLLBACK"),

  head: db.prepare(`${HEAD} WHERE h.thread = ?`),
  heads: db.prepare(HEAD),
  /** The first append of a thread that never existed. Parameters: thread, logId, id, crc. */
  insertHead: db.prepare(`INSERT INTO heads VALUES (?, ?, 1, ?, 1, NULL, NULL, ?) ON CONFLICT DO NOTHING`),
  /** Parameters: logId, offset, id, tag, crc; expected thread, logId, offset, id, tag. */
  moveHead:
    db.prepare(`UPDATE heads SET log_id = ?, "offset" = ?, id = ?, tag = ?, knock_by = NULL, knock_at = NULL, crc = ?
    WHERE thread = ? AND log_id = ? AND "offset" = ? AND id = ? AND tag = ?`),
  putHead: db.prepare(`INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),

  trimmed: db.prepare(`SELECT trimmed FROM states WHERE thread = ?`),
  /** Parameters: thread, due, trimmed, control, crc. */
  putState: db.prepare(`INSERT INTO states VALUES (?, ?, ?, ?, ?) ON CONFLICT (thread) DO UPDATE
    SET due = excluded.due, trimmed = excluded.trimmed, control = excluded.control, crc = excluded.crc`),
  dropState: db.prepare(`DELETE FROM states WHERE thread = ?`),
  due: db.prepare(`SELECT thread FROM states WHERE due < ? ORDER BY due LIMIT ?`),

  /** Parameters: thread, offset, id, crc, body. */
  insertEntry: db.prepare(`INSERT INTO entries VALUES (?, ?, ?, ?, ?)`),
  entries: db.prepare(`SELECT * FROM entries WHERE thread = ? AND "offset" > ? ORDER BY "offset" LIMIT ?`),
  anyEntry: db.prepare(`SELECT 1 FROM entries WHERE thread = ? LIMIT 1`),
  replaceBody: db.prepare(`UPDATE entries SET body = ?, crc = ? WHERE thread = ? AND "offset" = ?`),
  trimEntries: db.prepare(`DELETE FROM entries WHERE thread = ? AND "offset" <= ?`),
  dropEntries: db.prepare(`DELETE FROM entries WHERE thread = ?`),

  putNote: db.prepare(`INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)`),
  note: db.prepare(`SELECT * FROM notes WHERE thread = ? AND key = ?`),
  notes: db.prepare(`SELECT * FROM notes WHERE thread = ? AND key >= ? ORDER BY key`),
  dropNote: db.prepare(`DELETE FROM notes WHERE thread = ? AND key = ?`),
  dropNotes: db.prepare(`DELETE FROM notes WHERE thread = ?`),

  snapshot: db.prepare(`SELECT * FROM snapshots WHERE thread = ?`),
  putSnapshot: db.prepare(`INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)`),
  dropSnapshot: db.prepare(`DELETE FROM snapshots WHERE thread = ?`),

  allEntries: db.prepare(`SELECT * FROM entries`),
  allNotes: db.prepare(`SELECT * FROM notes`)
})
export type Statements = ReturnType<typeof prepare>
