/**
 * The tables of the Postgres log, made at the first open or beforehand by somebody who may.
 *
 * `heads` is rewritten at every append; nothing but append, knock and drop touches it. What keeps a log small writes
 * to `snapshots`, whose row is also the lock of that work. Every row carries a CRC-32 over its key and content.
 */
import type { Database } from "./connection.ts"
import { codeOf, SchemaMismatch } from "./failures.ts"

/** Grows with every change of the tables. */
export const SCHEMA_VERSION = 1
/** Any number, the same in every release: who creates tables waits for who does already. */
const LOCK = 7_481_023_665

export const schemaName = (schema: string): string => {
  if (/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema
  throw new TypeError("schema must be 1 to 63 of a-z, 0-9 and _, and not begin with a digit or pg_")
}
/** What creates the tables, as a script that somebody may also run by hand. */
export const schemaSql = (schema: string): string => `CREATE SCHEMA IF NOT EXISTS ${schema};
CREATE TABLE ${schema}.heads (
  thread text COLLATE "C" PRIMARY KEY,
  log_id text COLLATE "C" NOT NULL,
  "offset" bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  tag bigint NOT NULL,
  head_crc bigint NOT NULL,
  knock_by text,
  knock_at double precision,
  due double precision,
  state_crc bigint,
  control text
) WITH (fillfactor = 50);
CREATE INDEX heads_due ON ${schema}.heads (due) WHERE due IS NOT NULL;
CREATE TABLE ${schema}.entries (
  thread text COLLATE "C",
  "offset" bigint,
  id text COLLATE "C" NOT NULL,
  crc bigint NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (thread, "offset")
);
CREATE TABLE ${schema}.notes (
  thread text COLLATE "C",
  key text COLLATE "C",
  crc bigint NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (thread, key)
);
CREATE TABLE ${schema}.snapshots (
  thread text COLLATE "C" PRIMARY KEY,
  trimmed bigint NOT NULL DEFAULT 0,
  trimmed_crc bigint,
  log_id text COLLATE "C",
  "offset" bigint,
  crc bigint,
  snapshot text
);
CREATE TABLE ${schema}.log_version (version integer PRIMARY KEY);
INSERT INTO ${schema}.log_version VALUES (${SCHEMA_VERSION});
`
/** What a role needs that only uses them. */
export const grantSql = (schema: string, role: string): string => `GRANT USAGE ON SCHEMA ${schema} TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role};
`
const unnamed = (text: string) => ({ name: "", text })

/** Asked of the catalog's tables: names are looked up in a cache, which may not know what another process made. */
const TABLE = `SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = 'log_version'`

const versionOf = async (query: Database["query"], schema: string): Promise<number | undefined> => {
  if ((await query(unnamed(TABLE), [schema])).length === 0) return undefined
  const rows = await query(unnamed(`SELECT max(version) AS version FROM ${schema}.log_version`), [])
  return Number(rows[0]?.["version"])
}

/** Creates the tables if there are none and `migrate` allows; otherwise makes sure that they are this release's. */
export const openSchema = async (database: Database, schema: string, migrate: boolean): Promise<void> => {
  const encoding = String((await database.query(unnamed("SHOW server_encoding"), []))[0]?.["server_encoding"])
  if (encoding !== "UTF8") throw new SchemaMismatch(`the database's encoding is ${encoding}; the log needs UTF8`)
  const version = (await versionOf(database.query, schema)) ?? (migrate ? await create(database, schema) : undefined)
  if (version === undefined) {
    throw new SchemaMismatch(`schema ${schema} has no tables of a log; run the SQL of the adapter's README`)
  }
  if (version !== SCHEMA_VERSION) {
    throw new SchemaMismatch(`schema ${schema} has version ${version}; this release reads version ${SCHEMA_VERSION}`)
  }
}
const create = (database: Database, schema: string): Promise<number> =>
  database.transaction(async (query) => {
    await query(unnamed(`SELECT pg_advisory_xact_lock(${LOCK})`), [])
    // Another process may have created them while this one waited for the lock.
    const version = await versionOf(query, schema)
    if (version !== undefined) return version
    try {
      for (const statement of schemaSql(schema).split(";\n")) if (statement !== "") await query(unnamed(statement), [])
    } catch (cause) {
      if (codeOf(cause) !== "42P07") throw cause
      throw new SchemaMismatch(`schema ${schema} has tables of a log but no version`)
    }
    return SCHEMA_VERSION
  })
