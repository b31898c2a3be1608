/**
 * The tables of the SQLite log, and what is checked before a file is used.
 *
 * `heads` is rewritten at every append, so it holds only what changes then; `states` holds the rest of a
 * thread's record. Every row carries a CRC-32 over its key and content: SQLite itself does not notice a
 * flipped bit. The declarations are compared literally: a file that differs was written by something else.
 */
import type { DatabaseSync } from "node:sqlite"

/** Grows with every change of the tables. */
export const SCHEMA_VERSION = 1

const TABLES: Readonly<Record<string, string>> = {
  heads: `CREATE TABLE heads (thread TEXT PRIMARY KEY, log_id TEXT, "offset" INTEGER, id TEXT, tag INTEGER, knock_by TEXT, knock_at INTEGER, crc INTEGER) WITHOUT ROWID`,
  states: `CREATE TABLE states (thread TEXT PRIMARY KEY, due INTEGER, trimmed INTEGER, control TEXT, crc INTEGER)`,
  states_due: `CREATE INDEX states_due ON states (due) WHERE due IS NOT NULL`,
  entries: `CREATE TABLE entries (thread TEXT, "offset" INTEGER, id TEXT, crc INTEGER, body, PRIMARY KEY (thread, "offset")) WITHOUT ROWID`,
  notes: `CREATE TABLE notes (thread TEXT, key TEXT, value TEXT, crc INTEGER, PRIMARY KEY (thread, key)) WITHOUT ROWID`,
  snapshots: `CREATE TABLE snapshots (thread TEXT PRIMARY KEY, log_id TEXT, "offset" INTEGER, crc INTEGER, snapshot TEXT)`
}

/** The file is readable and yet not a log of this version. */
export class SchemaMismatch extends Error {
  override readonly name = "SchemaMismatch"
}

const versionOf = (db: DatabaseSync): number => Number(db.prepare("PRAGMA user_version").get()?.["user_version"])

/** Creates the tables in an empty file; otherwise makes sure that the file has exactly these. */
export const openSchema = (db: DatabaseSync): void => {
  if (versionOf(db) === 0) create(db)
  const version = versionOf(db)
  if (version !== SCHEMA_VERSION) {
    throw new SchemaMismatch(`the file has schema version ${version}; this release reads version ${SCHEMA_VERSION}`)
  }
  const rows = db.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").all()
  const found = new Map(rows.map((row) => [row["name"], row["sql"]]))
  for (const [name, sql] of Object.entries(TABLES)) {
    if (found.get(name) !== sql)
      throw new SchemaMismatch(`table ${name} is missing or not declared as this release does`)
  }
}
const create = (db: DatabaseSync): void => {
  db.exec("BEGIN IMMEDIATE")
  try {
    // Another process may have created them while this one waited for the lock.
    if (versionOf(db) === 0) {
      if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name IN ('heads', 'entries')").get() !== undefined) {
        throw new SchemaMismatch("the file has tables of a log but no schema version")
      }
      for (const sql of Object.values(TABLES)) db.exec(sql)
      db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
    }
    db.exec("COMMIT")
  } catch (cause) {
    if (db.isTransaction) db.exec("ROLLBACK")
    throw cause
  }
}

/** SQLite's own check of pages, order and indexes; `undefined` when all is well. Reads the whole file. */
export const structuralDamage = (db: DatabaseSync): string | undefined => {
  const answer = String(db.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"])
  return answer === "ok" ? undefined : answer
}
