import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { faultyGateway } from "../../src/conformance/faultyGateway.ts"
import { FrameTooLarge, GatewayError, GatewayThrottled, GatewayUnavailable } from "../../src/ports/GatewayError.ts"
import {
  begin,
  delta,
  entriesOf,
  finished,
  flush,
  groups,
  isHead,
  makeWorld,
  offsetOf,
  pass,
  postOf,
  processOn,
  textOf,
  textStart,
  THREAD
} from "./world.ts"

const failing = (reason: GatewayError["reason"]) => Effect.fail(new GatewayError({ operation: "publish", reason }))
/** Says `count` deltas, one per turn, so that each is an entry of its own. */
const stream = Effect.fnUntraced(function* (
  line: { readonly offer: (events: readonly ReturnType<typeof delta>[], units: number) => void },
  count: number
) {
  for (let n = 0; n < count; n++) {
    line.offer([delta("r", `${n} `)], 100)
    yield* flush
  }
})

describe("publishing", () => {
  it.effect("sends byte for byte what was appended, to the watch group, and only after it was appended", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      let early = 0
      world.recording.answer = (frame) =>
        Effect.sync(() => {
          if (!isHead(frame) && !world.store.threads.get(THREAD)!.entries.some(({ body }) => body === frame)) early++
        })
      const line = yield* begin(world.writer, "r")
      line.offer([textStart("r")], 100)
      yield* stream(line, 10)
      assert.strictEqual(early, 0)
      assert.deepStrictEqual(
        world.sent.map(({ frame }) => frame),
        world.store.threads.get(THREAD)!.entries.map(({ body }) => body)
      )
      for (const { group } of world.sent) assert.strictEqual(group, groups.watch(THREAD, 1))
    })
  )
  it.effect(
    "has one publish in flight, waits 250 ms for it, then appends on; what piles up becomes one head frame",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld()
        const line = yield* begin(world.writer, "r")
        const before = { sent: world.sent.length, log: entriesOf(world.store).length }
        world.recording.answer = () => Effect.sleep(1_000)
        line.offer([textStart("r"), delta("r", "a")], 100)
        yield* flush
        line.offer([delta("r", "b")], 100)
        yield* pass(200)
        // waits for the publish
        assert.strictEqual(entriesOf(world.store).length, before.log + 1)
        yield* pass(100)
        assert.strictEqual(entriesOf(world.store).length, before.log + 2)
        yield* stream(line, 5)
        assert.strictEqual(entriesOf(world.store).length, before.log + 7)
        assert.strictEqual(world.sent.length, before.sent + 1)
        yield* pass(750)
        assert.strictEqual(world.sent.length, before.sent + 2)
        const head = world.sent.at(-1)!.frame
        assert.isTrue(isHead(head))
        assert.strictEqual(offsetOf(head), before.log + 7)
        assert.strictEqual(world.recording.mostInFlight(), 1)
      })
  )
  it.effect("a publish that hangs is abandoned after 2 s, and one head frame says what was missed", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const line = yield* begin(world.writer, "r")
      const before = world.sent.length
      world.recording.answer = () => Effect.never
      line.offer([textStart("r")], 100)
      yield* pass(300)
      yield* stream(line, 3)
      yield* pass(1_600)
      assert.strictEqual(world.recording.inFlight(), 1)
      world.recording.answer = () => Effect.void
      yield* pass(200)
      assert.strictEqual(world.recording.inFlight(), 0)
      assert.strictEqual(world.sent.length, before + 2)
      assert.strictEqual(offsetOf(world.sent.at(-1)!.frame), entriesOf(world.store).length)
      yield* stream(line, 1)
      assert.isFalse(isHead(world.sent.at(-1)!.frame))
    })
  )
  it.effect("keeps Retry-After: nothing is sent before, one head frame after; the log goes on meanwhile", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const line = yield* begin(world.writer, "r")
      world.recording.answer = () => failing(new GatewayThrottled({ retryAfterMillis: 2_000 }))
      line.offer([textStart("r")], 100)
      yield* flush
      world.recording.answer = () => Effect.void
      const before = { sent: world.sent.length, log: entriesOf(world.store).length }
      yield* stream(line, 5)
      yield* pass(1_990)
      assert.strictEqual(world.sent.length, before.sent)
      assert.strictEqual(entriesOf(world.store).length, before.log + 5)
      yield* pass(60)
      assert.strictEqual(world.sent.length, before.sent + 1)
      assert.strictEqual(offsetOf(world.sent.at(-1)!.frame), before.log + 5)
      assert.isTrue(isHead(world.sent.at(-1)!.frame))
    })
  )
  it.effect("an entry larger than the gateway takes goes out as a head frame", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({ maxFrameBytes: 2_000 })
      const line = yield* begin(world.writer, "r")
      yield* Effect.promise(() => line.commit([{ type: "custom", run: "r", name: "big", value: "ä".repeat(900) }]))
      yield* flush
      assert.isTrue(isHead(world.sent.at(-1)!.frame))
      assert.strictEqual(offsetOf(world.sent.at(-1)!.frame), entriesOf(world.store).length)
      assert.isAtMost(Math.max(...world.sent.map(({ frame }) => Buffer.byteLength(frame))), 2_000)
    })
  )
  it.effect(
    "a gateway that calls a frame too large gets a head frame; one that calls that too large is left alone",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld()
        const line = yield* begin(world.writer, "r")
        const before = world.sent.length
        world.recording.answer = (frame) =>
          isHead(frame) ? Effect.void : failing(new FrameTooLarge({ sizeBytes: 9, limitBytes: 8 }))
        line.offer([textStart("r")], 100)
        yield* flush
        assert.deepStrictEqual(
          world.sent.slice(before).map(({ frame }) => isHead(frame)),
          [false, true]
        )
        world.recording.answer = () => failing(new FrameTooLarge({ sizeBytes: 9, limitBytes: 8 }))
        yield* stream(line, 1)
        yield* pass(1_000)
        assert.isAtMost(world.sent.length, before + 5)
        assert.strictEqual(textOf(world.store, "r"), "0 ")
      })
  )
  it.effect("60 s of failing publishes lose nothing and hold up nothing", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const faulty = faultyGateway(world.recording.gateway, {
        seed: 7,
        throttle: 0.3,
        unavailable: 0.3,
        delay: 0.2,
        drop: 0.2
      })
      const other = yield* processOn({ log: world.log, gateway: faulty.gateway })
      const line = yield* begin(other.get(THREAD), "r")
      line.offer([textStart("r")], 100)
      let said = ""
      for (let second = 0; second < 60; second++) {
        line.offer([delta("r", `${second} `)], 100)
        said += `${second} `
        yield* pass(1_000, 250)
        assert.strictEqual(textOf(world.store, "r"), said)
      }
      faulty.heal()
      line.offer([finished("r")], 100)
      yield* pass(3_000, 50)
      const last = world.sent.at(-1)!.frame
      assert.strictEqual(offsetOf(last), entriesOf(world.store).length)
    })
  )
  it.effect("a person's answer waits for the publish, at most 250 ms", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      yield* world.writer.submit(postOf("m1"))
      world.recording.answer = () => Effect.never
      const posted = yield* Effect.forkChild(world.writer.submit(postOf("m2")))
      yield* pass(240)
      assert.isUndefined(posted.pollUnsafe())
      yield* pass(70)
      assert.isTrue((yield* Fiber.join(posted)).ok)
    })
  )
  it.effect("an unavailable gateway is not asked again for the same frame", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      world.recording.answer = () => failing(new GatewayUnavailable({ cause: new Error("down") }))
      assert.isTrue((yield* world.writer.submit(postOf("m"))).ok)
      yield* pass(5_000, 50)
      assert.strictEqual(world.sent.length, 1)
      assert.strictEqual(world.writers.counters.publishFailed, 1)
    })
  )
})
