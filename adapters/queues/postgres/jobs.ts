/** The table of jobs and its statements. All times are the server's. */
import type { QueueDatabase, Row } from "./connection.ts"

/** Any number, the same in every release: who creates the table waits for who does already. */
const LOCK = 7_481_023_666

export const schemaName = (schema: string): string => {
  if (/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema
  throw new TypeError("schema must be 1 to 63 of a-z, 0-9 and _, and not begin with a digit or pg_")
}
/** What creates the table, as statements that somebody may also run by hand. */
export const queueSql = (schema: string): readonly string[] => [
  `CREATE SCHEMA IF NOT EXISTS ${schema}`,
  `CREATE TABLE IF NOT EXISTS ${schema}.jobs_v1 (
  job bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  visible_at timestamptz NOT NULL,
  attempts integer NOT NULL,
  body text NOT NULL
)`,
  `CREATE INDEX IF NOT EXISTS jobs_v1_visible ON ${schema}.jobs_v1 (visible_at, job)`
]
/** What a role needs that only uses it. */
export const queueGrantSql = (schema: string, role: string): readonly string[] => [
  `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.jobs_v1 TO ${role}`
]

const TABLE = `SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`

/** Creates the table if there is none and `migrate` allows. A newer release would use a table of another name. */
export const openJobs = async (database: QueueDatabase, schema: string, migrate: boolean): Promise<void> => {
  const found = await database.query(`${TABLE} WHERE n.nspname = $1 AND c.relname = 'jobs_v1'`, [schema])
  if (found.length > 0) return
  if (!migrate) throw new Error(`schema ${schema} has no table of jobs; run the SQL of the adapter's README`)
  // Reading the catalog is what lets the session know of a schema that another made while this one waited.
  await database.script([`SELECT pg_advisory_xact_lock(${LOCK})`, `${TABLE} LIMIT 1`, ...queueSql(schema)])
}
/** Collisions of long names only wake a receiver for nothing. */
export const channelOf = (schema: string): string => `jobs_${schema}`.slice(0, 63)

export const makeJobs = ({ query }: QueueDatabase, schema: string) => {
  const jobs = `${schema}.jobs_v1`
  const after = (place: string) => `statement_timestamp() + ${place}::float8 * interval '1 millisecond'`
  /** Not waited for on the disk: what a crash of the server forgets of it is delivered again. */
  const quick = "set_config('synchronous_commit', 'off', true)"
  const notify = (from: string) => `SELECT pg_notify('${channelOf(schema)}', '') FROM ${from}`
  return {
    put: (body: string) =>
      query(
        `WITH put AS (INSERT INTO ${jobs} (visible_at, attempts, body) VALUES (statement_timestamp(), 0, $1) RETURNING 1)
        ${notify("put")}`,
        [body]
      ),
    take: async (limit: number, hideMillis: number): Promise<readonly Row[]> => {
      const rows = await query(
        `WITH next AS MATERIALIZED (SELECT job FROM ${jobs} WHERE visible_at <= statement_timestamp()
          ORDER BY visible_at, job LIMIT $1 FOR UPDATE SKIP LOCKED)
        UPDATE ${jobs} j SET visible_at = ${after("$2")}, attempts = attempts + 1 FROM next WHERE j.job = next.job
        RETURNING j.job, j.attempts, j.body, ${quick}`,
        [limit, hideMillis]
      )
      return [...rows].sort((a, b) => Number(a["job"]) - Number(b["job"]))
    },
    // `attempts` grows with each delivery, so it is the receipt as well.
    complete: (job: unknown, receipt: number) =>
      query(`DELETE FROM ${jobs} WHERE job = $1 AND attempts = $2 RETURNING ${quick}`, [job, receipt]),
    hide: (job: unknown, receipt: number, millis: number) =>
      query(
        `WITH put AS (UPDATE ${jobs} SET visible_at = ${after("$3")} WHERE job = $1 AND attempts = $2 RETURNING ${quick})
        ${notify("put")} WHERE $3::float8 <= 0`,
        [job, receipt, millis]
      )
  }
}
export type Jobs = ReturnType<typeof makeJobs>
