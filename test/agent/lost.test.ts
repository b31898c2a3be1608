import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AgentError, OutcomeUnknown, ReplayDiverged } from "../../src/agent/RunAborted.ts"
import { flush, pass, passUntil } from "../writer/world.ts"
import { agentOf, ended, gate, job, makeBackends, typesOf, type World } from "./world.ts"

const LEASE = 30_000
/** The process dies; after the lease the sweeper hands the run to the other one, or ends it. */
const loseWorker = Effect.fnUntraced(function* (world: World) {
  world.second.kill()
  yield* pass(LEASE + 500, 250)
  return yield* world.first.backend.sweep
})
const answerText = (world: World, run: string) =>
  Effect.map(world.view(), ({ messages }) =>
    messages
      .filter((message) => message.run === run)
      .flatMap(({ parts }) => parts)
      .map((part) => ("text" in part ? part.text : part.type === "tool" ? `[${part.name}]` : part.type))
      .join("|")
  )

describe("a recorded call", () => {
  it.effect("runs when its beginning is in the log, and is answered when its result is", () =>
    Effect.gen(function* () {
      const noted = () => [...world.store.threads.get("main/t1")!.notes.keys()].map((key) => key.split("/")[0])
      const begun: unknown[] = []
      const finished: unknown[] = []
      const world: World = yield* makeBackends([
        agentOf("a", async (run) => {
          await run.tool("t", {}, () => void begun.push(typesOf(world.events()).at(-1), noted().at(-1)))
          finished.push(typesOf(world.events()).at(-1), noted().at(-1))
        })
      ])
      yield* world.start("r", "a")
      world.second.lag = 20
      yield* ended(yield* world.work(world.second))
      assert.deepStrictEqual(begun, ["tool.called", "begun"])
      assert.deepStrictEqual(finished, ["tool.finished", "step"])
    })
  )
})

