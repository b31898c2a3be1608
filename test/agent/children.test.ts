/** Child runs that end while nobody works on them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as z from "zod"
import { OutcomeUnknown } from "../../src/agent/RunAborted.ts"
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
