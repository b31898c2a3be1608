/**
 * When to try again to connect: quickly after a single cut, spread out when many fail together.
 *
 * Pure; the delays are drawn with full jitter, so that clients which were cut together come back apart.
 */

/** A connection that lived this long was a good one: its end is a single cut. */
export const STEADY_MILLIS = 300

const FIRST_MILLIS = 50
const FIRST_SPREAD_MILLIS = 200
const STEP_MILLIS = 500
const MAX_MILLIS = 30_000

/**
 * Milliseconds until the next attempt.
 *
 * - `failures`: attempts that failed since the last good connection
 * - `spreadMillis`: `Grant.reconnectSpreadMillis`, or 0 before the first grant
 * - `retryAfterMillis`: what the gateway or backend said; everyone was told, so all are spread beyond it
 */
export const reconnectDelay = (options: {
  readonly failures: number
  readonly spreadMillis: number
  readonly retryAfterMillis?: number | undefined
  readonly random: () => number
}): number => {
  const { failures, random, retryAfterMillis, spreadMillis } = options
  if (retryAfterMillis !== undefined) return retryAfterMillis + random() * Math.max(spreadMillis, STEP_MILLIS * 2 ** Math.min(failures, 6))
  if (failures === 0) return FIRST_MILLIS + random() * FIRST_SPREAD_MILLIS
  const window = Math.min(STEP_MILLIS * 2 ** (failures - 1), Math.max(spreadMillis, MAX_MILLIS))
  // After a second failure it is no single cut any more: the backend's own measure holds.
  return random() * (failures === 1 ? window : Math.max(window, spreadMillis))
}
