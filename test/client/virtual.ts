/**
 * A virtual clock as the client's environment: timers fire in order of time, and between two of them every
 * promise that can settle has settled.
 */
import type { Environment } from "../../src/client/environment.ts"

/** A small seeded generator (mulberry32), so that every schedule can be run again. */
export const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

export const START = Date.parse("2026-01-01T00:00:00.000Z")
export interface VirtualClock extends Environment {
  readonly advance: (millis: number) => Promise<void>
  /** Lets promises settle, without time passing. */
  readonly settle: () => Promise<void>
  readonly wake: () => void
  readonly pending: () => number
}

export const virtualClock = (seed = 1): VirtualClock => {
  let time = START
  let count = 0
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>()
  const wakes = new Set<() => void>()
  const settle = async () => {
    // Every chain of promises ends before the next turn of the event loop; a `Response` may take two.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    now: () => time,
    random: seeded(seed),
    setTimeout: (run, millis) => {
      timers.set(++count, { at: time + Math.max(0, millis), run })
      return count
    },
    clearTimeout: (timer) => timers.delete(timer as number),
    onWake: (wake) => {
      wakes.add(wake)
      return () => wakes.delete(wake)
    },
    wake: () => wakes.forEach((wake) => wake()),
    pending: () => timers.size,
    settle,
    advance: async (millis) => {
      const end = time + millis
      await settle()
      for (;;) {
        let first: [number, { at: number; run: () => void }] | undefined
        for (const timer of timers)
          if (timer[1].at <= end && (first === undefined || timer[1].at < first[1].at)) first = timer
        if (first === undefined) break
        timers.delete(first[0])
        time = Math.max(time, first[1].at)
        first[1].run()
        await settle()
      }
      time = end
    }
  }
}
