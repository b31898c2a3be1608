/**
 * A job queue in one Postgres table, beside the log or alone. At least once, to any number of processes.
 *
 * `receive` takes with `FOR UPDATE SKIP LOCKED`, hears of new jobs by LISTEN and looks four times a second besides.
 * A delivered job is hidden until its time is over, by the server's clock; only its newest receipt may complete it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { JobQueue, QueueError } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService } from "../../../src/ports/JobQueue.ts"
import { openDatabase, plain } from "./connection.ts"
import type { QueueConnection, Row } from "./connection.ts"
import { channelOf, makeJobs, openJobs, schemaName } from "./jobs.ts"
import type { Jobs } from "./jobs.ts"
import { makeListener } from "./listener.ts"

export interface PostgresQueueOptions extends QueueConnection {
  /** Name of the schema that holds the table; may be the log's. Default `throughline`. */
  readonly schema?: string
  /** Creates the table when there is none. `false` for a role that may not: see README.md. Default `true`. */
  readonly migrate?: boolean
}
/** Longest that `receive` waits before it answers an empty list. */
const WAIT_MILLIS = 1_000

const attempt = <A>(operation: QueueError["operation"], work: () => Promise<A>): Effect.Effect<A, QueueError> =>
  Effect.tryPromise({ try: work, catch: (cause) => new QueueError({ operation, cause: plain(cause) }) })
/** JSON has an escape for what Postgres's text has no place for. */
const encode = (job: unknown): string => JSON.stringify(job)
const decode = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

const make = (jobs: Jobs, listener: ReturnType<typeof makeListener>): JobQueueService => {
  const delivery = (row: Row): Delivery => {
    const { job } = row
    const receipt = Number(row["attempts"])
    const hide = (operation: "release" | "extend") => (millis: number) =>
      Effect.asVoid(attempt(operation, () => jobs.hide(job, receipt, millis)))
    return {
      job: decode(String(row["body"])),
      attempt: receipt,
      complete: Effect.asVoid(attempt("complete", () => jobs.complete(job, receipt))),
      release: hide("release"),
      extend: hide("extend")
    }
  }
  /** What arrives after the caller was interrupted is given back. */
  const take = (limit: number, hideMillis: number): Effect.Effect<readonly Row[], QueueError> =>
    Effect.callback((resume) => {
      let gone = false
      jobs.take(limit, hideMillis).then(
        (rows) => {
          if (!gone) return resume(Effect.succeed(rows))
          // If that fails too, they come back when their time is over.
          for (const row of rows) void jobs.hide(row["job"], Number(row["attempts"]), 0).catch(() => undefined)
        },
        (cause) => resume(Effect.fail(new QueueError({ operation: "receive", cause: plain(cause) })))
      )
      return Effect.sync(() => {
        gone = true
      })
    })
  const news = (known: number): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const stop = listener.wait(known, () => resume(Effect.void))
      return Effect.sync(stop)
    })
  return {
    name: "postgres",
    enqueue: (job) => Effect.asVoid(attempt("enqueue", () => jobs.put(encode(job)))),
    receive: Effect.fnUntraced(function* ({ limit, visibleAfterMillis }) {
      listener.start()
      const until = (yield* Clock.currentTimeMillis) + WAIT_MILLIS
      for (;;) {
        const known = listener.heard()
        const rows = yield* take(limit, visibleAfterMillis)
        if (rows.length > 0 || (yield* Clock.currentTimeMillis) >= until) return rows.map(delivery)
        yield* Effect.race(news(known), Effect.sleep(listener.pollMillis()))
      }
    })
  }
}

/** A queue in one schema, closed with the layer. Fails to build when the server cannot be reached. */
export const postgresQueue = (options: PostgresQueueOptions): Layer.Layer<JobQueue, QueueError> => {
  const schema = schemaName(options.schema ?? "throughline")
  return Layer.effect(
    JobQueue,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => openDatabase(options)),
        ({ close }) => Effect.promise(close)
      )
      yield* attempt("receive", () => openJobs(database, schema, options.migrate ?? true))
      const listener = yield* Effect.acquireRelease(
        Effect.sync(() => makeListener(database, channelOf(schema))),
        ({ close }) => Effect.sync(close)
      )
      return make(makeJobs(database, schema), listener)
    })
  )
}
