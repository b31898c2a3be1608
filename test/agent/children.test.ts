/** Child runs: that end while nobody works on them, that the store keeps waiting, and whose result is too large. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as z from "zod"
import { OutcomeUnknown } from "../../src/agent/RunAborted.ts"
import { memoryBlobs } from "../../adapters/blobs/memory/blobs.ts"
import { LogError, LogUnavailable } from "../../src/ports/LogError.ts"
import type { ThreadLogService } from "../../src/ports/ThreadLog.ts"
import { pass } from "../writer/world.ts"
import { agentOf, ended, job, makeBackends } from "./world.ts"

const asking = { asks: { n: z.number() }, holdFor: "0 seconds" } as const
const child = agentOf("child", (run) => run.ask.input("n"), asking)
const hasty = agentOf("hasty", (run) => run.ask.input("n"), { ...asking, deadline: "4 seconds" })
/** Says what became of its call. */
const parentOf = (called: typeof child) =>
  agentOf(
    "a",
    (run) =>
      run.call(called as never, {} as never).then(
        () => "an answer",
        (error: unknown) => (error instanceof OutcomeUnknown ? "no outcome" : String(error))
      ),
    { holdFor: "0 seconds" }
  )

describe("a suspended run whose child ends", () => {
  it.effect("because it is cancelled is woken, and told that the call has no outcome", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([child, parentOf(child)])
      yield* world.start("r", "a")
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "suspended" })
      const called = (yield* world.view()).runs.find(({ id }) => id !== "r")!
      const cancelled = yield* world.interrupt({ kind: "cancel", run: called.id })
      assert.isTrue(cancelled.ok, JSON.stringify(cancelled))
      assert.deepStrictEqual(world.jobs, [job("r", 2)])
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: "no outcome" }])
    })
  )
  it.effect("because its time is over is woken by the sweeper", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([hasty, parentOf(hasty)])
      yield* world.start("r", "a")
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "suspended" })
      yield* pass(5_000, 1_000)
      yield* world.first.backend.sweep
      assert.deepStrictEqual(world.jobs, [job("r", 2)])
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: "no outcome" }])
    })
  )
})

describe("a child run", () => {
  it.effect("waits for a store that is away for 8 s, from whichever call on", () =>
    Effect.gen(function* () {
      const down = new LogError({ operation: "head", reason: new LogUnavailable({ cause: new Error("away") }) })
      for (let first = 0; ; first++) {
        let calls = -Infinity
        let away = false
        const unlessAway = <A>(work: Effect.Effect<A, LogError>) =>
          Effect.suspend(() => {
            if (calls++ === first) away = true
            return away ? Effect.fail(down) : work
          })
        const log = (real: ThreadLogService): ThreadLogService => ({
          ...real,
          append: (...args) => unlessAway(real.append(...args)),
          head: (...args) => unlessAway(real.head(...args)),
          read: (...args) => unlessAway(real.read(...args)),
          note: (...args) => unlessAway(real.note(...args)),
          notes: (...args) => unlessAway(real.notes(...args))
        })
        const sayer = agentOf("sayer", async (run) => (await run.text("hello"), "said"))
        const caller = agentOf("a", (run) => {
          calls = 0
          return run.call(sayer as never, {} as never)
        })
        const world = yield* makeBackends([caller, sayer], { log })
        yield* world.start("r", "a")
        const working = yield* world.work(world.second)
        yield* pass(8_000, 50)
        away = false
        yield* ended(working, 20_000)
        assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: "said" }], `from call ${first}`)
        if (calls <= first) return assert.isAtLeast(first, 8)
      }
    })
  )
  for (const where of ["nowhere", "in the blob store"] as const)
    it.effect(`whose result fits no entry fails, and so does its call, where it could be kept ${where}`, () =>
      Effect.gen(function* () {
        const large = agentOf("large", async () => "x".repeat(600_000))
        const caller = agentOf("a", (run) => run.call(large as never, {} as never).catch((error) => String(error)))
        const world = yield* makeBackends([caller, large], where === "nowhere" ? {} : { blobs: memoryBlobs() })
        yield* world.start("r", "a")
        yield* ended(yield* world.work(world.second))
        const [outcome] = world.outcomes("r")
        assert.match(JSON.stringify(outcome), /"large\\" failed/)
        const child = (yield* world.view()).runs.find(({ id }) => id !== "r")!
        assert.strictEqual(child.outcome?.type, "failed")
      })
    )
})
