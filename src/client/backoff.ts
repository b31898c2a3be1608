/**
 * When to try again to connect: quickly after a single cut, spread out when many fail together.
 *
 * Pure; the delays are drawn with full jitter, so that clients which were cut together come back apart.
 */

/** A connection that lived this long was a good one: its end is a single cut. */
export const STEADY_MILLIS = 300

const FIRST_MILLIS = 50
const FIRST_SPREAD_MILLIS = 200
/** Doubled with each failure, up to 32 s. */
const STEP_MILLIS = 500

/**
 * Milliseconds until the next attempt.
 *
 * - `failures`: attempts that failed since the last good connection
 * - `spreadMillis`: `Grant.reconnectSpreadMillis`, or 0 before the first grant
 * - `retryAfterMillis`: what the gateway or backend said; everyone was told, so all are spread beyond it
 */
export const reconnectDelay = (
  failures: number,
  spreadMillis: number,
  random: () => number,
  retryAfterMillis?: number
): number => {
  const window = STEP_MILLIS * 2 ** Math.min(failures - 1, 6)
  if (retryAfterMillis !== undefined) return retryAfterMillis + random() * Math.max(spreadMillis, window)
  if (failures === 0) return FIRST_MILLIS + random() * FIRST_SPREAD_MILLIS
  // After a second failure it is no single cut any more: the backend's own measure holds. A crowd that is refused again
  // and again then asks, on average, once in that time; with full jitter it would be twice.
  return failures > 1 && spreadMillis > window ? spreadMillis * (0.5 + random()) : random() * window
}
