/**
 * The writers of one process, by thread, and what keeps them honest with the clock.
 *
 * One ticker serves all of them: it releases publishes that hang, sends head frames while a run is silent, and
 * looks at the log for interrupts that no frame announced. One gateway connection listens for all threads that
 * this process works on. Rules: PROTOCOL.md#delivery, PROTOCOL.md#interrupts
 */
import * as Effect from "effect/Effect"
import * as Clock from "effect/Clock"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Event } from "../protocol/Event.ts"
import { HEAD_FRAME_MILLIS } from "../protocol/Limits.ts"
import type { GatewayService, Inbox } from "../ports/Gateway.ts"
import { Ids } from "../ports/Ids.ts"
import type { ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"
import { makeCounters, type Counters } from "./Counters.ts"
import type { Groups } from "./Groups.ts"
import { makeSlots } from "./Slots.ts"
import { makeThreadWriter, type ThreadWriter } from "./ThreadWriter.ts"

const TICK_MILLIS = 50
/** A run that appended nothing for this long looks at the log … */
const LOOK_MILLIS = 250
/** … this often for the first ten seconds, then once a second. */
const EAGER_MILLIS = 10_000
const LAZY_LOOK_MILLIS = 1_000
/** Longest that a run waits until it is listened for. */
const LISTEN_MILLIS = 500
/** Turns at once in a process: as many as gateway adapters have sockets. */
const TURNS = 64
/** Idle writers kept for their head; beyond that the oldest go. */
const KEPT_WRITERS = 1_000

/** Milliseconds of an unknown origin, for differences: nobody sets this clock, and no wall clock's jump moves a lease. */
export const monotonicMillis = (clock: Clock.Clock) => () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

export interface Writers {
  readonly get: (thread: ThreadKey) => ThreadWriter
  readonly groups: Groups
  readonly counters: Counters
  /** Listens for the thread's interrupts until the scope ends; resolves when the head may be read, soon in any case. */
  readonly listen: (thread: ThreadKey) => Effect.Effect<void, never, Scope.Scope>
}
export interface WritersOptions {
  readonly log: ThreadLogService
  readonly gateway: GatewayService
  readonly groups: Groups
  readonly redact?: ((event: Event, thread: ThreadKey) => Event) | undefined
}

export const makeWriters = Effect.fnUntraced(function* (options: WritersOptions) {
  const { gateway, groups, log } = options
  const clock = yield* Clock.Clock
  const ids = yield* Ids
  const scope = yield* Scope.Scope
  const counters = makeCounters()
  const slots = makeSlots(TURNS)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const now = monotonicMillis(clock)
  const writers = new Map<ThreadKey, ThreadWriter>()
  /** Those that the ticker looks after. */
  const active = new Set<ThreadWriter>()
  let ticking = false

  const tick = Effect.gen(function* () {
    while (active.size > 0) {
      yield* Effect.sleep(TICK_MILLIS)
      const time = now()
      for (const writer of active) {
        writer.tick(time)
        if (writer.hasLines()) attend(writer, time)
        else if (!writer.busy()) active.delete(writer)
      }
    }
    ticking = false
  })
  const attend = (writer: ThreadWriter, time: number) => {
    if (time - writer.lastPublishAt() >= HEAD_FRAME_MILLIS) writer.publishHead()
    const silent = time - writer.lastAppendAt()
    const period = silent < EAGER_MILLIS ? LOOK_MILLIS : LAZY_LOOK_MILLIS
    if (silent >= LOOK_MILLIS && time - writer.lastLookAt() >= period) writer.look()
  }
  const wakeTicker = (writer: ThreadWriter) => {
    active.add(writer)
    if (ticking) return
    ticking = true
    fork(Effect.forkIn(tick, scope))
  }

  const get = (thread: ThreadKey): ThreadWriter => {
    const known = writers.get(thread)
    if (known !== undefined) {
      // the map's order is that of the last use: who takes a run finds its writer again
      writers.delete(thread)
      writers.set(thread, known)
      return known
    }
    if (writers.size >= KEPT_WRITERS) forgetIdle()
    const writer: ThreadWriter = makeThreadWriter(thread, {
      log,
      gateway,
      groups,
      nextId: ids.next,
      now,
      fork,
      counters,
      slots,
      redact: options.redact,
      wakeTicker: () => wakeTicker(writer)
    })
    writers.set(thread, writer)
    return writer
  }
  const forgetIdle = () => {
    for (const [thread, writer] of writers) {
      if (writers.size < KEPT_WRITERS / 2) return
      if (!writer.busy()) writers.delete(thread)
    }
  }

  let inbox: Fiber.Fiber<Inbox | undefined> | undefined
  const listening = new Map<string, { readonly writer: ThreadWriter; count: number }>()
  const openInbox = (subscribe: NonNullable<GatewayService["subscribe"]>) =>
    subscribe({
      onFrame: (group, frame) => listening.get(group)?.writer.look(offsetOf(frame)),
      onReset: () => {
        for (const { writer } of listening.values()) writer.look()
      }
    }).pipe(
      Scope.provide(scope),
      Effect.catch((error) => Effect.as(Effect.logWarning(`cannot listen for interrupts: ${error.message}`), undefined))
    )

  const listen = Effect.fnUntraced(function* (thread: ThreadKey) {
    const { subscribe } = gateway
    if (subscribe === undefined) return
    // fibers of their own: who stops waiting does not stop what others wait for
    const opening = (inbox ??= fork(openInbox(subscribe)))
    const group = groups.inbox(thread)
    const entry = listening.get(group)
    if (entry !== undefined) entry.count++
    else listening.set(group, { writer: get(thread), count: 1 })
    let joined: Inbox | undefined
    let late = false
    const joining = fork(
      Effect.gen(function* () {
        joined = yield* Fiber.join(opening)
        // without it the worker still reads the head several times a second; the next run tries again
        if (joined === undefined) return void (inbox === opening && (inbox = undefined))
        yield* Effect.ignore(joined.join(group))
        if (late) listening.get(group)?.writer.look()
      })
    )
    yield* Effect.addFinalizer(() => {
      joining.interruptUnsafe()
      const held = listening.get(group)
      if (held === undefined || --held.count > 0) return Effect.void
      listening.delete(group)
      return joined === undefined ? Effect.void : joined.leave(group)
    })
    // a gateway that is away holds up nobody: until it is back the head is read now and then
    yield* Effect.timeoutOption(Fiber.await(joining), LISTEN_MILLIS)
    late = true
  })

  return { get, groups, counters, listen } satisfies Writers as Writers
})

/** The offset that a head frame names, if it is one. */
const offsetOf = (frame: string): number | undefined => {
  try {
    const { offset } = JSON.parse(frame) as { readonly offset?: unknown }
    return typeof offset === "number" ? offset : undefined
  } catch {
    return undefined
  }
}
