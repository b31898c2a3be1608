/**
 * Whether a socket still lives: asks for a sign after a silence, and gives it up when none comes.
 *
 * Pure; time is passed in. A dead socket is given up within 10 s of its last sign while a run is active, within
 * 30 s otherwise. Hearing something costs two assignments.
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

const WAIT_MILLIS = 4_000
const QUIET_MILLIS = { active: 5_000, idle: 20_000 }

export const createLiveness = (now: number): Liveness => {
  let heardAt = now
  /** 0: nothing was asked since something was heard. */
  let askedAt = 0
  const due = (active: boolean) =>
    askedAt > 0 ? askedAt + WAIT_MILLIS : heardAt + QUIET_MILLIS[active ? "active" : "idle"]
  return {
    due,
    alive: (at) => {
      heardAt = at
      askedAt = 0
    },
    doubt: () => {
      heardAt = 0
    },
    look: (at, active) => {
      if (at < due(active)) return "ok"
      if (askedAt > 0) return "dead"
      askedAt = at
      return "ping"
    }
  }
}
