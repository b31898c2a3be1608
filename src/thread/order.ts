/**
 * The client's ordering rule: which frame is applied, held or dropped, and when to ask the log. PROTOCOL.md#order
 *
 * Promises that `apply` is called with offsets last+1, last+2, … of one history and nothing else, at O(1) per
 * frame that comes in order, and that what it holds is bounded. Pure: time is passed in, fetching is the
 * caller's: it asks `due`, calls `begin`, fetches, and hands back `fetched`, `reset`, `lost` or `failed`.
 */
import type { Entry, Frame, Position } from "../protocol/Entry.ts"
import { isEntry } from "../protocol/Entry.ts"
import {
  GAP_WAIT_MILLIS,
  IDLE_CHECK_MILLIS,
  MAX_HELD_BYTES,
  MAX_HELD_ENTRIES,
  MAX_PAGE_ENTRIES,
  SILENCE_MILLIS
} from "../protocol/Limits.ts"

/** What to ask the backend for. A `view` is asked for as long as there is no position. */
export type Plan =
  | { readonly type: "view"; readonly why?: never }
  | {
      readonly type: "entries"
      readonly after: number
      /** `""` at offset 0. */
      readonly id: string
      /** `""` while the thread has no log. */
      readonly logId: string
      /** Absent: up to the head. */
      readonly limit?: number
      /** `gap`: something is known to be missing. `check`: somebody asked. `silence`: nothing came for a while. */
      readonly why: "gap" | "check" | "silence"
    }
/** A page of the log whose entries passed the guard. */
export interface CheckedPage {
  readonly logId: string
  readonly head: { readonly offset: number; readonly id: string }
  readonly entries: readonly Entry[]
  readonly more: boolean
}
export interface OrderCounters {
  applied: number
  duplicates: number
  /** Requests for what was missing. */
  fetches: number
  /** Times the view was taken anew. */
  resets: number
}
export interface Order {
  /** `undefined` until a view was taken, and again after `lost`. */
  readonly position: () => Position | undefined
  /** Whether something is known to exist that is not applied yet. */
  readonly behind: () => boolean
  /** Answers whether anything was applied. `bytes` is the frame's length. */
  readonly receive: (frame: Frame, bytes: number, now: number) => boolean
  /** Something says that the log reaches `offset`: a receipt, for example. */
  readonly reveal: (offset: number, now: number) => void
  /** Something may be wrong or missed: look at the log at once (at most once a second). */
  readonly suspect: (now: number) => void
  /** Look at the log with a request that begins from now on: after a reconnect. */
  readonly check: (now: number) => void
  /** When to call `begin`; `Infinity` while a request is under way. `running`: the view shows a started run. */
  readonly due: (running: boolean) => number
  readonly begin: (now: number) => Plan
  /** `changed`: the page does not continue what is shown; call `lost`. Anything else was applied. */
  readonly fetched: (page: CheckedPage, now: number) => "applied" | "nothing" | "changed"
  /** The request brought nothing; the next is due after a jittered, growing time, `waitMillis` at least. */
  readonly failed: (now: number, waitMillis?: number) => void
  /** The position is worth nothing: hold frames and take the view. */
  readonly lost: (now: number) => void
  /** A view was taken: applies what was held beyond it. */
  readonly reset: (
    position: { readonly logId: string; readonly offset: number; readonly id: string },
    now: number
  ) => void
  readonly counters: Readonly<OrderCounters>
}

/** How many ids of applied entries are remembered, to tell a late copy from another history. */
const REMEMBERED = 256
/** Least time between two looks that strange frames caused. */
const SUSPECT_MILLIS = 1_000

interface Held {
  readonly entry: Entry
  readonly bytes: number
  /** How many requests had begun when it came. */
  readonly fetch: number
}

