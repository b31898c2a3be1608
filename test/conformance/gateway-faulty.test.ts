import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { describe, expect, it } from "@effect/vitest"
import { faultyGateway, type GatewayFaults } from "../../src/conformance/faultyGateway.ts"
import type { GatewayService } from "../../src/ports/Gateway.ts"

/** A gateway that only remembers what it was given. */
const recording = () => {
  const sent: string[] = []
  const gateway = {
    name: "recording",
    capabilities: {
      maxFrameBytes: 1_000,
      order: "connection",
      delivery: "at-most-once",
      recovery: false,
      upstream: false,
      serverSubscribe: false,
      revoke: false,
      presence: false,
      manyGroups: true,
      auth: "none"
    },
    publish: (_group, frame) => Effect.sync(() => void sent.push(frame)),
    grant: () => Effect.die("not used")
  } satisfies GatewayService
  return { gateway, sent }
}
const run = Effect.fnUntraced(function* (faults: GatewayFaults, frames = 200) {
  const { gateway, sent } = recording()
  const faulty = faultyGateway(gateway, faults)
  const outcomes: string[] = []
  for (let index = 0; index < frames; index++) {
    const result = yield* Effect.result(faulty.gateway.publish("g", String(index)))
    outcomes.push(Result.isSuccess(result) ? "ok" : result.failure.reason._tag)
  }
  const before = sent.length
  yield* TestClock.adjust(1_000)
  return { sent, before, outcomes, ...faulty }
})
const all = Array.from({ length: 200 }, (_, index) => String(index))

describe("the faulty gateway", () => {
  it.effect("without faults passes everything on, in order", () =>
    Effect.gen(function* () {
      const { sent, outcomes } = yield* run({ seed: 1 })
      expect([sent, new Set(outcomes)]).toEqual([all, new Set(["ok"])])
    })
  )
  it.effect("does the same for the same seed, and something else for another", () =>
    Effect.gen(function* () {
      const faults = { drop: 0.2, duplicate: 0.2, reorder: 0.2, delay: 0.2, throttle: 0.1, unavailable: 0.1 }
      const [one, again, other] = [
        yield* run({ seed: 7, ...faults }),
        yield* run({ seed: 7, ...faults }),
        yield* run({ seed: 8, ...faults })
      ]
      expect([one.sent, one.outcomes]).toEqual([again.sent, again.outcomes])
      expect(one.sent).not.toEqual(other.sent)
    })
  )
  it.effect("drops in silence", () =>
    Effect.gen(function* () {
      const { sent, outcomes, struck } = yield* run({ seed: 1, drop: 0.3 })
      expect([outcomes.every((outcome) => outcome === "ok"), sent.length + struck.drop, struck.drop > 30]).toEqual([
        true,
        200,
        true
      ])
    })
  )
  it.effect("duplicates", () =>
    Effect.gen(function* () {
      const { sent, struck } = yield* run({ seed: 1, duplicate: 0.3 })
      expect([sent.length, struck.duplicate > 30]).toEqual([200 + struck.duplicate, true])
    })
  )
  it.effect("reorders, and loses nothing", () =>
    Effect.gen(function* () {
      const { sent } = yield* run({ seed: 1, reorder: 0.3 })
      expect(sent).not.toEqual(all)
      expect([...sent].sort()).toEqual([...all].sort())
    })
  )
  it.effect("delays until its time has come", () =>
    Effect.gen(function* () {
      const { sent, before } = yield* run({ seed: 1, delay: 1, delayMillis: 500 })
      expect([before, sent.length]).toEqual([0, 200])
    })
  )
  it.effect("throttles and is unavailable, sending some of the latter all the same", () =>
    Effect.gen(function* () {
      const throttled = yield* run({ seed: 1, throttle: 1 })
      expect([throttled.sent, new Set(throttled.outcomes)]).toEqual([[], new Set(["GatewayThrottled"])])
      const unavailable = yield* run({ seed: 1, unavailable: 1 })
      expect(new Set(unavailable.outcomes)).toEqual(new Set(["GatewayUnavailable"]))
      expect(unavailable.sent.length).toBeGreaterThan(60)
      expect(unavailable.sent.length).toBeLessThan(140)
    })
  )
  it.effect("heals", () =>
    Effect.gen(function* () {
      const { gateway, sent } = recording()
      const faulty = faultyGateway(gateway, { seed: 1, drop: 1 })
      yield* faulty.gateway.publish("g", "lost")
      faulty.heal()
      yield* faulty.gateway.publish("g", "kept")
      expect(sent).toEqual(["kept"])
    })
  )
})
