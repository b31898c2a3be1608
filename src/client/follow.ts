/**
 * Follows one thread: frames in, view out; fetches what is missing, and says how sure the view is.
 *
 * Promises that the view is the fold of a gapless beginning of one log: never wrong, at worst late. Subscribers
 * are called after each frame that changed it, at a cost that does not depend on the thread's length.
 */
import type { Entry } from "../protocol/Entry.ts"
import type { Custom } from "../protocol/Event.ts"
import type { Failed } from "../protocol/Exchange.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { View, ViewMessage, ViewPage } from "../protocol/View.ts"
import { createFold } from "../thread/fold.ts"
import type { OrderCounters, Plan } from "../thread/order.ts"
import { createOrder } from "../thread/order.ts"
import { createAlarm } from "./alarm.ts"
import { fetchPage, fetchView } from "./answers.ts"
import type { Connection, Watch } from "./connection.ts"
import type { Environment } from "./environment.ts"
import { reportThrown } from "./environment.ts"
import type { Request } from "./http.ts"
import { failure } from "./http.ts"

/**
 * - `connecting`: nothing was live yet; - `live`: the view is as new as the log
 * - `recovering`: something is known to be missing, or the socket was cut and is tried again
 * - `offline`: trying to connect failed and goes on; - `closed`: the end
 */
export type ConnectionState = "connecting" | "live" | "recovering" | "offline" | "closed"
/** Immutable: a new one for each change. */
export interface ThreadState {
  readonly view: View
  readonly connection: ConnectionState
  /** Whether `older()` has more to load. */
  readonly hasOlder: boolean
  /** Why the thread is not live, where that is known. */
  readonly error?: Fault
}
export interface ThreadCounters extends OrderCounters {
  /** What came and was no frame. */
  badFrames: number
}
export type Listener = (view: View, connection: ConnectionState) => void

/** What the application sees of it. */
export interface Followed {
  /** The thread's name. */
  readonly thread: string
  readonly view: View
  /** The last of `view.messages`, where a whole list for each delta would be too much in a long thread. */
  readonly newest: ViewMessage | undefined
  readonly connection: ConnectionState
  /** The same object until something changes. */
  readonly state: ThreadState
  /** What happened to frames; for diagnosis. */
  readonly counters: Readonly<ThreadCounters>
  /**
   * Calls at once with what is known, then synchronously after each frame or change of the connection. A listener that
   * throws is reported once and stays.
   */
  readonly subscribe: (listener: Listener) => () => void
  /** Loads the page of messages before the oldest one; a fault also where its code cannot be loaded. */
  readonly older: () => Promise<{ readonly ok: true } | Failed>
  /** Stops following. Requests under way are answered still. */
  readonly close: () => void
}
export interface Follower {
  readonly followed: Followed
  /** Whether a view was taken; before that it is the empty one. */
  readonly loaded: () => boolean
  /** Every entry that is applied, as it is applied. */
  readonly onEntry: (sink: (entry: Entry) => void) => () => void
  /** The log reaches `offset`: fetch it if its frame does not come soon. */
  readonly reveal: (offset: number) => void
  readonly interrupt: Watch["interrupt"]
}