export const createOrder = (options: {
  readonly apply: (entry: Entry) => void
  readonly random: () => number
}): Order => {
  const { apply, random } = options
  const counters: OrderCounters = { applied: 0, duplicates: 0, fetches: 0, resets: 0 }
  let logId = ""
  /** −1: no position. */
  let offset = -1
  let id = ""
  let recent: (string | undefined)[] = []
  const held = new Map<number, Held>()
  /** The highest offset that anything named. */
  let wanted = 0
  let gapAt = Infinity
  let lookAt = 0
  let lookedAt = -Infinity
  let heardAt = 0
  let notBefore = -Infinity
  let jitter = random()
  let fetching = false
  let limited = false
  let wantedBefore = 0
  let failures = 0
  let losses = 0

  /** The jitter spreads the readers of one thread. */
  const soon = (now: number) => now + GAP_WAIT_MILLIS * random()
  const gapWait = (now: number) => soon(now + GAP_WAIT_MILLIS)
  const behind = () => offset < 0 || held.size > 0 || wanted > offset
  const isForeign = (log: string) => log !== logId && logId !== ""
  const fits = (entry: Entry) => entry.offset === offset + 1 && entry.prev === id && !isForeign(entry.logId)

  const accept = (entry: Entry) => {
    offset = entry.offset
    id = entry.id
    logId = entry.logId
    recent[offset % REMEMBERED] = id
    counters.applied++
    apply(entry)
  }
  /** Applies what is held and fits now; what is held below was overtaken. */
  const drain = (now: number) => {
    for (let item = held.get(offset + 1); item; item = held.get(offset + 1)) {
      held.delete(offset + 1)
      if (fits(item.entry)) accept(item.entry)
      else suspect(now)
    }
    gapAt = behind() ? gapWait(now) : Infinity
  }
  const suspect = (now: number) => {
    lookAt = Math.min(lookAt, Math.max(now, lookedAt + SUSPECT_MILLIS))
  }
  /** The log reaches `at`: what is missing is fetched if it did not come by then. */
  const want = (at: number, by: number) => {
    wanted = Math.max(wanted, at)
    gapAt = Math.min(gapAt, by)
  }
  const backOff = (now: number, firstMillis: number, times: number) => {
    notBefore = now + random() * Math.min(30_000, firstMillis * 2 ** times)
  }
  const hold = (entry: Entry, bytes: number, now: number) => {
    const known = held.get(entry.offset)
    if (known) {
      if (known.entry.id === entry.id) counters.duplicates++
      else suspect(now)
      return
    }
    let heldBytes = bytes
    for (const item of held.values()) heldBytes += item.bytes
    const hasRoom =
      (offset < 0 || entry.offset <= offset + MAX_HELD_ENTRIES) &&
      held.size < MAX_HELD_ENTRIES &&
      heldBytes <= MAX_HELD_BYTES
    if (hasRoom) held.set(entry.offset, { entry, bytes, fetch: counters.fetches })
    want(entry.offset, hasRoom ? gapWait(now) : soon(now))
  }
  /** Everything but the next entry. */
  const outOfOrder = (frame: Frame, bytes: number, now: number) => {
    if (offset >= 0) {
      if (isForeign(frame.logId)) return suspect(now)
      if (frame.offset <= offset) {
        const known = frame.offset > offset - REMEMBERED ? recent[frame.offset % REMEMBERED] : undefined
        counters.duplicates++
        // Older than what is remembered: a late copy, or a log that was set back. A look soon tells.
        if (!known) lookAt = Math.min(lookAt, now + SILENCE_MILLIS)
        else if (known !== frame.id) suspect(now)
        // Only the newest offset is a sign of life: a log that was set back repeats lower ones.
        else if (frame.offset === offset) heardAt = now
        return
      }
      heardAt = now
      if (frame.offset === offset + 1 && isEntry(frame)) return suspect(now)
    }
    if (isEntry(frame)) hold(frame, bytes, now)
    // Who publishes a head does not publish the entry.
    else want(frame.offset, soon(now))
  }
  /** The highest offset that is neither applied nor held, or `undefined` for "up to the head". */
  const lastMissing = () => {
    let top = wanted
    while (top > offset && held.has(top)) top--
    return top === wanted ? undefined : top
  }

  return {
    counters,
    behind,
    suspect,
    position: () => (offset < 0 ? undefined : { logId, offset, id }),
    receive: (frame, bytes, now) => {
      const before = offset
      if (isEntry(frame) && fits(frame)) {
        accept(frame)
        heardAt = now
        drain(now)
      } else outOfOrder(frame, bytes, now)
      return offset !== before
    },
    reveal: (at, now) => {
      if (at > offset) want(at, gapWait(now))
    },
    check: (now) => {
      lookAt = now
      notBefore = -Infinity
    },
    due: (running) => {
      if (fetching) return Infinity
      const tail = heardAt + (running ? SILENCE_MILLIS + 1_000 * jitter : IDLE_CHECK_MILLIS * (1 + jitter / 6))
      return Math.max(notBefore, offset < 0 ? -Infinity : Math.min(gapAt, lookAt, tail))
    },
    begin: (now) => {
      const missing = behind() && gapAt <= now
      const why = missing ? "gap" : lookAt <= now ? "check" : "silence"
      fetching = true
      counters.fetches++
      // Whoever heard something strange before now gets the answer from this request.
      lookAt = gapAt = Infinity
      heardAt = now
      jitter = random()
      wantedBefore = wanted
      if (offset < 0) return { type: "view" }
      const top = missing ? lastMissing() : undefined
      limited = !!top
      return {
        type: "entries",
        after: offset,
        id,
        logId,
        why,
        ...(top && { limit: Math.min(top - offset, MAX_PAGE_ENTRIES) })
      }
    },
    fetched: (page, now) => {
      fetching = false
      lookedAt = now
      notBefore = -Infinity
      const before = offset
      if (isForeign(page.logId)) return "changed"
      for (const entry of page.entries) {
        if (entry.offset <= offset) continue
        if (!fits(entry)) return "changed"
        accept(entry)
      }
      const head = page.head
      if (head.offset === offset && head.id !== id) return "changed"
      failures = losses = 0
      for (const [at, item] of held) {
        // Log first, publish second: what came before the request and lies beyond the head does not exist.
        if (at <= offset || (at > head.offset && item.fetch < counters.fetches)) held.delete(at)
      }
      // What frames announced before the request is as far as the head, or is not.
      wanted = wanted === wantedBefore ? head.offset : Math.max(wanted, head.offset)
      drain(now)
      if (offset === before) return "nothing"
      if (page.more && !limited) lookAt = now
      return "applied"
    },
    failed: (now, waitMillis = 0) => {
      fetching = false
      lookedAt = now
      // Whatever asked is still unanswered.
      lookAt = now
      backOff(now + waitMillis, 250, failures++)
    },
    lost: (now) => {
      fetching = false
      offset = -1
      held.clear()
      wanted = 0
      // A backend that contradicts itself is asked ever less often.
      backOff(now, losses && 500, losses++)
    },
    reset: (position, now) => {
      fetching = false
      failures = 0
      lookedAt = now
      counters.resets++
      logId = position.logId
      offset = position.offset
      id = position.id
      recent = []
      recent[offset % REMEMBERED] = id
      for (const [at, item] of held) if (at <= offset || isForeign(item.entry.logId)) held.delete(at)
      drain(now)
    }
  }
}
