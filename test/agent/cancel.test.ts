import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { RunAborted } from "../../src/agent/RunAborted.ts"
import { flush, pass, passUntil, textOf } from "../writer/world.ts"
import { aborted, agentOf, ended, gate, makeBackends, typesOf } from "./world.ts"

describe("cancelling a run", () => {
  it.effect("while it streams: the signal aborts at once, the run ends cancelled, and what was said before stays", () =>
    Effect.gen(function* () {
      let reason: unknown
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          await run.text("some ")
          await aborted(run)
          reason = run.signal.reason
          await run.text("last words")
        })
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      assert.isTrue((yield* world.interrupt({ kind: "cancel", run: "r", reason: "enough" })).ok)
      assert.deepStrictEqual(yield* ended(working, 200), { type: "finished", outcome: "cancelled" })
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "cancelled", reason: "enough" }])
      assert.instanceOf(reason, RunAborted)
      assert.strictEqual((reason as RunAborted).code, "CANCELLED")
      assert.strictEqual(textOf(world.store, "r"), "some last words")
      const types = typesOf(world.events(), "r")
      assert.deepStrictEqual(types.slice(types.indexOf("interrupt.received")), [
        "interrupt.received",
        "interrupt.applied",
        "text.delta",
        "text.finished",
        "run.finished"
      ])
    })
  )
  for (const graceMillis of [undefined, 0, 1_000]) {
    it.effect(
      `inside a tool that ignores the signal: the run ends after ${graceMillis ?? 5_000} ms, and nothing is kept after that`,
      () =>
        Effect.gen(function* () {
          const world = yield* makeBackends([
            agentOf("a", async (run) => {
              await run
                .tool("deaf", {}, () => late.passed as Promise<string>)
                .catch((error: unknown) => (thrown = error))
              await run.text("too late")
              run.status("too late")
              await run.tool("more", {}, () => true).catch((error: unknown) => (refused = error))
              done = true
            })
          ])
          const late = gate()
          let thrown: unknown
          let refused: unknown
          let done = false
          yield* world.start("r", "a")
          const working = yield* world.work(world.second)
          yield* flush
          yield* world.interrupt({ kind: "cancel", run: "r", ...(graceMillis === undefined ? {} : { graceMillis }) })
          const grace = graceMillis ?? 5_000
          if (grace > 0) {
            yield* pass(grace - 50)
            assert.deepStrictEqual(world.outcomes("r"), [])
          }
          assert.deepStrictEqual(yield* ended(working, 300), { type: "finished", outcome: "cancelled" })
          const before = world.events()
          const { messages } = yield* world.view()
          assert.deepInclude(messages[0]?.parts[0], { type: "tool", state: "done", outcome: { type: "cancelled" } })
          late.open("at last")
          yield* passUntil(() => done, 1_000)
          yield* pass(200)
          assert.deepStrictEqual(world.events(), before)
          assert.instanceOf(thrown, RunAborted)
          assert.instanceOf(refused, RunAborted)
        })
    )
  }
  it.effect(
    "a second cancel changes nothing, the same id gets the same verdict, and after the end it is refused as over",
    () =>
      Effect.gen(function* () {
        let aborts = 0
        const world = yield* makeBackends([
          agentOf("a", async (run) => {
            run.signal.addEventListener("abort", () => aborts++)
            await aborted(run)
            await gateToEnd.passed
          })
        ])
        const gateToEnd = gate()
        yield* world.start("r", "a")
        const working = yield* world.work(world.second)
        yield* flush
        const id = world.nextId()
        const first = yield* world.interrupt({ id, kind: "cancel", run: "r" })
        const again = yield* world.interrupt({ id, kind: "cancel", run: "r" }, world.second.backend)
        assert.deepStrictEqual(again, first)
        assert.strictEqual(
          (yield* world.interrupt({ id, kind: "cancel", run: "r", reason: "other" })).error?.code,
          "DUPLICATE_DIFFERENT"
        )
        yield* world.interrupt({ kind: "cancel", run: "r" })
        yield* flush
        gateToEnd.open()
        yield* ended(working)
        assert.strictEqual(aborts, 1)
        assert.strictEqual(world.outcomes("r").length, 1)
        assert.strictEqual((yield* world.interrupt({ kind: "cancel", run: "r" })).error?.code, "RUN_TERMINAL")
        assert.deepStrictEqual(yield* world.interrupt({ id, kind: "cancel", run: "r" }), first)
        assert.strictEqual((yield* world.interrupt({ kind: "cancel", run: "nobody" })).error?.code, "NOT_FOUND")
      })
  )
  it.effect("a run that waits for a worker ends in the same entry, and its job finds nothing to do", () =>
    Effect.gen(function* () {
      let ran = false
      const world = yield* makeBackends([
        agentOf("a", async () => {
          ran = true
        })
      ])
      yield* world.start("r", "a")
      yield* world.interrupt({ kind: "cancel", run: "r" })
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "cancelled" }])
      const working = yield* world.work(world.second)
      assert.deepInclude(yield* ended(working), { type: "skipped", why: "RUN_TERMINAL" })
      assert.isFalse(ran)
    })
  )
  it.effect("a queued run ends where it stands, and the one behind it is not held up", () =>
    Effect.gen(function* () {
      const first = gate()
      const world = yield* makeBackends([agentOf("a", () => first.passed, { onBusy: "queue" })])
      for (const run of ["r1", "r2", "r3"]) yield* world.start(run, "a")
      assert.strictEqual(world.jobs.length, 1)
      const working = yield* world.work(world.second)
      yield* flush
      yield* world.interrupt({ kind: "cancel", run: "r2" })
      assert.deepStrictEqual(world.outcomes("r2"), [{ type: "cancelled" }])
      first.open()
      yield* ended(working)
      assert.deepStrictEqual(
        world.jobs.map(({ run }) => run),
        ["r3"]
      )
    })
  )
  it.effect("an agent that throws the abort's reason is cancelled, not failed", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          await aborted(run)
          run.signal.throwIfAborted()
        })
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      yield* world.interrupt({ kind: "cancel", run: "r" })
      yield* ended(working)
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "cancelled" }])
    })
  )
  it.effect("without an inbox the worker finds it within 300 ms by itself", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", aborted)], { subscribe: false })
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* pass(1_000)
      yield* world.interrupt({ kind: "cancel", run: "r" })
      const waited = yield* passUntil(() => working.pollUnsafe() !== undefined, 2_000)
      assert.isAtMost(waited, 310)
    })
  )
})

