import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import {
  begin,
  delta,
  entriesOf,
  finished,
  flush,
  isHead,
  makeWorld,
  offsetOf,
  pass,
  postOf,
  START,
  switched,
  textStart
} from "./world.ts"
import type { Switch } from "./world.ts"

const idleWorld = Effect.fnUntraced(function* () {
  let own: Switch | undefined
  const world = yield* makeWorld({ log: (log) => (own = switched(log)).log })
  const line = yield* begin(world.writer, "r")
  line.offer([textStart("r")], 100)
  yield* flush
  return {
    ...world,
    line,
    own: own!,
    calls: own!.calls,
    heads: () => own!.calls.filter((call) => call === "head").length
  }
})

describe("while a run says nothing", () => {
  it.effect("a head frame goes out every 4 s, and nothing is appended", () =>
    Effect.gen(function* () {
      const { line, sent, store } = yield* idleWorld()
      const before = { sent: sent.length, log: entriesOf(store).length }
      yield* pass(20_500, 50)
      const heads = sent.slice(before.sent)
      assert.strictEqual(heads.length, 5)
      heads.forEach(({ at, frame }, index) => {
        assert.isTrue(isHead(frame))
        assert.strictEqual(offsetOf(frame), before.log)
        assert.isAtMost(at - START - (index + 1) * 4_000, 300)
      })
      assert.strictEqual(entriesOf(store).length, before.log)
      line.offer([delta("r", "a")], 100)
      yield* flush
      yield* pass(3_900, 50)
      assert.strictEqual(sent.length, before.sent + 6)
    })
  )
  it.effect("the head is read every 250 ms for 10 s, then every second", () =>
    Effect.gen(function* () {
      const { heads } = yield* idleWorld()
      const before = heads()
      yield* pass(10_000, 50)
      const eager = heads() - before
      assert.isAtLeast(eager, 36)
      assert.isAtMost(eager, 40)
      yield* pass(10_000, 50)
      const lazy = heads() - before - eager
      assert.isAtLeast(lazy, 9)
      assert.isAtMost(lazy, 11)
    })
  )
  it.effect("a run that appends does not read the head besides", () =>
    Effect.gen(function* () {
      const { heads, line } = yield* idleWorld()
      const before = heads()
      for (let n = 0; n < 50; n++) {
        line.offer([delta("r", "x")], 100)
        yield* pass(100, 50)
      }
      assert.strictEqual(heads(), before)
    })
  )
  it.effect("its end is told when its frame is out, also while another run never pauses", () =>
    Effect.gen(function* () {
      const { line, own, sent, writer } = yield* idleWorld()
      const other = yield* begin(writer, "other")
      own.lag = 10
      const talking = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.sync(() => other.offer([{ type: "run.heartbeat", run: "other", epoch: 1 }], 100)),
            Effect.sleep(3)
          )
        )
      )
      const ending = yield* Effect.forkChild(
        Effect.promise(async () => {
          await line.commit([finished("r")])
          await writer.settled()
          return sent.some(({ frame }) => frame.includes("run.finished"))
        })
      )
      yield* pass(200, 1)
      assert.deepStrictEqual(ending.pollUnsafe(), Exit.succeed(true))
      yield* Fiber.interrupt(talking)
    })
  )
  it.effect("its writer is the same when it is asked for again, however many threads come meanwhile", () =>
    Effect.gen(function* () {
      const { writer, writers } = yield* makeWorld()
      for (let n = 0; n < 5_000; n++) {
        writers.get(`main/other-${n}`)
        if (n % 400 === 0) assert.strictEqual(writers.get(writer.thread), writer)
      }
    })
  )
  it.effect("nothing is read or sent any more once no run is worked on", () =>
    Effect.gen(function* () {
      const { calls, line, sent, writer } = yield* idleWorld()
      line.offer([finished("r")], 100)
      yield* flush
      line.detach()
      yield* pass(100, 50)
      const before = { calls: calls.length, sent: sent.length }
      yield* pass(20_000, 100)
      assert.deepStrictEqual({ calls: calls.length, sent: sent.length }, before)
      assert.isTrue((yield* writer.submit(postOf("m"))).ok)
      yield* Effect.promise(() => writer.settled())
    })
  )
})
