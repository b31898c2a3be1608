/** The server's clock: what it wrote beside a message says how far it is from ours; asked anew every few minutes. */
import { dueStreamOf } from "./names.ts"
import type { Store } from "./store.ts"

export interface ServerClock {
  readonly now: () => number
  /** Compares the clocks where that is long ago. */
  readonly check: () => Promise<void>
}
const CHECK_MILLIS = 5 * 60_000

export const makeClock = (store: Store): ServerClock => {
  /** A due time that never comes, and no thread's. */
  const subject = `${dueStreamOf(store.stream)}.clock.9007199254740991`
  let ahead = 0
  let checkedAt = -Infinity
  return {
    now: () => Date.now() + Math.round(ahead),
    check: async () => {
      if (Date.now() - checkedAt < CHECK_MILLIS) return
      checkedAt = Date.now()
      const before = Date.now()
      await store.put(subject, new Uint8Array([123, 125]))
      const after = Date.now()
      const found = await store.lastDue(subject)
      if (found !== undefined) ahead = found.time.getTime() - (before + after) / 2
    }
  }
}