describe("a run whose worker died", () => {
  it.effect("ends as WORKER_LOST within lease and sweep, once, however many sweep", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", () => new Promise(() => {}))])
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* pass(500)
      world.second.kill()
      yield* pass(LEASE - 1_000, 250)
      yield* world.first.backend.sweep
      assert.deepStrictEqual(world.outcomes("r"), [])
      yield* pass(1_000, 250)
      const swept = yield* Effect.all(
        Array.from({ length: 5 }, () => world.first.backend.sweep),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(world.outcomes("r").length, 1)
      assert.deepInclude(world.outcomes("r")[0], { type: "failed" })
      assert.include(JSON.stringify(world.outcomes("r")), "WORKER_LOST")
      assert.isAtLeast(
        swept.reduce((sum, { ended: count }) => sum + count, 0),
        1
      )
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 0, ended: 0 })
    })
  )
  it.effect(
    "is retried where the agent says so: epoch 2, recorded results without running again, silent until it is past them",
    () =>
      Effect.gen(function* () {
        let searched = 0
        let epochs: number[] = []
        const world = yield* makeBackends([
          agentOf(
            "a",
            async (run) => {
              epochs = [...epochs, run.epoch]
              run.status("Searching")
              await run.text("one ")
              const found = await run.tool("search", { q: "x" }, () => ({ hits: ++searched }))
              await run.text("two ")
              if (run.epoch === 1) await new Promise(() => {})
              const more = await run.tool("search", { q: "y" }, () => ({ hits: ++searched }))
              await run.text("three")
              return { found, more }
            },
            { onWorkerLost: "retry" }
          )
        ])
        yield* world.start("r", "a")
        yield* world.work(world.second)
        yield* passUntil(() => JSON.stringify(world.events()).includes("two "))
        assert.deepStrictEqual(yield* loseWorker(world), { enqueued: 1, ended: 0 })
        assert.deepStrictEqual(world.jobs, [job("r", 2)])
        const before = world.events().length
        assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), { type: "finished", outcome: "completed" })
        assert.deepStrictEqual(epochs, [1, 2])
        assert.deepStrictEqual(world.outcomes("r"), [
          { type: "completed", result: { found: { hits: 1 }, more: { hits: 2 } } }
        ])
        assert.deepStrictEqual(typesOf(world.events().slice(before)), [
          "run.started",
          "text.started",
          "text.delta",
          "text.finished",
          "tool.started",
          "tool.called",
          "tool.finished",
          "text.started",
          "text.delta",
          "text.finished",
          "run.finished"
        ])
        const started = world.events()[before]
        assert.strictEqual(started?.type === "run.started" && typeof started.from, "number")
        // what the first worker showed after its last recorded call has left the view
        assert.strictEqual(yield* answerText(world, "r"), "one |[search]|two |[search]|three")
      })
  )
  it.effect(
    "calls inside of steps are known by the step: a finished step is passed whole, and the next call is the next one",
    () =>
      Effect.gen(function* () {
        const ran: string[] = []
        const world = yield* makeBackends([
          agentOf(
            "a",
            async (run) => {
              const inner = await run.step("read", async () => {
                await run.tool("fetch", { n: 1 }, () => {
                  ran.push("inner")
                })
                return "inner"
              })
              await run.text("between ")
              if (run.epoch === 1) await new Promise(() => {})
              const outer = await run.tool("fetch", { n: 2 }, () => {
                ran.push("outer")
                return "outer"
              })
              await run.text("after")
              return [inner, outer]
            },
            { onWorkerLost: "retry" }
          )
        ])
        yield* world.start("r", "a")
        yield* world.work(world.second)
        yield* passUntil(() => JSON.stringify(world.events()).includes("between "))
        yield* loseWorker(world)
        yield* ended(yield* world.work(world.first))
        assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: ["inner", "outer"] }])
        assert.deepStrictEqual(ran, ["inner", "outer"])
        assert.strictEqual(yield* answerText(world, "r"), "[fetch]|between |[fetch]|after")
      })
  )
  it.effect("a child's result is recorded, large as it may be, and the child does not run again", () =>
    Effect.gen(function* () {
      let children = 0
      const child = agentOf("child", async () => {
        children++
        return "x".repeat(60_000)
      })
      const world = yield* makeBackends([
        child,
        agentOf(
          "a",
          async (run) => {
            const result = await run.call(child, {})
            await run.text("got it")
            if (run.epoch === 1) await new Promise(() => {})
            await run.text(" again")
            return (result as string).length
          },
          { onWorkerLost: "retry" }
        )
      ])
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* passUntil(() => JSON.stringify(world.events()).includes("got it"))
      for (const [key, value] of world.store.threads.get("main/t1")!.notes) {
        assert.isAtMost(Buffer.byteLength(JSON.stringify(value)), 32 * 1024, key)
      }
      yield* loseWorker(world)
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: 60_000 }])
      assert.strictEqual(children, 1)
      assert.strictEqual(yield* answerText(world, "r"), "got it| again".replace("|", ""))
    })
  )
  it.effect("a call that began and did not finish is OutcomeUnknown, with its key, and shown as unknown", () =>
    Effect.gen(function* () {
      let unknown: unknown
      let paid = 0
      const keys: string[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            try {
              await run.tool("pay", { amount: 1 }, async (_, { key }) => {
                keys.push(key)
                paid++
                await new Promise(() => {})
              })
            } catch (error) {
              unknown = error
              await run.text("I do not know whether it was paid")
            }
          },
          { onWorkerLost: "retry" }
        )
      ])
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* passUntil(() => paid === 1)
      yield* loseWorker(world)
      yield* ended(yield* world.work(world.first))
      assert.strictEqual(paid, 1)
      assert.instanceOf(unknown, OutcomeUnknown)
      assert.strictEqual((unknown as OutcomeUnknown).key, keys[0])
      assert.strictEqual(yield* answerText(world, "r"), "[pay]|I do not know whether it was paid")
      assert.include(JSON.stringify(world.events()), '"outcome":{"type":"unknown"')
    })
  )
  it.effect(
    "an unfinished step is OutcomeUnknown, and what is said after that is heard, whatever was recorded inside of it",
    () =>
      Effect.gen(function* () {
        const world = yield* makeBackends([
          agentOf(
            "a",
            async (run) => {
              await run
                .step("work", async () => {
                  await run.tool("inner", {}, () => 1)
                  await new Promise(() => {})
                })
                .catch(() => run.text("moving on"))
            },
            { onWorkerLost: "retry" }
          )
        ])
        yield* world.start("r", "a")
        yield* world.work(world.second)
        yield* passUntil(() => typesOf(world.events()).includes("tool.finished"))
        yield* loseWorker(world)
        yield* ended(yield* world.work(world.first))
        assert.include(yield* answerText(world, "r"), "moving on")
      })
  )
  it.effect("an idempotent call runs again with the same key", () =>
    Effect.gen(function* () {
      const keys: string[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          (run) =>
            run.tool(
              "pay",
              { amount: 1 },
              async (_, { key }) => {
                keys.push(key)
                if (run.epoch === 1) await new Promise(() => {})
                return "paid"
              },
              { idempotent: true }
            ),
          { onWorkerLost: "retry" }
        )
      ])
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* passUntil(() => keys.length === 1)
      yield* loseWorker(world)
      yield* ended(yield* world.work(world.first))
      assert.strictEqual(keys.length, 2)
      assert.strictEqual(keys[0], keys[1])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: "paid" }])
      assert.strictEqual(yield* answerText(world, "r"), "[pay]")
    })
  )
  it.effect("a failed call fails again with the message that was shown, and does not run", () =>
    Effect.gen(function* () {
      let ran = 0
      const seen: string[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            await run
              .tool("search", {}, () => {
                ran++
                throw new AgentError("the index is gone", { retryable: true })
              })
              .catch((error: unknown) => {
                assert.instanceOf(error, AgentError)
                seen.push(`${(error as AgentError).message} ${(error as AgentError).retryable}`)
              })
            await run.text("so be it")
            if (run.epoch === 1) await new Promise(() => {})
          },
          { onWorkerLost: "retry" }
        )
      ])
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* passUntil(() => JSON.stringify(world.events()).includes("so be it"))
      yield* loseWorker(world)
      yield* ended(yield* world.work(world.first))
      assert.strictEqual(ran, 1)
      assert.deepStrictEqual(seen, ["the index is gone true", "the index is gone true"])
    })
  )
  it.effect("another input at the same place is ReplayDiverged", () =>
    Effect.gen(function* () {
      let diverged: unknown
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            await run
              .tool("search", { q: run.epoch }, () => 1)
              .catch((error: unknown) => {
                diverged = error
                throw error
              })
            await run.text("found")
            await new Promise(() => {})
          },
          { onWorkerLost: "retry" }
        )
      ])
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* passUntil(() => JSON.stringify(world.events()).includes("found"))
      yield* loseWorker(world)
      yield* ended(yield* world.work(world.first))
      assert.instanceOf(diverged, ReplayDiverged)
      assert.include(JSON.stringify(world.outcomes("r")), "REPLAY_DIVERGED")
    })
  )
  it.effect("long results come back whole", () =>
    Effect.gen(function* () {
      const long = Array.from({ length: 5_000 }, (_, n) => `passage ${n} with “quotes” and \u0000`)
      const got: unknown[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            got.push(await run.tool("read", {}, () => long, { show: () => "shown" }))
            await run.text("read")
            if (run.epoch === 1) await new Promise(() => {})
          },
          { onWorkerLost: "retry" }
        )
      ])
      yield* world.start("r", "a")
      yield* world.work(world.second)
      yield* passUntil(() => JSON.stringify(world.events()).includes('"read"'))
      for (const value of world.store.threads.get("main/t1")!.notes.values()) {
        assert.isAtMost(Buffer.byteLength(JSON.stringify(value)), 32 * 1024)
      }
      yield* loseWorker(world)
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(got, [long, long])
    })
  )
  it.effect("gives up after five lost workers", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", () => new Promise(() => {}), { onWorkerLost: "retry" })], {
        processes: 7
      })
      yield* world.start("r", "a")
      for (let n = 1; n < 7 && world.outcomes("r").length === 0; n++) {
        yield* world.work(world.processes[n]!)
        yield* pass(500, 100)
        world.processes[n]!.kill()
        yield* pass(LEASE + 500, 500)
        yield* world.first.backend.sweep
      }
      assert.strictEqual(typesOf(world.events()).filter((type) => type === "run.started").length, 5)
      assert.include(JSON.stringify(world.outcomes("r")), "WORKER_LOST")
    })
  )
})

