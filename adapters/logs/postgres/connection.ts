/**
 * Connections to one Postgres, as a pool with bounds: how many, how long each statement, how long to connect.
 *
 * Nothing is retried here. A connection that failed or timed out is thrown away, never used for another statement.
 */
import { Socket } from "node:net"
import { DatabaseError, Pool, types } from "pg"
import type { ClientConfig, PoolClient, PoolConfig } from "pg"
import { PostgresFailure } from "./failures.ts"

export interface PostgresConnection {
  /** `postgres://user:password@host/database?sslmode=verify-full`, or the settings of `pg`: a `password` may be a function. */
  readonly connection: string | ClientConfig
  /** Most connections that this process opens. Default 4. */
  readonly connections?: number
  /** How long a statement may take, and how long opening a connection. Default 10,000. */
  readonly timeoutMillis?: number
}
export interface Statement {
  /** Prepared once per connection under this name. */
  readonly name: string
  readonly text: string
}
export type Row = Readonly<Record<string, unknown>>
export interface Database {
  /** One statement, which is a transaction of its own. */
  readonly query: (statement: Statement, values: readonly unknown[]) => Promise<readonly Row[]>
  /** Several on one connection; undone when `work` throws. */
  readonly transaction: <A>(work: (query: Database["query"]) => Promise<A>) => Promise<A>
  readonly connections: number
  readonly close: () => Promise<void>
}
const INT8 = 20
const TIMEOUT_MILLIS = 10_000
const CONNECTIONS = 4
/** The server's own limit comes first, so that its answer says that nothing was written. */
const LATER_MILLIS = 500
const CLOSE_MILLIS = 2_000

/**
 * What holds for each connection. Every statement here finds its rows by key; statistics of a table that was empty
 * a moment ago would have them planned as scans, and kept so.
 */
const SETTINGS = `SELECT pg_is_in_recovery() AS standby,
  set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false),
  set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
  set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)`

const settingsOf = (connection: string | ClientConfig): ClientConfig => {
  if (typeof connection !== "string") return connection
  // The driver's own complaint would show the text, and so the password.
  if (!/^postgres(ql)?:\/\//.test(connection) || !URL.canParse(connection)) {
    throw new TypeError("connection must be a postgres:// URL or an object of settings")
  }
  return { connectionString: connection }
}

/** Opens nothing yet. Throws a `TypeError` for what cannot be a connection. */
export const openDatabase = (options: PostgresConnection): Database => {
  const timeoutMillis = options.timeoutMillis ?? TIMEOUT_MILLIS
  const connections = Math.max(1, options.connections ?? CONNECTIONS)
  const sockets = new Set<Socket>()
  const config: PoolConfig = {
    application_name: "throughline",
    ...settingsOf(options.connection),
    max: connections,
    keepAlive: true,
    connectionTimeoutMillis: timeoutMillis,
    query_timeout: timeoutMillis + LATER_MILLIS,
    types: {
      getTypeParser: ((oid: number, format?: "text") =>
        oid === INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser
    },
    stream: () => {
      const socket = new Socket()
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
      return socket
    },
    onConnect: async (client) => {
      const { rows } = await client.query<{ standby: boolean }>(SETTINGS, [String(timeoutMillis)])
      // A standby answers reads from the past.
      if (rows[0]?.standby !== false) throw new PostgresFailure("the server is a read-only standby", "25006")
    }
  }
  const pool = new Pool(config)
  // An idle connection was lost: the pool has dropped it already.
  pool.on("error", () => undefined)
  const queryOf =
    (client: PoolClient): Database["query"] =>
    async ({ name, text }, values) =>
      (await client.query<Row>({ name, text, values: values as unknown[] })).rows
  /** Lends a connection; thrown away where `work` fails, which also undoes what was begun. */
  const using = async <A>(work: (client: PoolClient) => Promise<A>): Promise<A> => {
    const client = await pool.connect()
    let failure: Error | undefined
    const lost = (cause: Error) => (failure = cause)
    client.on("error", lost)
    try {
      return await work(client)
    } catch (cause) {
      failure = cause instanceof Error ? cause : new Error("a statement failed")
      // The server says what failed before it lets go of the statement's locks; the next answer comes after that.
      if (cause instanceof DatabaseError) await client.query("ROLLBACK").catch(() => undefined)
      throw cause
    } finally {
      client.off("error", lost)
      client.release(failure)
    }
  }
  return {
    connections,
    query: (statement, values) => using((client) => queryOf(client)(statement, values)),
    transaction: (work) =>
      using(async (client) => {
        await client.query("BEGIN")
        const result = await work(queryOf(client))
        await client.query("COMMIT")
        return result
      }),
    close: async () => {
      // A server that hangs would never say goodbye.
      const cut = setTimeout(() => sockets.forEach((socket) => socket.destroy()), CLOSE_MILLIS)
      await pool.end().finally(() => clearTimeout(cut))
    }
  }
}
