/** A run that is taken again, while it repeats what it did. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as z from "zod"
import { pass } from "../writer/world.ts"
import { agentOf, ended, gate, makeBackends } from "./world.ts"

describe("a run that repeats what it did", () => {
  it.effect("shows that its worker lives, however long what is not recorded takes", () =>
    Effect.gen(function* () {
      const on = gate()
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            // a model that is asked outside of any recorded call
            if (run.epoch > 1) await on.passed
            const reply = await run.ask.input("n")
            return reply.answered ? reply.value : "nothing"
          },
          { asks: { n: z.number() }, holdFor: "0 seconds" }
        )
      ])
      yield* world.start("r", "a")
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "suspended" })
      const [ask] = (yield* world.view()).asks
      const answer = { type: "answered", value: 4 }
      yield* world.interrupt({ kind: "answer", run: "r", ask: ask!.id, answer, digest: ask!.digest })
      const working = yield* world.work(world.first)
      yield* pass(70_000, 1_000)
      assert.deepStrictEqual(yield* world.second.backend.sweep, { enqueued: 0, ended: 0 })
      on.open()
      yield* ended(working)
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: 4 }])
    })
  )
})

describe("what people said for after the run", () => {
  it.effect("does not make the run's result too large", () =>
    Effect.gen(function* () {
      const on = gate()
      const result = "r".repeat(200 * 1024)
      const world = yield* makeBackends([agentOf("a", () => on.passed.then(() => result))])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      for (const id of ["m1", "m2", "m3"]) {
        const message = { id, parts: [{ type: "text", text: id.repeat(14_000) }] }
        assert.isTrue((yield* world.interrupt({ kind: "steer", run: "r", message, when: "after-run" })).ok)
      }
      yield* pass(500, 50)
      on.open()
      yield* ended(working)
      assert.deepStrictEqual(
        world.outcomes("r").map(({ type }) => type),
        ["completed"]
      )
      const { messages, runs } = yield* world.view()
      assert.deepStrictEqual(
        messages.filter(({ role }) => role === "user").map(({ id }) => id),
        ["m1", "m2", "m3"]
      )
      assert.isTrue(runs[0]!.interrupts.every(({ state }) => state === "applied"))
    })
  )
})

describe("a run's id", () => {
  it.effect("has no slash: notes of a run are found by its id and one", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => 1)])
      const started = yield* world.start("r/step:x#1", "a")
      assert.deepInclude(started.ok ? {} : started.error, { code: "BAD_ID", path: "id", retryable: false })
    })
  )
})