describe("time", () => {
  it.effect("a run that outlives its deadline ends as failed, in its worker", () =>
    Effect.gen(function* () {
      let reason: unknown
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            assert.strictEqual(run.deadline?.getTime(), Date.UTC(2030, 0, 1, 0, 1))
            await aborted(run)
            reason = run.signal.reason
            await new Promise(() => {})
          },
          { deadline: "1 minute" }
        )
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* pass(59_900, 100)
      assert.deepStrictEqual(world.outcomes("r"), [])
      yield* ended(working, 300)
      assert.deepInclude(world.outcomes("r")[0], { type: "failed" })
      assert.strictEqual((reason as RunAborted).code, "DEADLINE_EXCEEDED")
      assert.include(JSON.stringify(world.outcomes("r")), "DEADLINE_EXCEEDED")
    })
  )
  it.effect("a host's deadline ends the run as failed before the host kills it", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", () => new Promise(() => {}))])
      yield* world.start("r", "a")
      const working = yield* Effect.forkChild(world.second.backend.work(world.jobs[0], { hostMillis: 10_000 }))
      yield* pass(9_900, 100)
      assert.deepStrictEqual(world.outcomes("r"), [])
      yield* ended(working, 300)
      assert.include(JSON.stringify(world.outcomes("r")), "DEADLINE_EXCEEDED")
    })
  )
  it.effect("a deadline that passes before a worker takes the run is kept by the sweeper", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => {}, { deadline: 1_000 })])
      yield* world.start("r", "a")
      yield* pass(1_100, 100)
      yield* world.second.backend.sweep
      assert.include(JSON.stringify(world.outcomes("r")), "DEADLINE_EXCEEDED")
      assert.deepInclude(yield* ended(yield* world.work(world.second)), { type: "skipped" })
    })
  )
  it.effect("a run that says nothing shows a heartbeat, so that it is not taken for lost", () =>
    Effect.gen(function* () {
      const end = gate()
      const world = yield* makeBackends([agentOf("quiet", () => end.passed)])
      yield* world.start("r", "quiet")
      const working = yield* world.work(world.second)
      yield* pass(95_000, 250)
      yield* world.first.backend.sweep
      const beats = world.events().filter(({ type }) => type === "run.heartbeat").length
      assert.isAtLeast(beats, 5)
      assert.isAtMost(beats, 10)
      end.open()
      assert.deepStrictEqual(yield* ended(working), { type: "finished", outcome: "completed" })
    })
  )
})
