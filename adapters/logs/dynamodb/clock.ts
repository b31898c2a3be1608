/**
 * DynamoDB's clock, learnt from the `Date` of its answers.
 *
 * That has whole seconds, so an answer only bounds the difference to the clock here: it was written between sending and
 * receiving, within its second. The bounds of many answers meet within milliseconds.
 */
export interface ServiceClock {
  readonly now: () => number
  readonly observe: (date: string | undefined, sent: number, received: number) => void
}
export const serviceClock = (local: () => number = Date.now): ServiceClock => {
  let [lowest, highest] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  return {
    now: () => Math.round(local() + Math.min(Math.max(0, lowest), highest)),
    observe: (date, sent, received) => {
      const second = Date.parse(date ?? "")
      if (Number.isNaN(second)) return
      const [low, high] = [second - received, second + 999 - sent]
      // they exclude each other: one of the clocks was set
      if (low > highest || high < lowest) [lowest, highest] = [low, high]
      else [lowest, highest] = [Math.max(lowest, low), Math.min(highest, high)]
    }
  }
}
