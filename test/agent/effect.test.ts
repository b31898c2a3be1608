import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as z from "zod"
import { AgentRun, makeAgent } from "../../src/agent/AgentRun.ts"
import type { Agent } from "../../src/agent/defineAgent.ts"
import { AgentError } from "../../src/agent/RunAborted.ts"
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
  it.effect("a failure that it handled before it suspended is the same failure when it goes on", () =>
    Effect.gen(function* () {
      const seen: unknown[] = []
      const failures = [
        new NotFound({ q: "x" }),
        new AgentError("the index is gone", { retryable: true }),
        { _tag: "Plain", at: [1] },
        "text",
        new NotFound({ q: "x".repeat(100_000) })
      ] as const
      const agent = yield* makeAgent({
        name: "a",
        input: z.object({}),
        output: z.any(),
        asks: { n: z.number() },
        holdFor: "0 seconds",
        run: () =>
          Effect.gen(function* () {
            const run = yield* AgentRun
            for (const failure of failures) {
              const failed = yield* Effect.flip(
                run.step(
                  "outer",
                  run.tool("t", {}, () => Effect.fail(failure))
                )
              )
              if (typeof failed === "string") seen.push(failed)
              else if (failed instanceof AgentError) seen.push(["AgentError", failed.message, failed.retryable])
              else seen.push([failed._tag, "at" in failed ? failed.at : failed instanceof Error && failed.name])
            }
            const missing = yield* run
              .tool("search", {}, () => Effect.fail(new NotFound({ q: "y" })))
              .pipe(Effect.catchTag("NotFound", ({ q }) => Effect.succeed(`nothing for "${q}"`)))
            const died = yield* Effect.exit(run.tool("t", {}, () => Effect.die(new AgentError("broken"))))
            seen.push(missing, Exit.hasDies(died))
            return (yield* run.ask.input("n")).answered
          })
      })
      const world = yield* makeBackends([agent as Agent])
      yield* world.start("r", "a")
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "suspended" })
      const [ask] = (yield* world.view()).asks
      const answer = { type: "answered", value: 1 }
      yield* world.interrupt({ kind: "answer", run: "r", ask: ask!.id, answer, digest: ask!.digest })
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: true }])
      const once = [
        ["NotFound", "NotFound"],
        ["AgentError", "the index is gone", true],
        ["Plain", [1]],
        "text",
        ["NotFound", "NotFound"],
        'nothing for "y"',
        true
      ]
      assert.deepStrictEqual(seen, [...once, ...once])
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
