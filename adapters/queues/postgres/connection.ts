/**
 * Connections of the Postgres queue, with bounds for each statement. A connection that failed is thrown away.
 *
 * A cause that is handed on is made anew: the driver's own errors carry parameters and the connection.
 */
import { Socket } from "node:net"
import { Client, Pool } from "pg"
import type { ClientConfig, PoolConfig } from "pg"

export interface QueueConnection {
  /** `postgres://user:password@host/database?sslmode=verify-full`, or the settings of `pg`: a `password` may be a function. */
  readonly connection: string | ClientConfig
  /** Most connections for statements; `receive` opens one more, which listens. Default 2. */
  readonly connections?: number
  /** How long a statement may take, and how long opening a connection. Default 10,000. */
  readonly timeoutMillis?: number
}
export type Row = Readonly<Record<string, unknown>>
export interface QueueDatabase {
  readonly query: (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>
  /** Several statements on one connection, undone when one fails. */
  readonly script: (statements: readonly string[]) => Promise<void>
  /** A connection outside the pool, not yet opened. */
  readonly client: () => Client
  readonly close: () => Promise<void>
}
const TIMEOUT_MILLIS = 10_000
const LATER_MILLIS = 500
const CLOSE_MILLIS = 2_000

const settingsOf = (connection: string | ClientConfig): ClientConfig => {
  if (typeof connection !== "string") return connection
  // The driver's own complaint would show the text, and so the password.
  if (!/^postgres(ql)?:\/\//.test(connection) || !URL.canParse(connection)) {
    throw new TypeError("connection must be a postgres:// URL or an object of settings")
  }
  return { connectionString: connection }
}
/** What was said, without what it was said about. */
export const plain = (cause: unknown): Error => {
  const said = new Error(cause instanceof Error ? cause.message : "the driver failed")
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""
  return Object.assign(said, { code })
}

/** Opens nothing yet. Throws a `TypeError` for what cannot be a connection. */
export const openDatabase = (options: QueueConnection): QueueDatabase => {
  const timeoutMillis = options.timeoutMillis ?? TIMEOUT_MILLIS
  const sockets = new Set<Socket>()
  const config: PoolConfig = {
    application_name: "throughline",
    ...settingsOf(options.connection),
    max: Math.max(1, options.connections ?? 2),
    keepAlive: true,
    connectionTimeoutMillis: timeoutMillis,
    query_timeout: timeoutMillis + LATER_MILLIS,
    stream: () => {
      const socket = new Socket()
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
      return socket
    },
    onConnect: async (client) => {
      const limits = ["statement_timeout", "idle_in_transaction_session_timeout"]
      await client.query(`SELECT ${limits.map((name) => `set_config('${name}', $1, false)`).join(", ")}`, [
        String(timeoutMillis)
      ])
    }
  }
  const pool = new Pool(config)
  // An idle connection was lost: the pool has dropped it already.
  pool.on("error", () => undefined)
  return {
    query: async (text, values = []) => (await pool.query<Row>(text, values as unknown[])).rows,
    script: async (statements) => {
      // One simple query of many statements is one transaction.
      await pool.query(statements.join(";\n"))
    },
    client: () => new Client(config),
    close: async () => {
      // A server that hangs would never say goodbye.
      const cut = () => sockets.forEach((socket) => socket.destroy())
      const late = setTimeout(cut, CLOSE_MILLIS)
      await pool.end()
      clearTimeout(late)
      cut()
    }
  }
}
