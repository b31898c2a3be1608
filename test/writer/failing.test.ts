import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { LogCorrupt, LogError, LogFull, LogUnavailable } from "../../src/ports/LogError.ts"
import type { ThreadLogService } from "../../src/ports/ThreadLog.ts"
import {
  around,
  begin,
  delta,
  entriesOf,
  eventsOf,
  flush,
  makeWorld,
  pass,
  passUntil,
  postOf,
  textOf,
  textStart,
  THREAD
} from "./world.ts"

type Failure = LogError["reason"]
/** A world whose log fails with `world.failure.now`, while there is one. */
const failingWorld = Effect.fnUntraced(function* () {
  const failure: { now: Failure | undefined; calls: number } = { now: undefined, calls: 0 }
  const world = yield* makeWorld({
    log: (log): ThreadLogService => {
      const failing = around(log, (operation, work) =>
        Effect.suspend(() => {
          failure.calls++
          return failure.now === undefined
            ? work
            : (Effect.fail(new LogError({ operation, reason: failure.now })) as never)
        })
      )
      return {
        ...failing,
        append: (thread, append) =>
          failure.now?._tag === "LogUnavailable"
            ? Effect.succeed({ _tag: "Unknown", cause: failure.now })
            : failing.append(thread, append)
      }
    }
  })
  return { ...world, failure }
})
const unavailable = new LogUnavailable({ cause: new Error("down") })

describe("a log that does not answer", () => {
  it.effect("people are told STORE_UNAVAILABLE after 5 s, and the same id gets through later", () =>
    Effect.gen(function* () {
      const { failure, store, writer } = yield* failingWorld()
      failure.now = unavailable
      const posted = yield* Effect.forkChild(writer.submit(postOf("m")))
      yield* pass(4_500, 50)
      assert.isUndefined(posted.pollUnsafe())
      yield* pass(1_000, 50)
      const outcome = yield* Fiber.join(posted)
      assert.deepInclude(outcome.ok ? {} : outcome.fault, { code: "STORE_UNAVAILABLE", retryable: true })
      failure.now = undefined
      assert.isTrue((yield* writer.submit(postOf("m"))).ok)
      assert.strictEqual(eventsOf(store).length, 1)
    })
  )
  it.effect("agents wait, say everything afterwards, and people who wait behind them are told after 5 s", () =>
    Effect.gen(function* () {
      const { failure, store, writer } = yield* failingWorld()
      const refused: string[] = []
      const line = yield* begin(writer, "r", { onRefused: ({ code }) => refused.push(code) })
      failure.now = unavailable
      line.offer([textStart("r"), delta("r", "a")], 100)
      yield* pass(100)
      const posted = yield* Effect.forkChild(writer.submit(postOf("m")))
      line.offer([delta("r", "b")], 100)
      yield* pass(5_300, 50)
      const outcome = yield* Fiber.join(posted)
      assert.strictEqual(outcome.ok ? "" : outcome.fault.code, "STORE_UNAVAILABLE")
      yield* pass(20_000, 100)
      failure.now = undefined
      yield* passUntil(() => textOf(store, "r") === "ab", 3_000)
      assert.deepStrictEqual(refused, [])
      assert.strictEqual(eventsOf(store).filter(({ type }) => type === "message.posted").length, 0)
    })
  )
  it.effect("it is not asked in a tight loop", () =>
    Effect.gen(function* () {
      const { failure, writer } = yield* failingWorld()
      const line = yield* begin(writer, "r")
      failure.now = unavailable
      line.offer([textStart("r")], 100)
      const before = failure.calls
      yield* pass(30_000, 50)
      assert.isBelow(failure.calls - before, 150)
      assert.isAbove(failure.calls - before, 20)
    })
  )
  it.effect("a full log: agents wait, people are told STORE_FULL", () =>
    Effect.gen(function* () {
      const { failure, store, writer } = yield* failingWorld()
      const line = yield* begin(writer, "r")
      failure.now = new LogFull({ cause: new Error("quota") })
      line.offer([textStart("r"), delta("r", "a")], 100)
      const posted = yield* Effect.forkChild(writer.submit(postOf("m")))
      yield* pass(6_000, 50)
      const outcome = yield* Fiber.join(posted)
      assert.strictEqual(outcome.ok ? "" : outcome.fault.code, "STORE_FULL")
      failure.now = undefined
      yield* pass(500)
      assert.strictEqual(textOf(store, "r"), "a")
    })
  )
})

describe("a log that is damaged", () => {
  for (const [name, damage] of [
    [
      "corrupt records",
      (failure: { now: Failure | undefined }) =>
        void (failure.now = new LogCorrupt({ thread: THREAD, offset: 2, problem: "gone" }))
    ],
    ["control of a version that nobody here knows", undefined]
  ] as const) {
    it.effect(`${name}: the run is told, a person is answered, and nothing goes round`, () =>
      Effect.gen(function* () {
        const { failure, store, writer } = yield* failingWorld()
        const refused: string[] = []
        const line = yield* begin(writer, "r", { onRefused: ({ code }) => refused.push(code) })
        yield* flush
        if (damage !== undefined) damage(failure)
        else Object.assign(store.threads.get(THREAD)!, { control: { v: 99 }, version: 1_000 })
        const before = entriesOf(store).length
        line.offer([textStart("r")], 100)
        yield* pass(100)
        assert.include(["STORE_CORRUPT", "INTERNAL"], refused[0])
        line.detach()
        const outcome = yield* writer.submit(postOf("m"))
        assert.include(["STORE_CORRUPT", "INTERNAL"], outcome.ok ? "" : outcome.fault.code)
        const calls = failure.calls
        yield* pass(5_000, 50)
        assert.strictEqual(failure.calls, calls)
        assert.strictEqual(entriesOf(store).length, before)
      })
    )
  }
  it.effect("one damaged thread does not stop what looks after the others", () =>
    Effect.gen(function* () {
      const { failure, recording, sent, writers } = yield* failingWorld()
      const bad = writers.get("main/bad")
      const line = yield* begin(bad, "b")
      recording.answer = () => Effect.never
      line.offer([textStart("b")], 100)
      yield* flush
      line.offer([delta("b", "1")], 100)
      yield* pass(300, 50)
      failure.now = new LogCorrupt({ thread: "main/bad", offset: 2, problem: "gone" })
      line.offer([delta("b", "2")], 100)
      yield* pass(500, 50)
      failure.now = undefined
      recording.answer = () => Effect.void
      // abandons the publish that hangs, owes a head frame, and does not know the head
      yield* pass(3_000, 50)
      line.detach()
      yield* begin(writers.get("main/good"), "g")
      const before = sent.length
      yield* pass(9_000, 50)
      assert.isAtLeast(sent.length - before, 2)
    })
  )
})
