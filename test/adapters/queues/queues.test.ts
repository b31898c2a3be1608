import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { storageQueue } from "../../../adapters/queues/azure-storage-queue/queue.ts"
import { memoryQueue } from "../../../adapters/queues/memory/queue.ts"
import { redisQueue } from "../../../adapters/queues/redis/queue.ts"
import { sqliteQueue } from "../../../adapters/queues/sqlite/queue.ts"
import { JobQueue } from "../../../src/ports/JobQueue.ts"
import { hasAzurite, startAzurite } from "../azurite.ts"
import type { Azurite } from "../azurite.ts"
import { hasRedis, startRedis } from "../redis.ts"
import type { RedisServer } from "../redis.ts"
import { behaves, job, next, runsOf } from "./conform.ts"

describe("the memory queue", () => {
  behaves(() => memoryQueue())
})

describe("the SQLite queue", () => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-queue-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  behaves(() => sqliteQueue({ file: join(folder, "queue.db") }))

  it("shares its file with another process's queue", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const file = join(folder, "shared.db")
          const one = yield* Effect.provide(JobQueue, yield* Layer.build(Layer.fresh(sqliteQueue({ file }))))
          const two = yield* Effect.provide(JobQueue, yield* Layer.build(Layer.fresh(sqliteQueue({ file }))))
          yield* one.enqueue(job("x"))
          const [delivery] = yield* next(two)
          expect(runsOf([delivery!])).toEqual(["x"])
          yield* delivery!.complete
        })
      )
    ))
  it("says so when its file cannot be opened", async () => {
    const opened = Effect.runPromise(
      Effect.scoped(Layer.build(sqliteQueue({ file: join(folder, "none", "queue.db") })))
    )
    await expect(opened).rejects.toThrow("the queue did not answer")
  })
})

describe.skipIf(!hasAzurite())("the Azure Storage Queue, on Azurite", () => {
  let azurite: Azurite
  beforeAll(async () => {
    azurite = await startAzurite()
  })
  afterAll(() => azurite?.close())
  behaves(() => storageQueue({ connectionString: azurite.connectionString, queueName: "jobs" }))

  it("says what the service answered, and no secret", async () => {
    const wrong = azurite.connectionString.replace(/AccountKey=[^;]+/, "AccountKey=d3Jvbmcta2V5LWNhbmFyeQ==")
    const enqueue = JobQueue.use((queue) => Effect.flip(queue.enqueue(job("x"))))
    const error = await Effect.runPromise(
      Effect.provide(enqueue, storageQueue({ connectionString: wrong, queueName: "jobs" }))
    )
    expect(String(error.cause)).toMatch(/403/)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/d3Jvbmc|SharedKey/)
  })
})

describe("the Azure Storage Queue's settings", () => {
  const credential = { getToken: async () => null }
  const connectionString = "UseDevelopmentStorage=true"
  it.each([
    ["connectionString", { connectionString: "canary", queueName: "jobs" }],
    ["url", { url: "canary", credential, queueName: "jobs" }],
    ["queueName", { connectionString, queueName: "Canary" }],
    ["queueName", { connectionString, queueName: "canary--jobs" }],
    ["timeoutMillis", { connectionString, queueName: "jobs", timeoutMillis: Number.NaN }]
  ])("are refused by the name of %s", (name, options) => {
    expect(() => storageQueue(options)).toThrow(new RegExp(`^${name} must`))
    expect(() => storageQueue(options)).not.toThrow(/canary/i)
  })
})

describe.skipIf(!hasRedis())("the Redis queue", () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.close())
  behaves(() => redisQueue({ url: server.url }))
})
