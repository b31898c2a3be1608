/** Timers of one run: all end with it. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

export interface Timers {
  /** Answers how to cancel it. */
  readonly after: (millis: number, then: () => void) => () => void
  readonly every: (millis: number, then: () => void) => void
  readonly stop: () => void
}
export const makeTimers = (fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>): Timers => {
  const running = new Set<Fiber.Fiber<unknown, unknown>>()
  let stopped = false
  const start = (effect: Effect.Effect<unknown>) => {
    if (stopped) return () => {}
    const fiber = fork(effect)
    running.add(fiber)
    fiber.addObserver(() => running.delete(fiber))
    return () => fiber.interruptUnsafe()
  }
  return {
    after: (millis, then) => start(Effect.andThen(Effect.sleep(Math.max(0, millis)), Effect.sync(then))),
    every: (millis, then) => void start(Effect.forever(Effect.andThen(Effect.sleep(millis), Effect.sync(then)))),
    stop: () => {
      stopped = true
      for (const fiber of running) fiber.interruptUnsafe()
    }
  }
}
