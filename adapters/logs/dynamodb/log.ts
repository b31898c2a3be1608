/**
 * A thread log in Amazon DynamoDB: one partition per thread; see `keys.ts` for its rows.
 *
 * An append is one conditional write of the head, which holds what it brought until that has rows of its own
 * (`pending.ts`). No transactions. Nothing is retried here; a request that takes longer than the limit is abandoned
 * and its outcome is `Unknown`. `now` is the service's clock.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LogError } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { appendEntry, type Settling } from "./appends.ts"
import { serviceClock } from "./clock.ts"
import { toLogError } from "./failures.ts"
import { HEAD_KEY, partitionOf } from "./keys.ts"
import { readRecord } from "./pending.ts"
import { dueThreads, readEntries, readNote, readNotes } from "./reads.ts"
import { json, number, toRecord } from "./rows.ts"
import { checkSettings, type DynamodbLogOptions } from "./settings.ts"
import { readSnapshot, saveSnapshot } from "./snapshots.ts"
import { openTable, type Table } from "./table.ts"
import { dropThread, eraseEntries, trimEntries } from "./writes.ts"

export { dynamodbLogTable, type DynamodbLogOptions } from "./settings.ts"

const make = (table: Table, now: () => number): ThreadLogService => {
  const settling: Settling = new Map()
  const attempt = <A>(
    operation: string,
    thread: string,
    work: (signal: AbortSignal) => Promise<A>
  ): Effect.Effect<A, LogError> =>
    Effect.tryPromise({ try: work, catch: (cause) => toLogError(operation, thread, cause) })
  return {
    name: "dynamodb",
    durability: {
      sigkill: "Everything acknowledged: the service has it.",
      powerCut: "Everything acknowledged: the service keeps it in several availability zones of the region."
    },
    append: (thread, append) => {
      const { entry, expected, logId } = append
      if (entry.offset !== expected.offset + 1 || logId === "" || (expected.logId !== "" && logId !== expected.logId))
        return Effect.die(
          new TypeError(
            `append to ${thread}: entry ${entry.offset} of log "${logId}" does not follow the expected head`
          )
        )
      return attempt("append", thread, (signal) => appendEntry(table, signal, thread, append, now, settling))
    },
    knock: (thread, by) =>
      attempt("knock", thread, async (signal) => {
        const values = { ":none": number(0), ":one": number(1), ":knock": json({ by, at: now() }) }
        const change = "SET #version = if_not_exists(#version, :none) + :one, #knock = :knock"
        const row = await table.update(signal, partitionOf(thread), HEAD_KEY, change, { values }, "ALL_NEW")
        return toRecord("knock", thread, row, now()).head
      }),
    head: (thread) =>
      attempt("head", thread, async (signal) => (await readRecord(table, signal, "head", thread, now)).head),
    read: (thread, after, options) =>
      attempt("read", thread, (signal) => readEntries(table, signal, thread, after, options, now)),
    note: (thread, key) => attempt("note", thread, (signal) => readNote(table, signal, thread, key, now)),
    notes: (thread, prefix) => attempt("notes", thread, (signal) => readNotes(table, signal, thread, prefix, now)),
    due: (before, limit) => attempt("due", "*", (signal) => dueThreads(table, signal, before, limit)),
    snapshot: (thread) => attempt("snapshot", thread, (signal) => readSnapshot(table, signal, thread, now)),
    saveSnapshot: (thread, snapshot) =>
      attempt("saveSnapshot", thread, (signal) => saveSnapshot(table, signal, thread, snapshot, now)),
    trim: (thread, offset) => attempt("trim", thread, (signal) => trimEntries(table, signal, thread, offset, now)),
    erase: (thread, erase) => attempt("erase", thread, (signal) => eraseEntries(table, signal, thread, erase, now)),
    drop: (thread, logId) => attempt("drop", thread, (signal) => dropThread(table, signal, thread, logId, now))
  }
}

/** A log in one table of DynamoDB. Throws a `TypeError` that names a wrong option. */
export const dynamodbLog = (options: DynamodbLogOptions): Layer.Layer<ThreadLog> => {
  checkSettings(options)
  const open = Effect.acquireRelease(
    Effect.sync(() => {
      const clock = serviceClock()
      return { clock, table: openTable(options, clock) }
    }),
    ({ table }) => Effect.sync(() => table.close())
  )
  return Layer.effect(
    ThreadLog,
    Effect.map(open, ({ clock, table }) => make(table, clock.now))
  )
}
