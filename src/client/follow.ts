/**
 * Follows one thread: frames in, view out; fetches what is missing, and says how sure the view is.
 *
 * Promises that the view is the fold of a gapless beginning of one log: never wrong, at worst late. Subscribers
 * are called after each frame that changed it, at a cost that does not depend on the thread's length.
 */
import type { Entry } from "../protocol/Entry.ts"
import type { KnownEvent } from "../protocol/Event.ts"
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
import { failure, messageOf } from "./http.ts"

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

export interface Follower {
  readonly state: () => ThreadState
  /** The last message of the view. */
  readonly newest: () => ViewMessage | undefined
  /** Whether a view was taken; before that it is the empty one. */
  readonly loaded: () => boolean
  readonly counters: () => Readonly<ThreadCounters>
  /** Calls at once, and after each change. A listener that throws is reported once and stays. */
  readonly subscribe: (listener: Listener) => () => void
  /** Every entry that is applied, as it is applied. */
  readonly onEntry: (sink: (entry: Entry) => void) => () => void
  /** The log reaches `offset`: fetch it if its frame does not come soon. */
  readonly reveal: (offset: number) => void
  readonly invoke: Watch["invoke"]
  /** Loads the page of messages before the oldest one. */
  readonly older: () => Promise<{ readonly ok: true } | Failed>
  readonly close: () => void
}

export const follow = (options: {
  readonly thread: string
  readonly request: Request
  readonly connection: Connection
  readonly environment: Environment
}): Follower => {
  const { environment, request, thread } = options
  const listeners = new Set<Listener>()
  const thrown = new WeakSet<Listener>()
  const sinks = new Set<(entry: Entry) => void>()
  const running = new Set<string>()
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
      for (const event of entry.events as readonly KnownEvent[]) {
        if (event.type === "run.started") running.add(event.run)
        else if (event.type === "run.finished" || event.type === "run.suspended") running.delete(event.run)
      }
      if (sinks.size > 0) for (const sink of sinks) sink(entry)
    }
  })
  const status = (): ConnectionState => {
    if (closed) return "closed"
    if (socket === "open" && caught && !repairing) return "live"
    if (socket === "failed") return "offline"
    return wasLive ? "recovering" : "connecting"
  }
  const tell = () => {
    snapshot = undefined
    told = status()
    if (told === "live") wasLive = true
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
    if (!closed) alarm.by(order.due(running.size > 0))
  }
  const tick = () => {
    const now = environment.now()
    if (!closed && order.due(running.size > 0) <= now) void carryOut(order.begin(now)).catch(reportThrown)
    schedule()
  }
  const alarm = createAlarm(environment, tick)
  /** What every change of the order ends with. */
  const settle = (changed: boolean) => {
    if (repairing && caught && !order.behind()) repairing = false
    if (changed) tell()
    else tellIfChanged()
    schedule()
  }

  const carryOut = async (plan: Plan) => {
    const began = opening
    const isOpen = () => socket === "open" && began === opening
    let changed = true
    if (plan.type === "view") {
      const answer = await fetchView(request, thread, "", 1)
      if (closed) return
      if (!answer.ok) return refused(answer.error, environment.now())
      show(answer.page)
      order.reset(fold.view, environment.now())
    } else {
      if (plan.why === "gap") {
        repairing = true
        tellIfChanged()
      }
      const answer = await fetchPage(request, thread, plan, 1)
      const now = environment.now()
      if (closed) return
      if (!answer.ok) return refused(answer.error, now)
      const result = order.fetched(answer.page, now)
      if (result === "changed" || (answer.cut && result === "nothing")) return lose(now)
      changed = result === "applied"
      if (changed && plan.why === "silence" && isOpen() && ++missed >= 2) {
        missed = 0
        watch.renew()
      }
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
    running.clear()
    for (const run of page.view.runs) if (run.state === "running") running.add(run.id)
  }
  const lose = (now: number) => {
    order.lost(now)
    ahead = caught = false
    tellIfChanged()
    tick()
  }
  const refused = (fault: Fault, now: number) => {
    const { code } = fault
    const isAhead = code === "OFFSET_AHEAD"
    if ((isAhead && ahead) || code === "OFFSET_EXPIRED" || code === "LOG_CHANGED") return lose(now)
    if (isAhead) {
      // The store may have answered from a copy that lags; asked again, it tells whether the log was set back.
      ahead = true
      order.failed(now)
    } else {
      error = fault
      order.failed(now, fault.retryAfterMillis ?? (fault.retryable ? 0 : 10_000))
      tell()
    }
    schedule()
  }

  const watch = options.connection.watch({
    thread,
    active: () => running.size > 0,
    onFrame: (frame, bytes) => {
      const now = environment.now()
      if (!frame) {
        badFrames++
        order.suspect(now)
        schedule()
        return
      }
      missed = 0
      const wasRunning = running.size > 0
      settle(order.receive(frame, bytes, now))
      if (!wasRunning && running.size > 0) watch.touch()
    },
    onSocket: (state, fault) => {
      socket = state
      error = fault
      if (state === "open") {
        opening++
        caught = false
        order.check(environment.now())
        tick()
      }
      tell()
    },
    onWake: () => {
      order.check(environment.now())
      tick()
    }
  })
  tick()

  return {
    state: () =>
      (snapshot ??= {
        view: fold.view,
        connection: status(),
        hasOlder: before !== undefined,
        ...(error && { error })
      }),
    newest: () => fold.newest,
    loaded: () => order.position() !== undefined,
    counters: () => ({ ...order.counters, badFrames }),
    subscribe: (listener) => {
      listeners.add(listener)
      call(listener)
      return () => listeners.delete(listener)
    },
    onEntry: (sink) => {
      sinks.add(sink)
      return () => sinks.delete(sink)
    },
    reveal: (offset) => {
      order.reveal(offset, environment.now())
      schedule()
    },
    invoke: watch.invoke,
    // Few people scroll back, so the code for it is loaded with the first.
    older: () =>
      import("./older.ts").then(
        ({ loadOlder }) =>
          loadOlder({
            request,
            thread,
            fetchView,
            view: () => fold.view,
            before: () => (closed ? undefined : before),
            show: (page) => {
              show(page)
              tell()
            }
          }),
        (cause) => failure("OUTCOME_UNKNOWN", messageOf(cause), true)
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
