/**
 * A thread log in one SQLite file (`node:sqlite`): the embedded default. Several processes may share the file.
 *
 * WAL, `synchronous=NORMAL`, one immediate transaction for the appends of one turn of the event loop. Every process uses the machine's clock.
 * Damage is refused: see README.md for what is checked when, and for what a power cut leaves.
 */
import { statSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { LogError } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { ThreadKey, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { corrupt, toLogError, WHOLE_FILE } from "./failures.ts"
import { FALLBACK_PAGES, makeCheckpoints, type Checkpoints } from "./checkpoint.ts"
import { groupCommit } from "./groupCommit.ts"
import { openSchema, structuralDamage } from "./schema.ts"
import { makeStore } from "./store.ts"
import type { Store } from "./store.ts"

export interface SqliteLogOptions {
  /** Path of the file; its folder must exist. `-wal` and `-shm` files appear beside it and belong to it. */
  readonly file: string
  /** How long a call may wait, blocking, for another process's transaction. Default 2,000. */
  readonly busyMillis?: number
  /** Larger, and appends fail with `LogFull`. Default: as large as the disk. */
  readonly maxFileBytes?: number
  /**
   * Files up to this size are read and checked whole when they are opened; larger ones row by row as they are
   * used. 0 serves the intact threads of a damaged file. Default 16 MiB.
   */
  readonly verifyUpToBytes?: number
}
const PAGE_BYTES = 4096
const BUSY_MILLIS = 2_000
const OPEN_PAUSE_MILLIS = 20

interface Opened {
  readonly db: DatabaseSync
  readonly store: Store
  readonly checkpoints: Checkpoints
}
const open = (options: SqliteLogOptions): Opened => {
  const db = new DatabaseSync(options.file, { timeout: options.busyMillis ?? BUSY_MILLIS })
  try {
    db.exec("PRAGMA journal_mode = WAL")
    db.exec("PRAGMA synchronous = NORMAL")
    db.exec(`PRAGMA wal_autocheckpoint = ${FALLBACK_PAGES}`)
    if (options.maxFileBytes !== undefined)
      db.exec(`PRAGMA max_page_count = ${Math.floor(options.maxFileBytes / PAGE_BYTES)}`)
    openSchema(db)
    const store = makeStore(db)
    if (statSync(options.file).size <= (options.verifyUpToBytes ?? 16 * 1024 * 1024)) {
      const damage = structuralDamage(db)
      if (damage !== undefined) throw corrupt("open", WHOLE_FILE, 0, damage)
      store.verify()
    }
    return { db, store, checkpoints: makeCheckpoints(options.file) }
  } catch (cause) {
    db.close()
    throw cause
  }
}

const make = ({ checkpoints, store }: Opened): ThreadLogService => {
  /** Runs `work` at once, with the machine's time. */
  const at = <A>(operation: string, thread: ThreadKey, work: (now: number) => A): Effect.Effect<A, LogError> =>
    Clock.clockWith((clock) => {
      try {
        return Effect.succeed(work(clock.currentTimeMillisUnsafe()))
      } catch (cause) {
        return Effect.fail(toLogError(operation, thread, cause))
      }
    })
  return {
    name: "sqlite",
    durability: {
      sigkill: "Everything acknowledged: it is in the operating system's hands.",
      powerCut:
        "All but the newest moments: what was appended since the last checkpoint's sync may be gone, never half of it."
    },
    append: groupCommit(store, checkpoints.appended),
    knock: (thread, by) => at("knock", thread, (now) => store.knock(thread, by, now)),
    head: (thread) => at("head", thread, (now) => store.head(thread, now)),
    read: (thread, after, options) => at("read", thread, (now) => store.read(thread, after, options, now)),
    note: (thread, key) => at("note", thread, () => store.note(thread, key)),
    notes: (thread, prefix) => at("notes", thread, () => store.notes(thread, prefix)),
    due: (before, limit) => at("due", WHOLE_FILE, () => store.due(before, limit)),
    snapshot: (thread) => at("snapshot", thread, () => store.snapshot(thread)),
    saveSnapshot: (thread, snapshot) => at("saveSnapshot", thread, () => store.saveSnapshot(thread, snapshot)),
    trim: (thread, offset) => at("trim", thread, () => store.trim(thread, offset)),
    erase: (thread, erase) => at("erase", thread, () => store.erase(thread, erase)),
    drop: (thread, logId) => at("drop", thread, () => store.drop(thread, logId))
  }
}

/** A log in one file, closed with the layer. Fails to build when the file is damaged or of another version. */
export const sqliteLog = (options: SqliteLogOptions): Layer.Layer<ThreadLog, LogError> =>
  Layer.effect(
    ThreadLog,
    Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() => {
          try {
            return Effect.succeed(open(options))
          } catch (cause) {
            return Effect.fail(toLogError("open", WHOLE_FILE, cause))
          }
        }).pipe(
          // SQLite does not wait for the lock while a file becomes WAL: two processes that begin together meet here
          Effect.retry({
            while: ({ reason }) => reason._tag === "LogUnavailable",
            schedule: Schedule.spaced(OPEN_PAUSE_MILLIS),
            times: Math.ceil((options.busyMillis ?? BUSY_MILLIS) / OPEN_PAUSE_MILLIS)
          })
        ),
        ({ checkpoints, db }) =>
          Effect.sync(() => {
            checkpoints.close()
            db.close()
          })
      ),
      make
    )
  )
