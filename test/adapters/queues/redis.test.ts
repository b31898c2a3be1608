import { setTimeout } from "node:timers/promises"
import { inspect } from "node:util"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { redisQueue } from "../../../adapters/queues/redis/queue.ts"
import { JobQueue, QueueError } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService } from "../../../src/ports/JobQueue.ts"
import { hasRedis, startRedis } from "../redis.ts"
import type { RedisServer } from "../redis.ts"

const TIMEOUT_MILLIS = 2_000
const job = (run: string) => ({ thread: "main/t", run, epoch: 1 })
const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)
const runOf = (delivery: Delivery): string => (delivery.job as { readonly run: string }).run
const receive = (queue: JobQueueService, visibleAfterMillis = 30_000): Promise<readonly Delivery[]> =>
  run(queue.receive!({ limit: 10, visibleAfterMillis }))
/** Receives until something comes, whatever fails meanwhile. */
const next = async (queue: JobQueueService, visibleAfterMillis?: number): Promise<Delivery> => {
  for (;;) {
    const [found] = await receive(queue, visibleAfterMillis).catch(() => [])
    if (found !== undefined) return found
    await setTimeout(5)
  }
}

describe.skipIf(!hasRedis())("the Redis queue, among processes and failures", () => {
  let server: RedisServer
  const scopes: Scope.Closeable[] = []
  const open = async (prefix: string, timeoutMillis = 10_000) => {
    const scope = Scope.makeUnsafe()
    scopes.push(scope)
    const layer = Layer.fresh(redisQueue({ url: server.url, prefix, timeoutMillis }))
    const queue = Context.get(await run(Layer.buildWithScope(layer, scope)), JobQueue)
    return { queue, close: () => run(Scope.close(scope, Exit.void)) }
  }
  beforeAll(async () => {
    server = await startRedis("--appendonly", "yes", "--appendfsync", "always")
  })
  afterEach(async () => {
    for (const scope of scopes.splice(0)) await run(Scope.close(scope, Exit.void))
  })
  afterAll(() => server?.close())
  const takesSoFar = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(await server.ask("INFO", "commandstats")))?.[1] ?? 0)

  it("hands a job at once to a worker that waits, of another process", async () => {
    const [from, to] = [await open("wait:"), await open("wait:")]
    const waits: number[] = []
    for (let n = 0; n < 40; n++) {
      const waiting = next(to.queue)
      await setTimeout(5)
      const begin = performance.now()
      await run(from.queue.enqueue(job(`${n}`)))
      const delivery = await waiting
      waits.push(performance.now() - begin)
      expect(runOf(delivery)).toBe(`${n}`)
      await run(delivery.complete)
    }
    // Who only looked once a second would need half a second.
    expect(waits.sort((a, b) => a - b)[20]).toBeLessThan(50)
  })
  it("asks seldom while there is nothing to do, and holds up nothing else", async () => {
    const { queue } = await open("idle:")
    await receive(queue)
    const before = await takesSoFar()
    const waiting = Promise.all(Array.from({ length: 20 }, () => receive(queue)))
    const begin = performance.now()
    await run(queue.enqueue(job("now")))
    expect(performance.now() - begin).toBeLessThan(500)
    const found = (await waiting).flat()
    expect(found.map(runOf)).toEqual(["now"])
    // Each looks when it comes, when it hears of the job, and when its second is over; and there is the enqueue.
    expect((await takesSoFar()) - before).toBeLessThanOrEqual(20 * 3 + 1)
    await run(found[0]!.complete)
    expect(await server.ask("EXISTS", "idle:{jobs}:jobs", "idle:{jobs}:times", "idle:{jobs}:tries")).toBe(0)
  })
  it("gives a lost worker's job to another when its time is over", async () => {
    const [lost, other] = [await open("lost:"), await open("lost:")]
    await run(lost.queue.enqueue(job("x")))
    const first = await next(lost.queue, 400)
    await lost.close()
    const second = await next(other.queue)
    expect([first.attempt, second.attempt, runOf(second)]).toEqual([1, 2, "x"])
    await run(second.complete)
    expect(await receive(other.queue)).toEqual([])
  })
  it("gives each of many jobs to one of many workers", async () => {
    const queues = await Promise.all(Array.from({ length: 4 }, () => open("many:")))
    const names = Array.from({ length: 200 }, (_, n) => `${n}`)
    const got: string[] = []
    const workers = queues.flatMap(({ queue }) =>
      Array.from({ length: 4 }, async () => {
        while (got.length < names.length) {
          for (const delivery of await receive(queue)) {
            got.push(runOf(delivery))
            await run(delivery.complete)
          }
        }
      })
    )
    await Promise.all(names.map((name) => run(queues[0]!.queue.enqueue(job(name)))))
    await Promise.all(workers)
    expect(got.sort()).toEqual(names.sort())
  })
  it("finds a job although its call was missed", async () => {
    const { queue } = await open("deaf:")
    const waiting = next(queue)
    await server.ask("CLIENT", "KILL", "TYPE", "pubsub")
    await run(queue.enqueue(job("x")))
    const delivery = await waiting
    expect(runOf(delivery)).toBe("x")
    await run(delivery.complete)
  })
  it("fails in time when the server stands still or is gone, and goes on when it is back", async () => {
    const { queue } = await open("gone:", TIMEOUT_MILLIS)
    await run(queue.enqueue(job("kept")))
    const fails = async () => {
      const errors = await Promise.all([
        run(Effect.flip(queue.enqueue(job("more")))),
        run(Effect.flip(queue.receive!({ limit: 1, visibleAfterMillis: 1 })))
      ])
      expect(errors.map(({ operation }) => operation)).toEqual(["enqueue", "receive"])
      expect(errors.every((error) => error instanceof QueueError)).toBe(true)
    }
    server.signal("SIGSTOP")
    await fails()
    server.signal("SIGCONT")
    await server.kill()
    await run(Effect.flip(queue.enqueue(job("more"))))
    const begin = performance.now()
    await fails()
    expect(performance.now() - begin).toBeLessThan(TIMEOUT_MILLIS)
    await server.start()
    // What was not answered may have come: at least once is what is promised.
    const delivery = await next(queue)
    expect(["kept", "more"]).toContain(runOf(delivery))
  })
  it("does not say the password", async () => {
    const secret = "p4ssw0rd"
    const shown: unknown[] = []
    const url = server.url.replace("://", `://me:${secret}@`)
    shown.push(await run(Effect.flip(Effect.scoped(Layer.build(redisQueue({ url }))))))
    for (const wrong of [`redis://me:${secret}@[`, `redis://me:${secret}@host/x`]) {
      try {
        redisQueue({ url: wrong })
        shown.push("accepted")
      } catch (cause) {
        shown.push(cause)
      }
    }
    for (const error of shown) {
      expect(error).toBeInstanceOf(Error)
      expect(inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)).not.toContain(secret)
    }
  })
})
