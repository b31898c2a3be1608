/**
 * A thread log in a Postgres database, from version 13. Any number of processes may share it.
 *
 * One statement for the appends of one turn of the event loop, each compared with its head for itself. Reads go to
 * the primary alone, each in one statement. `now` is the server's clock. See README.md for what failures mean.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LogError } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { Durability, ThreadKey, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { appendAll } from "./appends.ts"
import { openDatabase } from "./connection.ts"
import type { Database, PostgresConnection } from "./connection.ts"
import { readDurability } from "./durability.ts"
import { toLogError, WHOLE_SCHEMA } from "./failures.ts"
import { groupCommit } from "./groupCommit.ts"
import { makeReads } from "./reads.ts"
import { openSchema, schemaName } from "./schema.ts"
import { statementsFor } from "./statements.ts"
import { makeWrites } from "./writes.ts"

export interface PostgresLogOptions extends PostgresConnection {
  /** Name of the schema that holds the tables. Default `throughline`. */
  readonly schema?: string
  /** Creates the tables when there are none. `false` for a role that may not: see README.md. Default `true`. */
  readonly migrate?: boolean
}

const attempt = <A>(operation: string, thread: ThreadKey, work: () => Promise<A>): Effect.Effect<A, LogError> =>
  Effect.callback((resume) => {
    work().then(
      (value) => resume(Effect.succeed(value)),
      (cause) => {
        try {
          resume(Effect.fail(toLogError(operation, thread, cause)))
        } catch (defect) {
          resume(Effect.die(defect))
        }
      }
    )
  })

const make = (database: Database, schema: string, durability: Durability): ThreadLogService => {
  const sql = statementsFor(schema)
  const reads = makeReads(database, sql)
  const writes = makeWrites(database, sql)
  // Half of the connections at most, so that reads never wait behind appends.
  const lanes = Math.max(1, Math.floor(database.connections / 2))
  return {
    name: "postgres",
    durability,
    append: groupCommit((requests) => appendAll(database, sql, requests), lanes),
    knock: (thread, by) => attempt("knock", thread, () => writes.knock(thread, by)),
    head: (thread) => attempt("head", thread, () => reads.head(thread)),
    read: (thread, after, options) => attempt("read", thread, () => reads.read(thread, after, options)),
    note: (thread, key) => attempt("note", thread, () => reads.note(thread, key)),
    notes: (thread, prefix) => attempt("notes", thread, () => reads.notes(thread, prefix)),
    due: (before, limit) => attempt("due", WHOLE_SCHEMA, () => reads.due(before, limit)),
    snapshot: (thread) => attempt("snapshot", thread, () => reads.snapshot(thread)),
    saveSnapshot: (thread, snapshot) => attempt("saveSnapshot", thread, () => writes.saveSnapshot(thread, snapshot)),
    trim: (thread, offset) => attempt("trim", thread, () => writes.trim(thread, offset)),
    erase: (thread, erase) => attempt("erase", thread, () => writes.erase(thread, erase)),
    drop: (thread, logId) => attempt("drop", thread, () => writes.drop(thread, logId))
  }
}

/** A log in one schema, closed with the layer. Fails to build when the server cannot be reached or written to. */
export const postgresLog = (options: PostgresLogOptions): Layer.Layer<ThreadLog, LogError> => {
  const schema = schemaName(options.schema ?? "throughline")
  return Layer.effect(
    ThreadLog,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => openDatabase(options)),
        ({ close }) => Effect.promise(close)
      )
      const durability = yield* attempt("open", WHOLE_SCHEMA, async () => {
        await openSchema(database, schema, options.migrate ?? true)
        return readDurability(database)
      })
      return make(database, schema, durability)
    })
  )
}