export const follow = (options: {
  readonly thread: string
  readonly request: Request
  readonly connection: Connection
  readonly environment: Environment
}): Follower => {
  const { environment, request, thread } = options
  const { now } = environment
  const listeners = new Set<Listener>()
  const thrown = new WeakSet<Listener>()
  const sinks = new Set<(entry: Entry) => void>()
  /** Whether a started run is shown. */
  let running = false
  let fold = createFold()
  let before: string | undefined
  let snapshot: ThreadState | undefined
  let error: Fault | undefined
  let closed = false
  let socket: "opening" | "open" | "cut" | "failed" = "opening"
  /** Grows with each opening of the socket. */
  let opening = 0
  /** A request that began after the opening was answered. */
  let caught = false
  /** Something is known to be missing. */
  let repairing = false
  let wasLive = false
  let ahead = false
  /** Silences in a row that turned out to hide entries though the socket was open. */
  let missed = 0
  let told: ConnectionState = "connecting"
  let badFrames = 0

  const order = createOrder({
    random: environment.random,
    apply: (entry) => {
      fold.apply(entry)
      // Only at such events is the view taken: each time, the next change copies what it changes.
      if (entry.events.some(({ type }) => type.startsWith("run."))) lookAtRuns()
      // The thread's group has another name now. PROTOCOL.md#security
      if (entry.events.some((event) => (event as Custom).name === ".grants")) watch.renew()
      for (const sink of sinks) sink(entry)
    }
  })
  const lookAtRuns = () => {
    running = fold.view.runs.some(({ state }) => state === "running")
  }
  const status = (): ConnectionState => {
    if (closed) return "closed"
    if (socket === "open" && caught && !repairing) return "live"
    if (socket === "failed") return "offline"
    return wasLive ? "recovering" : "connecting"
  }
  const tell = () => {
    snapshot = undefined
    told = status()
    wasLive ||= told === "live"
    for (const listener of listeners) call(listener)
  }
  const call = (listener: Listener) => {
    try {
      listener(fold.view, told)
    } catch (cause) {
      if (thrown.has(listener)) return
      thrown.add(listener)
      reportThrown(cause)
    }
  }
  const tellIfChanged = () => {
    if (status() !== told) tell()
  }

  const schedule = () => {
    if (!closed) alarm.by(order.due(running))
  }
  const tick = () => {
    const at = now()
    if (!closed && order.due(running) <= at) void carryOut(order.begin(at)).catch(reportThrown)
    schedule()
  }
  const alarm = createAlarm(environment, tick)
  /** What every change of the order ends with. */
  const settle = (changed: boolean) => {
    repairing &&= !caught || order.behind()
    if (changed) tell()
    else tellIfChanged()
    schedule()
  }

  const carryOut = async (plan: Plan) => {
    const began = opening
    const isOpen = () => socket === "open" && began === opening
    const { why } = plan
    if (why === "gap") {
      repairing = true
      tellIfChanged()
    }
    const answer = why ? await fetchPage(request, thread, plan, 1) : await fetchView(request, thread, "", 1)
    if (closed) return
    if (!answer.ok) return refused(answer.error)
    let changed = true
    if ("cut" in answer) {
      const result = order.fetched(answer.page, now())
      if (result === "changed" || (answer.cut && result === "nothing")) return lose()
      changed = result === "applied"
      if (changed && why === "silence" && isOpen() && ++missed > 1) watch.renew()
    } else {
      show(answer.page)
      order.reset(fold.view, now())
    }
    ahead = false
    error = undefined
    if (isOpen()) {
      caught = true
      repairing = order.behind()
    }
    settle(changed)
  }
  const show = (page: ViewPage) => {
    fold = createFold(page.view)
    before = page.before
    lookAtRuns()
  }
  const lose = () => {
    // Another history may have other groups.
    watch.renew()
    order.lost(now())
    ahead = caught = false
    tellIfChanged()
    tick()
  }
  const refused = (fault: Fault) => {
    const { code, retryAfterMillis, retryable } = fault
    const isAhead = code === "OFFSET_AHEAD"
    if ((isAhead && ahead) || code === "OFFSET_EXPIRED" || code === "LOG_CHANGED") return lose()
    // The store may have answered from a copy that lags; asked again, it tells whether the log was set back.
    ahead = isAhead
    if (!isAhead) error = fault
    order.failed(now(), retryAfterMillis ?? (retryable ? 0 : 10_000))
    settle(!isAhead)
  }

  const check = () => {
    order.check(now())
    tick()
  }
  const watch = options.connection.watch({
    thread,
    active: () => running,
    onFrame: (frame, bytes) => {
      if (frame) missed = 0
      else {
        badFrames++
        order.suspect(now())
      }
      settle(!!frame && order.receive(frame, bytes, now()))
    },
    onSocket: (state, fault) => {
      socket = state
      error = fault
      if (state === "open") {
        opening++
        caught = false
        check()
      }
      tell()
    },
    onWake: check
  })
  tick()

  return {
    loaded: () => !!order.position(),
    onEntry: (sink) => {
      sinks.add(sink)
      return () => sinks.delete(sink)
    },
    reveal: (offset) => {
      order.reveal(offset, now())
      schedule()
    },
    interrupt: watch.interrupt,
    followed: {
      thread,
      get view() {
        return fold.view
      },
      get newest() {
        return fold.newest
      },
      get connection() {
        return told
      },
      get state() {
        return (snapshot ??= {
          view: fold.view,
          connection: told,
          hasOlder: !!before,
          ...(error && { error })
        })
      },
      get counters() {
        return { ...order.counters, badFrames }
      },
      subscribe: (listener) => {
        listeners.add(listener)
        call(listener)
        return () => listeners.delete(listener)
      },
      // Few people scroll back, so the code for it is loaded with the first.
      older: () =>
        import("./older.ts").then(
          ({ loadOlder }) =>
            loadOlder({
              request,
              thread,
              fetchView,
              createFold,
              sinks,
              view: () => fold.view,
              before: () => !closed && before,
              show,
              tell
            }),
          (cause) => failure("OUTCOME_UNKNOWN", String(cause), true)
        ),
      close: () => {
        if (closed) return
        closed = true
        alarm.stop()
        watch.stop()
        tell()
        listeners.clear()
        sinks.clear()
      }
    }
  }
}
