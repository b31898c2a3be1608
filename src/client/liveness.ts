/**
 * Whether a socket still lives: asks for a sign after a silence, and gives it up when none comes.
 *
 * Pure; time is passed in. A dead socket is given up within 10 s of its last sign while a run is active, within
 * 30 s otherwise. Hearing something costs two assignments.
 */
export interface Liveness {
  /** 0: it is in doubt, however short the silence; the page was hidden or the network was away. */
  heardAt: number
  /** 0: nothing was asked since something was heard. */
  askedAt: number
}

const WAIT_MILLIS = 4_000
const QUIET_MILLIS = 20_000
const QUIET_ACTIVE_MILLIS = 5_000

/** When to ask for a sign, or, if one was asked for, to give up. */
export const dueAt = ({ askedAt, heardAt }: Liveness, active: boolean): number =>
  askedAt ? askedAt + WAIT_MILLIS : heardAt + (active ? QUIET_ACTIVE_MILLIS : QUIET_MILLIS)
