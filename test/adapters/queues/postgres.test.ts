import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { Client } from "pg"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { queueGrantSql, queueSql } from "../../../adapters/queues/postgres/jobs.ts"
import { postgresQueue } from "../../../adapters/queues/postgres/queue.ts"
import type { PostgresQueueOptions } from "../../../adapters/queues/postgres/queue.ts"
import { JobQueue } from "../../../src/ports/JobQueue.ts"
import type { JobQueueService } from "../../../src/ports/JobQueue.ts"
import { hasPostgres, PASSWORD, startPostgres } from "../postgres.ts"
import type { Postgres } from "../postgres.ts"
import { behaves, job, next, runsOf } from "./conform.ts"

/** A pool hears of ended connections one by one, and a server that begins takes its time. */
const PATIENT = { schedule: Schedule.spaced("100 millis"), times: 50 } as const

const README = new URL("../../../adapters/queues/postgres/README.md", import.meta.url)
const PICKUP_P95_MILLIS = 50

describe.skipIf(!hasPostgres())("the Postgres queue", () => {
  let postgres: Postgres
  let admin: Client
  let schema = ""
  beforeAll(async () => {
    postgres = await startPostgres()
    admin = new Client(postgres.url())
    await admin.connect()
  })
  afterAll(async () => {
    await admin?.end()
    await postgres?.close()
  })
  beforeEach(({ task }) => {
    schema = `queue_${task.id.replaceAll(/[^a-z0-9]/g, "_")}`
  })
  const open = (options: Partial<PostgresQueueOptions> = {}) =>
    postgresQueue({ connection: postgres.url(), schema, ...options })
  /** Runs `body` with as many queues as it takes, each as another process would have it. */
  const within = (
    body: (...queues: readonly JobQueueService[]) => Effect.Effect<unknown, unknown>,
    options: Partial<PostgresQueueOptions> = {}
  ) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const queues: JobQueueService[] = []
          for (let n = 0; n < body.length; n++) {
            queues.push(yield* Effect.provide(JobQueue, yield* Layer.build(Layer.fresh(open(options)))))
          }
          yield* body(...queues)
        })
      )
    )
  behaves(() => open())

  it("hands a job that is enqueued elsewhere to one of the receivers that wait, at once", () =>
    within(
      Effect.fnUntraced(function* (one: JobQueueService, two: JobQueueService, three: JobQueueService) {
        const latencies: number[] = []
        for (let n = 0; n < 60; n++) {
          const waiting = yield* Effect.forkChild(Effect.raceFirst(next(two), next(three)))
          // Both have looked and found nothing.
          yield* Effect.sleep(30)
          yield* one.enqueue(job(`run-${n}`))
          const enqueued = performance.now()
          const [delivery] = yield* Fiber.join(waiting)
          latencies.push(performance.now() - enqueued)
          expect(runsOf([delivery!])).toEqual([`run-${n}`])
          yield* delivery!.complete
        }
        const p95 = latencies.sort((a, b) => a - b)[Math.floor(latencies.length * 0.95)]
        expect(p95).toBeLessThan(PICKUP_P95_MILLIS)
      })
    ))
  it("gives back what it had taken for a receiver that was interrupted meanwhile", () =>
    within(
      Effect.fnUntraced(function* (queue: JobQueueService) {
        yield* queue.enqueue(job("kept"))
        for (let n = 0; n < 5; n++) {
          const receiver = yield* Effect.forkChild(next(queue), { startImmediately: true })
          yield* Fiber.interrupt(receiver)
        }
        const start = performance.now()
        const [delivery] = yield* next(queue)
        expect(runsOf([delivery!])).toEqual(["kept"])
        // long before its time of being hidden is over
        expect(performance.now() - start).toBeLessThan(900)
        yield* delivery!.complete
      })
    ))
  it("goes on after its connections were ended and after the server was killed, with every job", () =>
    within(
      Effect.fnUntraced(function* (queue: JobQueueService) {
        yield* queue.enqueue(job("first"))
        const [first] = yield* next(queue)
        yield* Effect.promise(() =>
          admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        )
        // A pool hears of the end when it uses the connection, or before.
        yield* Effect.retry(queue.enqueue(job("second")), PATIENT)
        const second = yield* Effect.retry(next(queue), PATIENT)
        expect(runsOf(second)).toContain("second")
        yield* first!.release(0)
        yield* Effect.promise(async () => {
          await admin.end().catch(() => undefined)
          await postgres.kill()
        })
        const refused = yield* Effect.flip(queue.enqueue(job("third")))
        expect([refused._tag, refused.operation]).toEqual(["QueueError", "enqueue"])
        yield* Effect.promise(async () => {
          await postgres.start()
          admin = new Client(postgres.url())
          await admin.connect()
        })
        // what was said of them just before the kill may be lost: they come again, in whatever order
        const back: string[] = []
        while (!back.includes("first")) back.push(...runsOf(yield* Effect.retry(next(queue), PATIENT)))
      })
    ))
  it("answers in bounded time while the server hangs, and closes", async () => {
    const start = performance.now()
    await within(
      Effect.fnUntraced(function* (queue: JobQueueService) {
        yield* queue.enqueue(job("before"))
        postgres.signal("SIGSTOP")
        const [one, two] = yield* Effect.all(
          [Effect.flip(queue.enqueue(job("x"))), Effect.flip(queue.receive!({ limit: 1, visibleAfterMillis: 1_000 }))],
          { concurrency: "unbounded" }
        )
        expect([one.operation, two.operation]).toEqual(["enqueue", "receive"])
      }),
      { timeoutMillis: 500 }
    ).finally(() => postgres.signal("SIGCONT"))
    expect(performance.now() - start).toBeLessThan(8_000)
  })
  it("works for a role that may not create anything, and says so where there is no table", async () => {
    const statements = [
      ...queueSql(schema),
      "CREATE ROLE worker LOGIN PASSWORD 'w'",
      ...queueGrantSql(schema, "worker")
    ]
    const written = [...queueSql("throughline"), ...queueGrantSql("throughline", "agents")]
    expect(readFileSync(README, "utf8")).toContain(`${written.join(";\n")};\n`)
    const connection = postgres.url("worker", "w")
    const without = Effect.runPromise(Effect.scoped(Layer.build(open({ connection: postgres.url(), migrate: false }))))
    await expect(without).rejects.toMatchObject({ cause: { message: expect.stringContaining("no table of jobs") } })
    for (const statement of statements) await admin.query(statement)
    await within(
      Effect.fnUntraced(function* (queue: JobQueueService) {
        yield* queue.enqueue(job("x"))
        const [delivery] = yield* next(queue)
        yield* delivery!.extend(1_000)
        yield* delivery!.complete
      }),
      { connection, migrate: false }
    )
  })
  it("may be opened by many at once", () =>
    Promise.all(Array.from({ length: 8 }, () => Effect.runPromise(Effect.scoped(Layer.build(Layer.fresh(open())))))))
  it("keeps the password out of what it says", async () => {
    const wrong = postgres.url("postgres", "not-the-secret")
    const opened = Effect.runPromise(Effect.scoped(Layer.build(open({ connection: wrong }))))
    const said = await opened.then(
      () => "opened",
      (cause: unknown) => JSON.stringify([String(cause), (cause as { cause: unknown }).cause, (cause as Error).stack])
    )
    expect(said).toContain("the queue did not answer")
    expect(said).not.toContain("not-the-secret")
    expect(() => open({ connection: `postgres:/${PASSWORD}` })).not.toThrow(PASSWORD)
  })
})
