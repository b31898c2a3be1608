/** The SQL of the log, prepared once per connection. Each is one round trip and sees one moment of the store. */
import type { Statement } from "./connection.ts"

/** The store's clock in epoch milliseconds. */
const NOW = `floor(extract(epoch FROM clock_timestamp()) * 1000)::float8`
const HEAD = `h.thread, h.log_id, h."offset", h.id, h.tag, h.head_crc, h.knock_by, h.knock_at, h.due, h.state_crc, h.control`

/**
 * Many appends, each compared and written for itself; answers the ordinals of those that were written.
 *
 * - A head that another transaction holds is skipped: append, knock and drop alone hold heads, and each of them
 *   changes what was expected. So nothing waits here, and one thread cannot hold up another.
 * - New heads are inserted in key order, so that two processes cannot wait for each other.
 * - A note that exists was there before the expected head was read, or its append changed the head.
 */
const APPEND = (schema: string) => `WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[],
    $8::bigint[], $9::text[], $10::float8[], $11::bigint[], $12::text[], $13::bigint[]) WITH ORDINALITY
    AS a(thread, was_log, was_offset, was_id, was_tag, log_id, id, head_crc, control, due, state_crc, body, crc, n)
), asked_notes AS MATERIALIZED (
  SELECT * FROM unnest($14::bigint[], $15::text[], $16::text[], $17::text[], $18::bigint[])
    AS k(n, thread, key, value, crc)
), refused AS MATERIALIZED (
  SELECT k.n FROM asked_notes k JOIN ${schema}.notes x ON x.thread = k.thread AND x.key = k.key
), held AS MATERIALIZED (
  SELECT a.n FROM asked a JOIN ${schema}.heads h ON h.thread = a.thread
  WHERE h.tag = a.was_tag AND h.log_id = a.was_log AND h."offset" = a.was_offset AND h.id = a.was_id
    AND a.n NOT IN (SELECT n FROM refused)
  FOR NO KEY UPDATE OF h SKIP LOCKED
), moved AS (
  UPDATE ${schema}.heads h SET log_id = a.log_id, "offset" = a.was_offset + 1, id = a.id, tag = h.tag + 1,
    head_crc = a.head_crc, knock_by = NULL, knock_at = NULL,
    due = CASE WHEN a.control IS NULL THEN h.due ELSE a.due END,
    state_crc = coalesce(a.state_crc, h.state_crc), control = coalesce(a.control, h.control)
  FROM asked a WHERE h.thread = a.thread AND a.n IN (SELECT n FROM held)
  RETURNING a.n
), created AS (
  INSERT INTO ${schema}.heads (thread, log_id, "offset", id, tag, head_crc, due, state_crc, control)
  SELECT thread, log_id, 1, id, 1, head_crc, due, state_crc, control FROM asked
  WHERE was_tag IS NULL AND was_log = '' AND was_offset = 0 AND n NOT IN (SELECT n FROM refused)
  ORDER BY thread
  ON CONFLICT DO NOTHING RETURNING thread
), won AS MATERIALIZED (
  SELECT n FROM moved UNION ALL SELECT a.n FROM created c JOIN asked a ON a.thread = c.thread
), written AS (
  INSERT INTO ${schema}.entries (thread, "offset", id, crc, body)
  SELECT thread, was_offset + 1, id, crc, body FROM asked WHERE (n IN (SELECT n FROM won)) IS TRUE
), noted AS (
  INSERT INTO ${schema}.notes (thread, key, crc, value)
  SELECT thread, key, crc, value FROM asked_notes WHERE (n IN (SELECT n FROM won)) IS TRUE
)
SELECT array_agg(n::int) AS won, ${NOW} AS now FROM won`

