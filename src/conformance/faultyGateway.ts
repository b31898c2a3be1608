/**
 * A gateway that fails on purpose, the same way for the same seed: what core must survive in simulations and tests.
 *
 * Wraps any `GatewayService`; only `publish` misbehaves. Time is Effect's clock, so `TestClock` drives it.
 */
import * as Effect from "effect/Effect"
import type { GatewayService } from "../ports/Gateway.ts"
import { GatewayError, GatewayThrottled, GatewayUnavailable } from "../ports/GatewayError.ts"

/** Chances from 0 to 1, drawn for each frame in this order; all default to 0. */
export interface GatewayFaults {
  readonly seed: number
  /** Fails with `GatewayThrottled`; the frame is not sent. */
  readonly throttle?: number
  readonly retryAfterMillis?: number
  /** Fails with `GatewayUnavailable`; half of these frames were sent all the same. */
  readonly unavailable?: number
  /** Succeeds, and the frame is lost. */
  readonly drop?: number
  /** Sent twice. */
  readonly duplicate?: number
  /** Held back until the next frame of the group was sent, or for `delayMillis`. */
  readonly reorder?: number
  /** Succeeds at once, and the frame is sent after `delayMillis`. */
  readonly delay?: number
  readonly delayMillis?: number
}
export interface FaultyGateway {
  readonly gateway: GatewayService
  /** How often each fault struck. */
  readonly struck: Readonly<Record<"throttle" | "unavailable" | "drop" | "duplicate" | "reorder" | "delay", number>>
  /** Stops misbehaving, as when a network heals; held frames still go out. */
  readonly heal: () => void
}

export const faultyGateway = (inner: GatewayService, faults: GatewayFaults): FaultyGateway => {
  const random = seeded(faults.seed)
  const struck = { throttle: 0, unavailable: 0, drop: 0, duplicate: 0, reorder: 0, delay: 0 }
  const held = new Map<string, string>()
  const delayMillis = faults.delayMillis ?? 50
  let healed = false

  const strikes = (fault: keyof typeof struck): boolean => {
    // Drawn even when it cannot strike, so that one chance does not shift the others.
    const drawn = random()
    if (healed || drawn >= (faults[fault] ?? 0)) return false
    struck[fault]++
    return true
  }
  const fail = (reason: GatewayError["reason"]) => Effect.fail(new GatewayError({ operation: "publish", reason }))
  const release = (group: string) =>
    Effect.suspend(() => {
      const frame = held.get(group)
      if (frame === undefined) return Effect.void
      held.delete(group)
      return Effect.ignore(inner.publish(group, frame))
    })
  const later = (effect: Effect.Effect<void>) =>
    Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.sleep(delayMillis), effect)))

  const publish: GatewayService["publish"] = (group, frame) =>
    Effect.suspend(() => {
      const [throttle, unavailable, drop, duplicate, reorder, delay] = (
        ["throttle", "unavailable", "drop", "duplicate", "reorder", "delay"] as const
      ).map(strikes)
      const send = inner.publish(group, frame)
      if (throttle) return fail(new GatewayThrottled({ retryAfterMillis: faults.retryAfterMillis ?? 1_000 }))
      if (unavailable) {
        const lost = fail(new GatewayUnavailable({ cause: new Error("injected") }))
        return random() < 0.5 ? lost : Effect.andThen(Effect.ignore(send), lost)
      }
      if (drop) return Effect.void
      if (reorder && !held.has(group)) {
        held.set(group, frame)
        return later(release(group))
      }
      if (delay) return later(Effect.ignore(send))
      return (duplicate ? Effect.andThen(send, send) : send).pipe(Effect.andThen(release(group)))
    })

  return { gateway: { ...inner, publish }, struck, heal: () => void (healed = true) }
}

/** Mulberry32: numbers from 0 up to 1, the same for the same seed. */
const seeded = (seed: number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
