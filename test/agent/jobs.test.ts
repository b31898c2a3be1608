import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { AgentServices } from "../../src/agent/AgentServices.ts"
import { consume } from "../../src/agent/consume.ts"
import { faultyLog } from "../../src/conformance/faultyLog.ts"
import { QueueError, type Delivery } from "../../src/ports/JobQueue.ts"
import { LogCorrupt, LogError } from "../../src/ports/LogError.ts"
import type { Head, ThreadLogService } from "../../src/ports/ThreadLog.ts"
import { snapshotOf } from "../../src/writer/readView.ts"
import { flush, logOn, makeWorld, pass, passUntil, processOn, START } from "../writer/world.ts"
import { memoryStore } from "../../adapters/logs/memory/log.ts"
import { TestClock } from "effect/testing"
import { aborted, agentOf, ended, gate, job, makeBackends, typesOf, type World } from "./world.ts"

/** A run of agent `a` whose worker dies, and whose lease passes. */
const loseRun = Effect.fnUntraced(function* (world: World) {
  yield* world.start("r", "a")
  yield* world.work(world.second)
  yield* pass(500)
  world.second.kill()
  yield* pass(31_000, 500)
})

describe("a job", () => {
  it.effect("that comes twice, to two workers at once, makes one run", () =>
    Effect.gen(function* () {
      let ran = 0
      const world = yield* makeBackends([
        agentOf("a", async () => {
          ran++
        })
      ])
      yield* world.start("r", "a")
      world.first.lag = 3
      world.second.lag = 3
      const working = [yield* world.work(world.first, job("r")), yield* world.work(world.second, job("r"))]
      const results = yield* Effect.forEach(working, (each) => ended(each))
      assert.deepStrictEqual(results.map(({ type }) => type).sort(), ["finished", "skipped"])
      assert.strictEqual(ran, 1)
      assert.strictEqual(typesOf(world.events()).filter((type) => type === "run.started").length, 1)
    })
  )
  it.effect("that comes late or again does not steal a healthy run, and one of a finished run does nothing", () =>
    Effect.gen(function* () {
      const end = gate()
      const world = yield* makeBackends([agentOf("a", () => end.passed, { onWorkerLost: "retry" })])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* pass(20_000, 250)
      for (const epoch of [1, 2, 3]) {
        assert.deepStrictEqual(yield* ended(yield* world.work(world.first, job("r", epoch))), {
          type: "skipped",
          why: "RUN_NOT_WAITING"
        })
      }
      end.open()
      assert.deepStrictEqual(yield* ended(working), { type: "finished", outcome: "completed" })
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first, job("r"))), {
        type: "skipped",
        why: "RUN_TERMINAL"
      })
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first, job("nobody"))), {
        type: "skipped",
        why: "RUN_TERMINAL"
      })
    })
  )
  it.effect("that is not one of ours is skipped", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => {})])
      for (const raw of [
        null,
        "x",
        1,
        {},
        { thread: "main/t1" },
        { thread: 1, run: "r", epoch: 1 },
        { thread: "main/t1", run: "r", epoch: 1.5 }
      ]) {
        assert.deepStrictEqual(yield* world.first.backend.work(raw), { type: "skipped", why: "BAD_SHAPE" })
      }
      assert.strictEqual(world.events().length, 0)
    })
  )
  it.effect("that was lost is made good by the sweeper", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => "done")])
      world.queue.lost = true
      assert.isTrue((yield* world.start("r", "a")).ok)
      world.queue.lost = false
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 0, ended: 0 })
      yield* pass(15_100, 100)
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 1, ended: 0 })
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "finished", outcome: "completed" })
    })
  )
  it.effect("that nobody takes is handed out again less and less often, by each sweeper", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => "done")])
      yield* world.start("r", "a")
      yield* pass(15_100, 100)
      for (let second = 0; second < 240; second += 5) {
        yield* world.first.backend.sweep
        yield* pass(5_000, 1_000)
      }
      // at 15, 30, 60, 120 s and the one of the start itself
      assert.isAtMost(world.jobs.length, 6)
      assert.isAtLeast(world.jobs.length, 4)
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "finished", outcome: "completed" })
    })
  )
  it.effect("begins its run also while the gateway is away, and hears a cancel all the same", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", (run) => aborted(run))], { away: true })
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* passUntil(() => typesOf(world.events()).includes("run.started"), 1_000)
      yield* world.interrupt({ kind: "cancel", run: "r" })
      yield* ended(working, 2_000)
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "cancelled" }])
    })
  )
  it.effect("of a run whose agent no worker knows ends the run and says so", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => {})], { processes: 1 })
      yield* world.start("r", "a")
      const entries = world.store.threads.get("main/t1")!.entries
      entries[0] = { ...entries[0]!, body: entries[0]!.body.replace('"agent":"a"', '"agent":"z"') }
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), { type: "skipped", why: "NOT_FOUND" })
      assert.include(JSON.stringify(world.outcomes("r")), "no worker here knows its agent")
    })
  )
  it.effect("of a run whose beginning was trimmed ends the run and says so, instead of being taken for ever", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => {})], { processes: 1 })
      yield* world.start("r", "a")
      yield* world.plain.saveSnapshot("main/t1", snapshotOf(yield* world.view()))
      yield* world.plain.trim("main/t1", 1)
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), { type: "skipped", why: "NOT_FOUND" })
      const { entries } = yield* world.plain.read("main/t1", 1, { limit: 10, maxBytes: 100_000 })
      assert.include(entries.at(-1)!.body, "its beginning is no longer in the log")
    })
  )
  it.effect("whose log does not answer for a while waits and then runs; it is not lost", () =>
    Effect.gen(function* () {
      let down = false
      const world = yield* makeBackends([agentOf("a", async () => "done")], {
        log: (log) =>
          faultyLog(log, { script: (operation) => (down && operation === "note" ? "unavailable" : undefined) })
      })
      yield* world.start("r", "a")
      down = true
      const working = yield* world.work(world.second)
      yield* pass(8_000, 100)
      down = false
      assert.deepStrictEqual(yield* ended(working), { type: "finished", outcome: "completed" })
    })
  )
})