describe("a worker that was only slow", () => {
  for (const onWorkerLost of ["retry", "fail"] as const) {
    it.effect(`${onWorkerLost}: nothing it says later is kept, and its signal aborts`, () =>
      Effect.gen(function* () {
        const on = gate()
        let reason: { readonly code?: string } | undefined
        let refused: unknown
        const world = yield* makeBackends([
          agentOf(
            "a",
            async (run) => {
              if (run.epoch > 1) return run.text("the second one's")
              run.signal.addEventListener("abort", () => (reason = run.signal.reason as typeof reason))
              await run.text("before ")
              await on.passed
              await run.text("zombie")
              await run.tool("zombie", {}, () => 1).catch((error: unknown) => (refused = error))
              await run.text("zombie")
              return "zombie"
            },
            { onWorkerLost }
          )
        ])
        yield* world.start("r", "a")
        const zombie = yield* world.work(world.second)
        yield* flush
        world.second.freeze()
        yield* pass(LEASE + 500, 250)
        yield* world.first.backend.sweep
        if (onWorkerLost === "retry") yield* ended(yield* world.work(world.first))
        on.open()
        yield* flush
        world.second.thaw()
        assert.deepStrictEqual(yield* ended(zombie), { type: "fenced" })
        yield* pass(1_000)
        assert.notInclude(JSON.stringify(world.events()), "zombie")
        assert.strictEqual(world.outcomes("r").length, 1)
        assert.include(["EPOCH_FENCED", "RUN_TERMINAL"], reason?.code)
        assert.instanceOf(refused, Error)
      })
    )
  }
})
