import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as z from "zod"
import { AgentRun, makeAgent } from "../../src/agent/AgentRun.ts"
import type { Agent } from "../../src/agent/defineAgent.ts"
import { flush, textOf } from "../writer/world.ts"
import { ended, makeBackends } from "./world.ts"

class Search extends Context.Service<Search, { readonly find: (q: string) => Effect.Effect<string, NotFound> }>()(
  "test/Search"
) {}
class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { q: Schema.String }) {}

describe("an agent as an Effect program", () => {
  it.effect("has the run as a service, its own services inside of calls, and typed failures of tools", () =>
    Effect.gen(function* () {
      const agent = yield* makeAgent({
        name: "a",
        input: z.object({}),
        output: z.any(),
        run: () =>
          Effect.gen(function* () {
            const run = yield* AgentRun
            const search = yield* Search
            yield* run.text("looking ")
            const found = yield* run.tool("search", { q: "x" }, ({ q }) => search.find(q))
            const missing = yield* run
              .tool("search", { q: "" }, ({ q }) => Effect.andThen(Search, (inner) => inner.find(q)))
              .pipe(Effect.catchTag("NotFound", (error) => Effect.succeed(`nothing for "${error.q}"`)))
            return yield* run.step("sum up", Effect.succeed([found, missing]))
          })
      }).pipe(
        Effect.provideService(Search, {
          find: (q) => (q === "" ? Effect.fail(new NotFound({ q })) : Effect.succeed(`found ${q}`))
        })
      )
      const world = yield* makeBackends([agent as Agent])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: ["found x", 'nothing for ""'] }])
      assert.strictEqual(textOf(world.store, "r"), "looking ")
    })
  )
  it.effect("a cancel interrupts the program: its finalizers run, and what they say within the grace is kept", () =>
    Effect.gen(function* () {
      const agent = yield* makeAgent({
        name: "a",
        input: z.object({}),
        run: () =>
          Effect.gen(function* () {
            const run = yield* AgentRun
            yield* run.text("begun ")
            yield* Effect.onInterrupt(Effect.never, () => run.text("tidied up"))
          })
      })
      const world = yield* makeBackends([agent as Agent])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      yield* world.interrupt({ kind: "cancel", run: "r" })
      yield* ended(working)
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "cancelled" }])
      assert.strictEqual(textOf(world.store, "r"), "begun tidied up")
    })
  )
})
