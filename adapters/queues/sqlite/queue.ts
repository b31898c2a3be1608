/**
 * A job queue in one SQLite file (`node:sqlite`), its own or the log's. Several processes may share the file.
 *
 * `receive` asks the file every 25 to 50 ms while it is empty: one read without a lock. A delivered job is
 * hidden until its time is over; only its newest receipt may complete it. All processes use the machine's clock.
 */
import { DatabaseSync } from "node:sqlite"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { JobQueue, QueueError } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService } from "../../../src/ports/JobQueue.ts"

export interface SqliteQueueOptions {
  /** Path of the file; its folder must exist. May be the log's file. */
  readonly file: string
  /** How long a call may wait, blocking, for another process's transaction. Default 2,000. */
  readonly busyMillis?: number
}
/** Longest that `receive` waits before it answers an empty list. */
const WAIT_MILLIS = 1_000
const POLL_MILLIS = 25
const BUSY_MILLIS = 2_000
const OPEN_PAUSE_MILLIS = 20

const open = ({ file, busyMillis = BUSY_MILLIS }: SqliteQueueOptions) => {
  const db = new DatabaseSync(file, { timeout: busyMillis })
  try {
    db.exec("PRAGMA journal_mode = WAL")
    db.exec("PRAGMA synchronous = NORMAL")
    // A file made by a newer release would need a table of another name: this one never changes.
    db.exec(`CREATE TABLE IF NOT EXISTS jobs_v1 (
      job INTEGER PRIMARY KEY AUTOINCREMENT, visible_at INTEGER NOT NULL, attempts INTEGER NOT NULL, body TEXT NOT NULL)`)
    return {
      db,
      insert: db.prepare(`INSERT INTO jobs_v1 (visible_at, attempts, body) VALUES (0, 0, ?)`),
      any: db.prepare(`SELECT 1 FROM jobs_v1 WHERE visible_at <= ? LIMIT 1`),
      // `attempts` grows with each delivery, so it is the receipt as well.
      take: db.prepare(`UPDATE jobs_v1 SET visible_at = ?, attempts = attempts + 1
        WHERE job IN (SELECT job FROM jobs_v1 WHERE visible_at <= ? ORDER BY job LIMIT ?) RETURNING job, attempts, body`),
      complete: db.prepare(`DELETE FROM jobs_v1 WHERE job = ? AND attempts = ?`),
      hide: db.prepare(`UPDATE jobs_v1 SET visible_at = ? WHERE job = ? AND attempts = ?`)
    }
  } catch (cause) {
    db.close()
    throw cause
  }
}
type Store = ReturnType<typeof open>

const attempt = <A>(operation: QueueError["operation"], work: () => A): Effect.Effect<A, QueueError> =>
  Effect.try({ try: work, catch: (cause) => new QueueError({ operation, cause }) })
const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

const make = (store: Store): JobQueueService => {
  const hideFor = (operation: "release" | "extend", job: number, receipt: number) => (millis: number) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      attempt(operation, () => void store.hide.run(now + millis, job, receipt))
    )
  const delivery = (job: number, receipt: number, body: string): Delivery => ({
    job: parsed(body),
    attempt: receipt,
    complete: attempt("complete", () => void store.complete.run(job, receipt)),
    release: hideFor("release", job, receipt),
    extend: hideFor("extend", job, receipt)
  })
  const take = (now: number, limit: number, hideMillis: number): readonly Delivery[] => {
    if (store.any.get(now) === undefined) return []
    const rows = store.take.all(now + hideMillis, now, limit)
    return rows.map((row) => delivery(Number(row["job"]), Number(row["attempts"]), String(row["body"])))
  }
  return {
    name: "sqlite",
    enqueue: (job) => attempt("enqueue", () => void store.insert.run(JSON.stringify(job))),
    receive: Effect.fnUntraced(function* ({ limit, visibleAfterMillis }) {
      const until = (yield* Clock.currentTimeMillis) + WAIT_MILLIS
      for (;;) {
        const now = yield* Clock.currentTimeMillis
        const taken = yield* attempt("receive", () => take(now, limit, visibleAfterMillis))
        if (taken.length > 0 || now >= until) return taken
        yield* Effect.sleep(POLL_MILLIS + Math.random() * POLL_MILLIS)
      }
    })
  }
}

/** A queue in one file, closed with the layer. */
export const sqliteQueue = (options: SqliteQueueOptions): Layer.Layer<JobQueue, QueueError> =>
  Layer.effect(
    JobQueue,
    Effect.map(
      Effect.acquireRelease(
        // SQLite does not wait for the lock while a file becomes WAL: two processes that begin together meet here
        Effect.retry(
          attempt("receive", () => open(options)),
          {
            schedule: Schedule.spaced(OPEN_PAUSE_MILLIS),
            times: Math.ceil((options.busyMillis ?? BUSY_MILLIS) / OPEN_PAUSE_MILLIS),
            while: ({ cause }) => /locked|busy/i.test(String(cause))
          }
        ),
        (store) => Effect.sync(() => store.db.close())
      ),
      make
    )
  )
