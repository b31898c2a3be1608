/**
 * The service's clock, learnt from the `Date` header of every response.
 *
 * The header has whole seconds, so each response only bounds the difference to the local clock: the service
 * answered between sending and receiving, at its second. The bounds of many responses meet within milliseconds.
 */
export interface ServiceClock {
  /** The service's epoch milliseconds now, as well as is known. */
  readonly now: () => number
  /** Takes in one response: the `Date` header, and the local times between which it was written. */
  readonly observe: (date: string | undefined, sent: number, received: number) => void
}
export const serviceClock = (local: () => number = Date.now): ServiceClock => {
  let lowest = Number.NEGATIVE_INFINITY
  let highest = Number.POSITIVE_INFINITY
  /** The difference within the bounds that is nearest to none. */
  const skew = (): number => Math.min(Math.max(0, lowest), highest)
  return {
    now: () => Math.round(local() + skew()),
    observe: (date, sent, received) => {
      const second = date === undefined ? Number.NaN : Date.parse(date)
      if (Number.isNaN(second)) return
      const [low, high] = [second - received, second + 999 - sent]
      // Bounds that exclude each other: one of the clocks was set. Begin anew.
      if (low > highest || high < lowest) [lowest, highest] = [low, high]
      else [lowest, highest] = [Math.max(lowest, low), Math.min(highest, high)]
    }
  }
}
