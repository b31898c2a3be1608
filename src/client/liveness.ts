/**
 * Whether a socket still lives: asks for a sign after a silence, and gives it up when none comes.
 *
 * Pure; time is passed in. A dead socket is given up within 10 s of its last sign while a run is active, within
 * 30 s otherwise. Hearing something costs three assignments.
 */
export interface Liveness {
  readonly alive: (now: number) => void
  /** Asks now, however short the silence: after the page was hidden or the network was away. */
  readonly doubt: () => void
  /** When to look next. */
  readonly due: (active: boolean) => number
  /** `ping`: ask for a sign now. `dead`: one was asked for and did not come. */
  readonly look: (now: number, active: boolean) => "ok" | "ping" | "dead"
}

const ACTIVE = { quiet: 5_000, wait: 4_000 }
const IDLE = { quiet: 20_000, wait: 8_000 }

export const createLiveness = (now: number): Liveness => {
  let heardAt = now
  let askedAt = 0
  let asked = false
  let doubted = false
  const wait = (active: boolean) => (active || doubted ? ACTIVE.wait : IDLE.wait)
  const quiet = (active: boolean) => (doubted ? 0 : active ? ACTIVE.quiet : IDLE.quiet)
  const due = (active: boolean) => (asked ? askedAt + wait(active) : heardAt + quiet(active))
  return {
    due,
    alive: (at) => {
      heardAt = at
      asked = doubted = false
    },
    doubt: () => {
      doubted = true
    },
    look: (at, active) => {
      if (at < due(active)) return "ok"
      if (asked) return "dead"
      asked = true
      askedAt = at
      return "ping"
    }
  }
}
