/**
 * A thread log in Azure Tables: what the functions app uses. One partition per thread; see `keys.ts` for its rows.
 *
 * Writes are conditional on the head's ETag and never retried here; a request that takes longer than the limit
 * is abandoned and its outcome is `Unknown`. `now` is the service's clock.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LogError } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { serviceClock } from "./clock.ts"
import { dueThreads } from "./due.ts"
import { DUE_PARTITION, HEAD_KEY, partitionOf } from "./keys.ts"
import { readEntries, readNote, readNotes, readRecord } from "./reads.ts"
import { asciiJson, corrupt } from "./rows.ts"
import { findSnapshot, saveSnapshot, toSnapshot } from "./snapshots.ts"
import { unavailable } from "./failures.ts"
import { checkSettings, type TableConnection, type TablesLogOptions } from "./settings.ts"
import { openTable, type Table } from "./table.ts"
import { appendEntry, dropThread, eraseEntries, trimEntries } from "./writes.ts"

export type { TableConnection, TablesLogOptions } from "./settings.ts"

const make = (table: Table, now: () => number): ThreadLogService => {
  const attempt = <A>(
    operation: string,
    thread: string,
    work: (signal: AbortSignal) => Promise<A>
  ): Effect.Effect<A, LogError> =>
    Effect.tryPromise({
      try: work,
      catch: (cause) =>
        cause instanceof SyntaxError
          ? corrupt(operation, thread, 0, "a record is not readable")
          : unavailable(operation, cause)
    })
  /** Not waited for: a row that stays is found and deleted by a later look at the index. */
  const cleanUp = (row: string): void =>
    void table.remove(new AbortController().signal, DUE_PARTITION, row).catch(() => undefined)
  const head = (operation: string, thread: string) =>
    attempt(operation, thread, async (signal) => (await readRecord(table, signal, operation, thread, now)).head)
  return {
    name: "azure-tables",
    durability: {
      sigkill: "Everything acknowledged: the service has it.",
      powerCut: "Everything acknowledged: the service keeps three copies or more, as the account's redundancy says."
    },
    append: (thread, append) => {
      const { expected, entry, logId } = append
      if (entry.offset !== expected.offset + 1 || logId === "" || (expected.logId !== "" && logId !== expected.logId)) {
        return Effect.die(
          new TypeError(
            `append to ${thread}: entry ${entry.offset} of log "${logId}" does not follow the expected head`
          )
        )
      }
      return attempt("append", thread, (signal) => appendEntry(table, signal, thread, append, now, cleanUp))
    },
    knock: (thread, by) =>
      Effect.andThen(
        attempt("knock", thread, (signal) =>
          table.merge(signal, {
            partitionKey: partitionOf(thread),
            rowKey: HEAD_KEY,
            knock: asciiJson({ by, at: now() })
          })
        ),
        head("knock", thread)
      ),
    head: (thread) => head("head", thread),
    read: (thread, after, options) =>
      attempt("read", thread, (signal) => readEntries(table, signal, thread, after, options, now)),
    note: (thread, key) => attempt("note", thread, (signal) => readNote(table, signal, thread, key, now)),
    notes: (thread, prefix) => attempt("notes", thread, (signal) => readNotes(table, signal, thread, prefix, now)),
    due: (before, limit) => attempt("due", "*", (signal) => dueThreads(table, signal, before, limit, now())),
    snapshot: (thread) =>
      attempt("snapshot", thread, async (signal) => toSnapshot(await findSnapshot(table, signal, thread, now(), true))),
    saveSnapshot: (thread, snapshot) =>
      attempt("saveSnapshot", thread, (signal) => saveSnapshot(table, signal, thread, snapshot, now())),
    trim: (thread, offset) => attempt("trim", thread, (signal) => trimEntries(table, signal, thread, offset, now())),
    erase: (thread, erase) => attempt("erase", thread, (signal) => eraseEntries(table, signal, thread, erase, now())),
    drop: (thread, logId) => attempt("drop", thread, (signal) => dropThread(table, signal, thread, logId, now))
  }
}

/** A log in one table of an Azure Storage account, or of Azurite. Throws a `TypeError` that names a wrong option. */
export const tablesLog = (connection: TableConnection, options: TablesLogOptions = {}): Layer.Layer<ThreadLog> => {
  checkSettings(connection, options)
  return Layer.sync(ThreadLog, () => {
    const { create = true, table = "throughline", timeoutMillis = 10_000 } = options
    const clock = serviceClock()
    return make(openTable(connection, table, timeoutMillis, clock, create), clock.now)
  })
}
