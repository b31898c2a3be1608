/**
 * What the client needs of the place it runs in: a clock, timers, chance, and a sign that it woke up.
 *
 * The defaults work in browsers, workers and Node; tests pass a virtual clock. Nothing else in the client
 * reads the time or starts a timer.
 */
export interface Environment {
  /** Epoch milliseconds that never go back. Nothing but the expiry of a grant is compared with it. */
  readonly now: () => number
  readonly setTimeout: (run: () => void, millis: number) => unknown
  readonly clearTimeout: (timer: unknown) => void
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Calls `wake` when the page becomes visible or the network is back; answers how to stop that. */
  readonly onWake: (wake: () => void) => () => void
}

/**
 * Wall time held still while somebody sets the clock back. Unlike `performance.now` it goes on while a laptop
 * sleeps, so that a connection which slept is looked at first.
 */
const steadyClock = () => {
  let last = 0
  let offset = 0
  return () => {
    const time = Date.now() + offset
    if (time >= last) return (last = time)
    offset += last - time
    return last
  }
}

export const defaultEnvironment: Environment = {
  now: steadyClock(),
  setTimeout: (run, millis) => setTimeout(run, millis),
  clearTimeout: (timer) => clearTimeout(timer as number),
  random: Math.random,
  onWake: (wake) => {
    // Where there is no page, nothing hides it; in Node there is no network event either.
    const host: Partial<typeof globalThis> = globalThis
    const page = host.document
    const stop = new AbortController()
    const { signal } = stop
    page?.addEventListener("visibilitychange", () => page.visibilityState === "visible" && wake(), { signal })
    host.addEventListener?.("online", wake, { signal })
    return () => stop.abort()
  }
}

/** Reports what the application threw, as an uncaught error would be, without ending anything else. */
export const reportThrown = (error: unknown): void => (globalThis.reportError ?? console.error)(error)
/** Runs what others wrote; what it throws is reported and ends nothing. */
export const guarded = (run: () => void): void => {
  try {
    run()
  } catch (error) {
    reportThrown(error)
  }
}