describe("the sweeper", () => {
  it.effect("looks after the other threads when one is damaged", () =>
    Effect.gen(function* () {
      const bad = (log: ThreadLogService): ThreadLogService => ({
        ...log,
        due: (before, limit) => Effect.map(log.due(before, limit), (threads) => ["main/bad", "main/worse", ...threads]),
        head: (thread) =>
          thread === "main/bad"
            ? Effect.fail(
                new LogError({ operation: "head", reason: new LogCorrupt({ thread, offset: 1, problem: "gone" }) })
              )
            : thread === "main/worse"
              ? Effect.map(log.head(thread), (head) => ({ ...head, control: { v: 99 } }))
              : log.head(thread)
      })
      const world = yield* makeBackends([agentOf("a", () => new Promise(() => {}))], { log: bad })
      yield* loseRun(world)
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 0, ended: 1 })
    })
  )
  it.effect("looks after a lost run behind 1,200 threads that stay due, and at each of those once", () =>
    Effect.gen(function* () {
      const waiting = Array.from({ length: 1_200 }, (_, n) => `main/waits-${n}`)
      let heads = 0
      const crowded = (log: ThreadLogService): ThreadLogService => ({
        ...log,
        due: (before, limit) =>
          Effect.map(log.due(before, limit), (threads) => [...waiting, ...threads].slice(0, limit)),
        head: (thread) =>
          Effect.suspend(() => {
            if (thread.startsWith("main/waits-")) heads++
            return log.head(thread)
          })
      })
      const world = yield* makeBackends([agentOf("a", () => new Promise(() => {}))], { log: crowded })
      yield* loseRun(world)
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 0, ended: 1 })
      // and one whose clock is the store's
      assert.strictEqual(heads, waiting.length + 1)
    })
  )
})

describe("a store whose clock is a day ahead of this process's", () => {
  const DAY = 24 * 3_600_000
  const ahead = (head: Head): Head => ({ ...head, now: head.now + DAY })
  const withClock = (log: ThreadLogService): ThreadLogService => ({
    ...log,
    head: (thread) => Effect.map(log.head(thread), ahead),
    read: (thread, after, page) =>
      Effect.map(log.read(thread, after, page), (result) => ({ ...result, head: ahead(result.head) })),
    append: (thread, request) =>
      Effect.map(log.append(thread, request), (result) =>
        result._tag === "Appended" ? { ...result, head: ahead(result.head) } : result
      )
  })
  it.effect("decides what is due: a lost run is found no later, and a healthy one no sooner", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", () => new Promise(() => {}))], { log: withClock })
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* pass(500)
      world.second.kill()
      yield* pass(28_000, 250)
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 0, ended: 0 })
      yield* pass(3_000, 250)
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 0, ended: 1 })
    })
  )
})

