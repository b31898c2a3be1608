/**
 * When a run, with the runs that it called, may let go of its worker: everything under way waits for people, or for
 * a place where it can be left. PROTOCOL.md#suspend
 *
 * Recorded calls and streams under way are *flights*, one inside the other; an ask is a flight that waits. When all
 * that have nothing inside wait, the tree suspends after `holdMillis`, or at once if it is wanted. From then on nothing
 * settles any more: the function is left where it stands, and its place is in the log.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import type { Id, RunSuspended } from "../protocol/Event.ts"

export type SuspendReason = RunSuspended["why"]
export interface Flight {
  readonly inside: Set<Flight>
  readonly around: Flight | undefined
  waits: boolean
}
/** A run of the tree, as far as suspending it needs. */
export interface Member {
  /** Asks of the run that are open. */
  readonly asks: () => readonly Id[]
  /**
   * Appends `run.suspended`; resolves when it is durable or refused. `parks`: calls that are under way all wait, so
   * that the next epoch may enter them again.
   */
  readonly suspend: (why: SuspendReason, asks: readonly Id[], parks: boolean) => Promise<void>
}
export interface Hold {
  /** Runs `body` as a flight inside of the one that it is called in. */
  readonly fly: <T>(body: (flight: Flight) => Promise<T>) => Promise<T>
  /** Waits for `answer` as an ask: the tree may suspend meanwhile. */
  readonly wait: <T>(answer: Promise<T>) => Promise<T>
  /** A place where the run can be left: resolves at once, or never, if the tree is to suspend. */
  readonly gate: () => Promise<void>
  /** From now on the tree suspends at its next gate, or where it waits. `who` may take that back with `undefined`. */
  readonly want: (who: string, why: SuspendReason | undefined) => void
  /** Suspends now, whatever is under way: its outcome is unknown to the next epoch. */
  readonly force: (why: SuspendReason) => void
  /** Children join after their parents and suspend before them. Answers how to leave. */
  readonly join: (member: Member) => () => void
  /** Resolves once the tree has suspended; never otherwise. */
  readonly suspended: Promise<void>
  readonly isClosed: () => boolean
  /** The run ended: nothing is suspended any more. */
  readonly stop: () => void
}

const flights = new AsyncLocalStorage<Flight>()
/** One for each: the reactions of a shared one would keep every run that was ever suspended. */
const never = () => new Promise<never>(() => {})
const newFlight = (around: Flight | undefined): Flight => ({ inside: new Set(), around, waits: false })
const isWaiting = (flight: Flight): boolean =>
  flight.inside.size === 0 ? flight.waits : [...flight.inside].every(isWaiting)

export const makeHold = (options: {
  readonly holdMillis: number
  readonly after: (millis: number, then: () => void) => () => void
}): Hold => {
  const { after, holdMillis } = options
  const top = newFlight(undefined)
  const members: Member[] = []
  const wanted = new Map<string, SuspendReason>()
  /** Who stands at a gate. */
  const gates: (() => void)[] = []
  let closed = false
  let stopped = false
  let cancelTimer = () => {}
  let resolveSuspended: () => void
  const suspended = new Promise<void>((resolve) => (resolveSuspended = resolve))

  const close = async (why: SuspendReason, parks: boolean) => {
    if (closed || stopped) return
    closed = true
    cancelTimer()
    const all = members.flatMap((member) => member.asks())
    // what a child waits for must be in the log before its parent says that it waits
    for (const member of members.toReversed())
      await member.suspend(why, member === members[0] ? all : member.asks(), parks)
    resolveSuspended()
  }
  const look = () => {
    cancelTimer()
    if (closed || stopped || top.inside.size === 0 || !isWaiting(top)) return
    const [why] = wanted.values()
    if (why !== undefined) void close(why, true)
    else if (Number.isFinite(holdMillis)) cancelTimer = after(holdMillis, () => void close("asked", true))
  }
  const fly = async <T>(body: (flight: Flight) => Promise<T>): Promise<T> => {
    const around = flights.getStore() ?? top
    const flight = newFlight(around)
    around.inside.add(flight)
    look()
    try {
      const result = await flights.run(flight, () => body(flight))
      return closed ? await never() : result
    } catch (error) {
      if (closed) await never()
      throw error
    } finally {
      around.inside.delete(flight)
      look()
    }
  }
  const wait = <T>(answer: Promise<T>): Promise<T> =>
    fly((flight) => {
      flight.waits = true
      look()
      return answer
    })
  return {
    fly,
    wait,
    gate: async () => {
      while (closed || wanted.size > 0) await wait(new Promise<void>((resolve) => gates.push(resolve)))
    },
    want: (who, why) => {
      if (wanted.get(who) === why) return
      if (why === undefined) wanted.delete(who)
      else wanted.set(who, why)
      if (!closed && wanted.size === 0) for (const open of gates.splice(0)) open()
      look()
    },
    force: (why) => void close(why, false),
    join: (member) => {
      members.push(member)
      return () => void members.splice(members.indexOf(member), 1)
    },
    suspended,
    isClosed: () => closed,
    stop: () => {
      stopped = true
      cancelTimer()
    }
  }
}
