import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ViewPage } from "../../src/protocol/View.ts"
import { agentOf, ended, makeBackends, type World } from "../agent/world.ts"
import { passUntil } from "../writer/world.ts"

const WORDS = "x".repeat(30_000)
const newestPage = (world: World): Effect.Effect<ViewPage> =>
  Effect.flatMap(world.first.backend.handle(new Request("http://test/threads/t1/view")), (response) =>
    Effect.promise(() => response.json() as Promise<ViewPage>)
  )
const post = Effect.fnUntraced(function* (world: World, from: number, count: number) {
  for (let n = from; n < from + count; n++) {
    const { ok } = yield* world.post("messages", { id: `m${n}`, parts: [{ type: "text", text: WORDS }] })
    assert.isTrue(ok)
  }
})
/** An unfinished run whose message is of `length` times 30,000 characters, behind more than a page of others. */
const withRun = Effect.fnUntraced(function* (length: number) {
  const world = yield* makeBackends([
    agentOf("open", async (run) => {
      for (let n = 0; n < length; n++) await run.text(WORDS)
      await run.text("so far")
      await new Promise(() => {})
    })
  ])
  yield* post(world, 0, 40)
  yield* world.start("r", "open")
  yield* world.work(world.first)
  yield* passUntil(() => JSON.stringify(world.events()).includes("so far"))
  return world
})

describe("the newest page of a view", () => {
  it.effect("begins with an unfinished run's message, however much was said after it", () =>
    Effect.gen(function* () {
      const world = yield* withRun(1)
      yield* post(world, 40, 40)
      const { before, view } = yield* newestPage(world)
      assert.strictEqual(view.messages[0]?.run, "r")
      assert.strictEqual(view.messages.length, 41)
      assert.strictEqual(before, view.messages[0]?.id)
    })
  )
  it.effect("holds an unfinished run's message that is larger than a page by itself", () =>
    Effect.gen(function* () {
      const world = yield* withRun(40)
      yield* post(world, 40, 1)
      const { view } = yield* newestPage(world)
      assert.deepStrictEqual(
        view.messages.map(({ id, run }) => run ?? id),
        ["r", "m40"]
      )
    })
  )
  it.effect("leaves out what a finished run wrote so long ago", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("short", async (run) => run.text("done"))])
      yield* world.start("r", "short")
      yield* ended(yield* world.work(world.first))
      yield* post(world, 0, 40)
      const { view } = yield* newestPage(world)
      assert.isBelow(view.messages.length, 40)
      assert.deepStrictEqual(view.runs, [])
    })
  )
})