/** Services whose queue and log the test makes up. */
const consuming = Effect.fnUntraced(function* (options: {
  readonly onReceive: () => Effect.Effect<readonly Delivery[], QueueError>
  readonly concurrency: number
  readonly log?: (log: ThreadLogService) => ThreadLogService
}) {
  yield* TestClock.setTime(START)
  const plain = yield* logOn(memoryStore())
  const log = options.log?.(plain) ?? plain
  const { recording } = yield* makeWorld()
  const services: AgentServices = {
    agents: new Map(),
    log,
    queue: { name: "made up", enqueue: () => Effect.void },
    writers: yield* processOn({ log, gateway: recording.gateway }),
    nextId: () => "id",
    now: () => START,
    fork: Effect.runForkWith(yield* Effect.context<never>()),
    perform: Effect.runPromiseWith(yield* Effect.context<never>()),
    blobs: undefined,
    handedOut: { again: () => true },
    onDrain: () => () => {},
    drain: () => {},
    context: undefined
  }
  return yield* Effect.forkChild(consume(services, options.onReceive, { concurrency: options.concurrency }))
})
const delivery = (raw: unknown, attempt = 1) => {
  const did: string[] = []
  const made: Delivery = {
    job: raw,
    attempt,
    complete: Effect.sync(() => void did.push("complete")),
    release: (millis) => Effect.sync(() => void did.push(`release ${millis}`)),
    extend: () => Effect.sync(() => void did.push("extend"))
  }
  return { made, did }
}

describe("consume", () => {
  it.effect("works on no more jobs at once than it may, and takes the next when one is done", () =>
    Effect.gen(function* () {
      const end = gate()
      let running = 0
      let most = 0
      let received = 0
      const { made } = delivery(job("r"))
      const slow: Delivery = {
        ...made,
        complete: Effect.promise(async () => {
          running++
          most = Math.max(most, running)
          await end.passed
          running--
        })
      }
      const consumer = yield* consuming({
        concurrency: 3,
        onReceive: () =>
          Effect.suspend(() => {
            received++
            return received > 10 ? Effect.never : Effect.succeed([slow])
          })
      })
      yield* pass(500)
      assert.strictEqual(received, 3)
      end.open()
      yield* passUntil(() => received === 11)
      assert.isAtMost(most, 3)
      yield* Fiber.interrupt(consumer)
    })
  )
  it.effect("deletes a job that came more than ten times, unseen; the tenth time it is still tried", () =>
    Effect.gen(function* () {
      const tenth = delivery(job("r"), 10)
      const eleventh = delivery(job("r"), 11)
      const left = [tenth.made, eleventh.made]
      let touched = 0
      const consumer = yield* consuming({
        concurrency: 1,
        onReceive: () => Effect.suspend(() => (left.length === 0 ? Effect.never : Effect.succeed([left.shift()!]))),
        log: (log) => ({
          ...log,
          head: (thread) =>
            Effect.suspend(() => {
              touched++
              return log.head(thread)
            })
        })
      })
      yield* passUntil(() => eleventh.did.length > 0)
      assert.deepStrictEqual([tenth.did, eleventh.did], [["complete"], ["complete"]])
      assert.strictEqual(touched, 1)
      yield* Fiber.interrupt(consumer)
    })
  )
  it.effect("gives a job back when the log does not answer, and keeps it hidden meanwhile", () =>
    Effect.gen(function* () {
      const { did, made } = delivery(job("r"))
      const left = [made]
      const consumer = yield* consuming({
        concurrency: 1,
        onReceive: () => Effect.suspend(() => (left.length === 0 ? Effect.never : Effect.succeed([left.shift()!]))),
        log: (log) => faultyLog(log, { script: (operation) => (operation === "head" ? "unavailable" : undefined) })
      })
      yield* passUntil(() => did.length > 0, 10_000)
      assert.deepStrictEqual(did, ["release 1000"])
      yield* Fiber.interrupt(consumer)
    })
  )
  it.effect("survives a queue that does not answer, without asking in a tight loop", () =>
    Effect.gen(function* () {
      let asked = 0
      const { did, made } = delivery({ nonsense: true })
      const consumer = yield* consuming({
        concurrency: 2,
        onReceive: () =>
          Effect.suspend(() => {
            asked++
            if (asked === 5) return Effect.succeed([made])
            return asked > 5
              ? Effect.never
              : Effect.fail(new QueueError({ operation: "receive", cause: new Error("down") }))
          })
      })
      yield* flush
      assert.strictEqual(asked, 1)
      yield* pass(4_100, 100)
      assert.deepStrictEqual(did, ["complete"])
      yield* Fiber.interrupt(consumer)
    })
  )
})
