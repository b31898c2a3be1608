import { setTimeout } from "node:timers/promises"
import { inspect } from "node:util"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { natsQueue, type NatsQueueOptions } from "../../../adapters/queues/nats/queue.ts"
import { JobQueue, QueueError } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService } from "../../../src/ports/JobQueue.ts"
import { hasNats, startNats, type NatsServer } from "../nats.ts"
import { behaves } from "./conform.ts"

const TIMEOUT_MILLIS = 1_000
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
const JETSTREAM = "jetstream {}"

describe.skipIf(!hasNats())("the NATS queue", () => {
  let server: NatsServer
  let count = 0
  beforeAll(async () => {
    server = await startNats(JETSTREAM)
  })
  afterAll(() => server?.close())
  behaves(() => natsQueue({ servers: server.url, stream: `conform-${count++}` }))
})

describe.skipIf(!hasNats())("the NATS queue, among processes and failures", () => {
  let server: NatsServer
  const scopes: Scope.Closeable[] = []
  const open = async (stream: string, options: Partial<NatsQueueOptions> = {}) => {
    const scope = Scope.makeUnsafe()
    scopes.push(scope)
    const layer = Layer.fresh(natsQueue({ servers: server.url, stream, ...options }))
    const queue = Context.get(await run(Layer.buildWithScope(layer, scope)), JobQueue)
    return { queue, close: () => run(Scope.close(scope, Exit.void)) }
  }
  /** Jobs that the stream holds. */
  const heldBy = async (stream: string): Promise<number> => {
    const connection = await connect({ servers: server.url, reconnect: false })
    try {
      return (await (await jetstreamManager(connection)).streams.info(stream)).state.messages
    } finally {
      await connection.close()
    }
  }
  beforeAll(async () => {
    server = await startNats(JETSTREAM)
  })
  afterEach(async () => {
    for (const scope of scopes.splice(0)) await run(Scope.close(scope, Exit.void))
  })
  afterAll(() => server?.close())

  it("hands a job at once to a worker that waits, of another process, and keeps nothing of it", async () => {
    const [from, to] = [await open("wait"), await open("wait")]
    const waits: number[] = []
    for (let n = 0; n < 20; n++) {
      const waiting = next(to.queue)
      await setTimeout(5)
      const begin = performance.now()
      await run(from.queue.enqueue(job(`${n}`)))
      const delivery = await waiting
      waits.push(performance.now() - begin)
      expect([runOf(delivery), delivery.attempt]).toEqual([`${n}`, 1])
      await run(delivery.complete)
    }
    // Who only looked once a second would need half a second.
    expect(waits.sort((a, b) => a - b)[10]).toBeLessThan(100)
    expect(await heldBy("wait")).toBe(0)
  })

  it("gives a lost worker's job to another, however long it wanted it hidden", async () => {
    const options = { ackWaitMillis: 400 }
    const [lost, other] = [await open("lost", options), await open("lost", options)]
    await run(lost.queue.enqueue(job("x")))
    const first = await next(lost.queue, 60_000)
    await lost.close()
    const second = await next(other.queue)
    expect([first.attempt, second.attempt, runOf(second)]).toEqual([1, 2, "x"])
    await run(second.complete)
    expect(await receive(other.queue)).toEqual([])
  })

  it("keeps a live worker's job hidden for longer than the server would", async () => {
    const options = { ackWaitMillis: 300 }
    const [holder, other] = [await open("held", options), await open("held", options)]
    await run(holder.queue.enqueue(job("x")))
    const held = await next(holder.queue, 60_000)
    expect(await receive(other.queue)).toEqual([])
    expect(await receive(other.queue)).toEqual([])
    await run(held.complete)
    expect(await heldBy("held")).toBe(0)
  })

  it("lets nobody complete another's delivery, also after the server cut it off", async () => {
    const options = { ackWaitMillis: 300 }
    const [holder, other] = [await open("zombie", options), await open("zombie", options)]
    await run(holder.queue.enqueue(job("x")))
    const first = await next(holder.queue, 60_000)
    // this process stands still for longer than the server waits
    const until = Date.now() + 600
    while (Date.now() < until);
    await run(first.complete)
    expect(await heldBy("zombie")).toBe(1)
    const second = await next(other.queue)
    expect([second.attempt, runOf(second)]).toEqual([2, "x"])
    await run(second.complete)
    expect(await heldBy("zombie")).toBe(0)
  })

  it("gives each of many jobs to one of many workers", async () => {
    const queues = await Promise.all(Array.from({ length: 3 }, () => open("many")))
    const names = Array.from({ length: 100 }, (_, n) => `${n}`)
    const got: string[] = []
    const workers = queues.flatMap(({ queue }) =>
      Array.from({ length: 2 }, async () => {
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

  it("gives a job back that comes to a worker which does not wait any more", async () => {
    const { queue } = await open("gone")
    for (let n = 0; n < 20; n++) {
      const stop = new AbortController()
      const waiting = Effect.runPromiseExit(queue.receive!({ limit: 10, visibleAfterMillis: 60_000 }), {
        signal: stop.signal
      })
      await setTimeout(2)
      const enqueued = run(queue.enqueue(job(`${n}`)))
      stop.abort()
      const exit = await waiting
      await enqueued
      const delivery = Exit.isSuccess(exit) && exit.value[0] !== undefined ? exit.value[0] : await next(queue)
      expect(runOf(delivery)).toBe(`${n}`)
      await run(delivery.complete)
    }
  })

  it("fails in time when the server stands still or is gone, and goes on when it is back, with what was acknowledged", async () => {
    const { queue } = await open("down", { timeoutMillis: TIMEOUT_MILLIS })
    await run(queue.enqueue(job("kept")))
    const fails = async () => {
      const errors = await Promise.all([
        run(Effect.flip(queue.enqueue(job("more")))),
        run(Effect.flip(queue.receive!({ limit: 1, visibleAfterMillis: 1 })))
      ])
      expect(errors.map(({ operation }) => operation)).toEqual(["enqueue", "receive"])
      expect(errors.every((error) => error instanceof QueueError)).toBe(true)
    }
    await server.freeze()
    await fails()
    server.thaw()
    await server.kill()
    const begin = performance.now()
    await fails()
    expect(performance.now() - begin).toBeLessThan(TIMEOUT_MILLIS)
    await server.start()
    // What was not answered may have come: at least once is what is promised.
    const delivery = await next(queue)
    expect(["kept", "more"]).toContain(runOf(delivery))
    await run(delivery.complete)
  })

  it("refuses wrong options and a stream of somebody else, and says no password", async () => {
    for (const [setting, options] of [
      [/servers/, { servers: "redis://canary@host" }],
      [/servers/, { servers: "nats://me:canary@host:1" }],
      [/stream/, { stream: "a.b" }],
      [/ackWaitMillis/, { ackWaitMillis: 0 }],
      [/credentials/, { credentials: "canary", user: { name: "me", password: "canary" } }]
    ] as const) {
      const make = () => natsQueue({ servers: server.url, ...options })
      expect(make).toThrow(TypeError)
      expect(make).toThrow(setting)
      expect(make).not.toThrow(/canary/)
    }
    const connection = await connect({ servers: server.url, reconnect: false })
    await (await jetstreamManager(connection)).streams.add({ name: "theirs", subjects: ["theirs"] })
    await connection.close()
    await expect(open("theirs")).rejects.toThrow(QueueError)
    const wrong = await open("x", { servers: "nats://127.0.0.1:1", user: { name: "me", password: "canary" } }).catch(
      (cause: unknown) => cause
    )
    expect(wrong).toBeInstanceOf(QueueError)
    expect(inspect(wrong, { depth: 20, showHidden: true }) + JSON.stringify(wrong)).not.toContain("canary")
  })
})