const texts = (schema: string) => ({
  append: APPEND(schema),
  /** Parameters: thread, checksum of an empty head, who. */
  knock: `INSERT INTO ${schema}.heads AS h (thread, log_id, "offset", id, tag, head_crc, knock_by, knock_at)
    VALUES ($1, '', 0, '', 1, $2, $3, ${NOW}) ON CONFLICT (thread) DO UPDATE
    SET tag = h.tag + 1, knock_by = excluded.knock_by, knock_at = excluded.knock_at RETURNING ${HEAD}, ${NOW} AS now`,
  head: `SELECT ${HEAD}, ${NOW} AS now,
      h.thread IS NULL AND EXISTS (SELECT FROM ${schema}.entries e WHERE e.thread = $1) AS orphans
    FROM (VALUES ($1::text)) a(asked) LEFT JOIN ${schema}.heads h ON h.thread = a.asked`,
  /**
   * The head, and the entries after `$2`, up to `$3` of them and `$4` bytes; the one that would be too much comes
   * without its body. Head and entries are rows of one statement, which sees one moment.
   */
  read: `SELECT ${HEAD}, ${NOW} AS now, s.trimmed, s.trimmed_crc,
      h.thread IS NULL AND EXISTS (SELECT FROM ${schema}.entries e WHERE e.thread = $1) AS orphans,
      NULL::bigint AS entry_offset, NULL AS entry_id, NULL::bigint AS crc, NULL AS body
    FROM (VALUES ($1::text)) a(asked) LEFT JOIN ${schema}.heads h ON h.thread = a.asked
      LEFT JOIN ${schema}.snapshots s ON s.thread = a.asked
    UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
      "offset", id, crc, CASE WHEN total <= $4 OR n = 1 THEN body END
    FROM (SELECT *, sum(octet_length(body)) OVER w AS total, row_number() OVER w AS n FROM (
        SELECT * FROM ${schema}.entries WHERE thread = $1 AND "offset" > $2 ORDER BY "offset" LIMIT $3
      ) page WINDOW w AS (ORDER BY "offset")) measured
    WHERE n <= 2 OR total - octet_length(body) <= $4`,
  note: `SELECT key, value, crc FROM ${schema}.notes WHERE thread = $1 AND key = $2`,
  notes: `SELECT key, value, crc FROM ${schema}.notes WHERE thread = $1 AND key >= $2 AND key < $3`,
  due: `SELECT thread FROM ${schema}.heads WHERE due < $1 ORDER BY due LIMIT $2`,
  snapshot: `SELECT * FROM ${schema}.snapshots WHERE thread = $1`,

  /** Locks the thread's row of `snapshots`, which must be the first step of trim, erase, drop and saving one. */
  lock: `INSERT INTO ${schema}.snapshots AS s (thread) VALUES ($1)
    ON CONFLICT (thread) DO UPDATE SET trimmed = s.trimmed RETURNING *`,
  putSnapshot: `UPDATE ${schema}.snapshots SET log_id = $2, "offset" = $3, crc = $4, snapshot = $5 WHERE thread = $1`,
  dropSnapshot: `UPDATE ${schema}.snapshots SET log_id = NULL, "offset" = NULL, crc = NULL, snapshot = NULL
    WHERE thread = $1`,
  putTrimmed: `UPDATE ${schema}.snapshots SET trimmed = $2, trimmed_crc = $3 WHERE thread = $1`,
  trimEntries: `DELETE FROM ${schema}.entries WHERE thread = $1 AND "offset" <= $2`,
  page: `SELECT "offset" AS entry_offset, id AS entry_id, crc, body FROM ${schema}.entries
    WHERE thread = $1 AND "offset" BETWEEN $2 AND $3 ORDER BY "offset" LIMIT $4`,
  replaceBodies: `UPDATE ${schema}.entries e SET body = r.body, crc = r.crc
    FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS r("offset", body, crc)
    WHERE e.thread = $1 AND e."offset" = r."offset"`,
  dropNotes: `DELETE FROM ${schema}.notes WHERE thread = $1 AND key = ANY($2::text[])`,
  /** Without a look at its checksum: a damaged thread must be droppable. The tag may only grow. */
  dropHead: `INSERT INTO ${schema}.heads AS h (thread, log_id, "offset", id, tag, head_crc)
    VALUES ($1, $2, 0, '', 1, $3) ON CONFLICT (thread) DO UPDATE SET log_id = excluded.log_id, "offset" = 0, id = '',
    tag = h.tag + 1, head_crc = excluded.head_crc, knock_by = NULL, knock_at = NULL, due = NULL, state_crc = NULL,
    control = NULL`,
  dropEntries: `DELETE FROM ${schema}.entries WHERE thread = $1`,
  dropAllNotes: `DELETE FROM ${schema}.notes WHERE thread = $1`
})
export type Statements = Readonly<Record<keyof ReturnType<typeof texts>, Statement>>

export const statementsFor = (schema: string): Statements =>
  Object.fromEntries(Object.entries(texts(schema)).map(([name, text]) => [name, { name, text }])) as Statements
