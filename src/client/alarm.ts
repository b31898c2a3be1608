/**
 * One timer that only ever moves to an earlier time, so that what comes often (frames, pongs) never moves it:
 * when it rings, its owner looks whether anything is due.
 */
import type { Environment } from "./environment.ts"

export interface Alarm {
  /** Rings at this time (epoch milliseconds) at the latest. `Infinity` asks for nothing. */
  readonly by: (time: number) => void
  readonly stop: () => void
}

export const createAlarm = (environment: Environment, ring: () => void): Alarm => {
  let timer: unknown
  let at = Infinity
  const stop = () => {
    environment.clearTimeout(timer)
    at = Infinity
  }
  return {
    stop,
    by: (time) => {
      if (time >= at) return
      stop()
      at = time
      timer = environment.setTimeout(
        () => {
          at = Infinity
          ring()
        },
        Math.max(0, time - environment.now())
      )
    }
  }
}
