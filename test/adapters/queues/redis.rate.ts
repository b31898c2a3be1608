/**
 * How long after it was enqueued a job reaches a waiting worker, and how many jobs a second pass through.
 *
 * Prints JSON lines. The enqueuer and the worker have connections of their own, as two processes would.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { redisQueue } from "../../../adapters/queues/redis/queue.ts"
import { JobQueue } from "../../../src/ports/JobQueue.ts"
import { startRedis } from "../redis.ts"

const JOBS = 300
const job = (n: number) => ({ thread: "main/t", run: `run-${n}`, epoch: 1 })
const receive = (queue: JobQueue["Service"]) => queue.receive!({ limit: 32, visibleAfterMillis: 30_000 })
const server = await startRedis("--appendonly", "yes")
const program = Effect.gen(function* () {
  const open = Effect.map(Layer.build(Layer.fresh(redisQueue({ url: server.url }))), Context.get(JobQueue))
  const [from, to] = [yield* open, yield* open]
  const take = Effect.fnUntraced(function* (count: number) {
    for (let got = 0; got < count;) {
      const found = yield* receive(to)
      got += found.length
      yield* Effect.forEach(found, ({ complete }) => complete, { concurrency: "unbounded" })
    }
  })
  const waits: number[] = []
  for (let n = 0; n < JOBS; n++) {
    let begin = 0
    const enqueue = Effect.suspend(() => {
      begin = performance.now()
      return from.enqueue(job(n))
    })
    // Time enough that the worker waits.
    const later = Effect.andThen(Effect.sleep(5), enqueue)
    const pick = Effect.tap(receive(to), () => Effect.sync(() => waits.push(performance.now() - begin)))
    const [found] = yield* Effect.all([pick, later], { concurrency: "unbounded" })
    yield* Effect.forEach(found, ({ complete }) => complete)
  }
  waits.sort((a, b) => a - b)
  const at = (share: number): number => Math.round((waits[Math.floor(waits.length * share)] ?? 0) * 100) / 100
  console.log(JSON.stringify({ name: "pickup", jobs: JOBS, p50Millis: at(0.5), p95Millis: at(0.95), boundMillis: 50 }))
  const begin = performance.now()
  const all = Array.from({ length: 5_000 }, (_, n) => from.enqueue(job(n)))
  yield* Effect.all([Effect.all(all, { concurrency: 256, discard: true }), take(all.length)], {
    concurrency: "unbounded"
  })
  const jobsPerSecond = Math.round(all.length / ((performance.now() - begin) / 1000))
  console.log(JSON.stringify({ name: "throughput", jobs: all.length, jobsPerSecond }))
})
try {
  await Effect.runPromise(Effect.scoped(program))
} finally {
  await server.close()
}
