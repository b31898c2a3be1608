/**
 * The writer of one thread in one process: everything that this process wants to append goes through its loop.
 *
 * Take what is pending, decide it against the newest control, append, publish, repeat: the next batch grows while
 * the append is in flight. Promises: commands of one run keep their order; nothing is published that is not
 * appended, nothing acknowledged that is not durable; after a conflict everything pending is decided anew.
 * What the events mean is `thread/decide`'s; when to look at the log without a reason is `Writers`'.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Fiber from "effect/Fiber"
import type { Event, Id } from "../protocol/Event.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { MAX_ENTRY_BYTES } from "../protocol/Limits.ts"
import type { GatewayService } from "../ports/Gateway.ts"
import type { LogError } from "../ports/LogError.ts"
import type { Head, ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"
import type { Command, EmitCommand } from "../thread/command.ts"
import { emptyControl, runOf, type Control } from "../thread/control.ts"
import { ControlUnreadable, decodeControl, noteKeys } from "../thread/decide.ts"
import type { Counters } from "./Counters.ts"
import { draftOf, encodeAppend, encodeHead, type Draft } from "./draft.ts"
import type { Groups } from "./Groups.ts"
import { makeLine, unitsOf, type AttachedLine, type Line, type LineHandlers } from "./Line.ts"
import { makePending, type Outcome, type Waiting } from "./Pending.ts"
import { makePublisher } from "./Publisher.ts"
import { persist, settleAppend } from "./settle.ts"
import type { Slots } from "./Slots.ts"

/** A foreign knock is respected this long. */
const KNOCK_MILLIS = 250
/** Commands from outside that found no answering log for this long are told so. */
const GIVE_UP_MILLIS = 5_000

export interface WriterServices {
  readonly log: ThreadLogService
  readonly gateway: GatewayService
  readonly groups: Groups
  readonly nextId: () => string
  /** Milliseconds that never jump; only differences of them are used. */
  readonly now: () => number
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly counters: Counters
  readonly slots: Slots
  /** Runs once per event, right before the append. */
  readonly redact: ((event: Event, thread: ThreadKey) => Event) | undefined
  /** Called when the writer has something that must be watched by the clock. */
  readonly wakeTicker: () => void
}
export interface ThreadWriter {
  readonly thread: ThreadKey
  /** Resolves when the command is durable and its frame was handed to the gateway, or refused. */
  readonly submit: (command: Exclude<Command, EmitCommand>) => Effect.Effect<Outcome>
  readonly attach: (run: Id, epoch: number, handlers: LineHandlers) => Line
  /** There may be something new in the log; `offset`, if known, is where. */
  readonly look: (offset?: number) => void
  /** Called every few dozen milliseconds while `busy`. */
  readonly tick: (now: number) => void
  /** Whether anything depends on this writer: pending commands, lines, a publish. */
  readonly busy: () => boolean
  readonly hasLines: () => boolean
  /** Resolves when the frame of all that was acknowledged before was handed to the gateway, whatever others still say. */
  readonly settled: () => Promise<void>
  /** The store's clock, epoch milliseconds. */
  readonly storeNow: () => number
  readonly lastAppendAt: () => number
  readonly lastLookAt: () => number
  readonly lastPublishAt: () => number
  readonly publishHead: () => void
}
const noNotes: ReadonlyMap<string, Json> = new Map()
const noReading = Effect.succeed(noNotes)
export const makeThreadWriter = (thread: ThreadKey, services: WriterServices): ThreadWriter => {
  const { counters, gateway, groups, log, now } = services
  const me = services.nextId()
  const pending = makePending()
  const lines = new Set<AttachedLine>()
  let head: Head | undefined
  let control: Control = emptyControl
  /** What the store's clock said, and when it did. */
  let told = -Infinity
  let headSeenAt = 0
  let stale = true
  /** The head was read for the turn that begins. */
  let fresh = false
  let draining = false
  let losses = 0
  let lastAppendAt = 0
  let lastAt = 0
  const settling: (() => void)[] = []
  /** Notes as they were when the batch was first decided; one that came since makes the append conflict. */
  const asked = new Map<string, Json | undefined>()
  /** What people who waited too long are told. */
  let trouble = fault("STORE_UNAVAILABLE", "the log did not answer in time")

  const publisher = makePublisher({
    gateway,
    group: () => groups.watch(thread, control.generation),
    headFrame: () => (head === undefined || head.offset === 0 ? undefined : encodeHead(thread, head)),
    now,
    fork: services.fork,
    counters
  })

  /** The store's clock, as far as the last reply tells; 0 before the first. Never goes back. */
  const storeNow = () => (lastAt = Math.max(lastAt, Math.floor(told + (now() - headSeenAt))))

  const setHead = (next: Head, appended?: Control) => {
    if (head !== undefined && next.logId !== head.logId) asked.clear()
    if (appended !== undefined) control = appended
    else if (head?.tag !== next.tag || head.logId !== next.logId) control = decodeControl(next.control)
    head = next
    told = next.now
    headSeenAt = now()
    stale = false
    for (const line of lines) {
      const run = runOf(control, line.run)
      line.logId ??= next.logId
      const mine = run?.epoch === line.epoch && line.logId === next.logId ? run : undefined
      if (mine === line.seen) continue
      line.seen = mine
      line.handlers.onControl(mine)
    }
  }
  const readHead = (giveUp: () => boolean) => Effect.map(persist(log.head(thread), giveUp), (next) => setHead(next))

  const kick = () => {
    if (draining) return
    draining = true
    // what is said in one turn of the event loop goes into one entry
    queueMicrotask(() => services.fork(drain))
  }
  const hasWork = () => !pending.isEmpty() || (stale && lines.size > 0)
  const drain = Effect.suspend(() => loop).pipe(
    Effect.onExit(() =>
      Effect.sync(() => {
        draining = false
        if (hasWork()) return kick()
        settle(settling.splice(0))
      })
    )
  )
  const loop: Effect.Effect<void> = Effect.gen(function* () {
    // a person's command does not wait for a turn
    while (hasWork()) {
      yield* pending.outside() ? guarded : inTurn
      settle(settling.splice(0))
    }
  })
  const settle = (waiters: readonly (() => void)[]) => {
    for (const resolve of waiters) resolve()
  }

  const turn = Effect.gen(function* () {
    const outside = pending.outside()
    // who writes only now and then has an old head: a read is cheaper than a conflict
    const needsHead = head === undefined || stale || (outside && lines.size === 0 && !fresh)
    const batch = pending.take()
    if (!fresh) asked.clear()
    let notes = noNotes
    if (outside || needsHead) {
      const readings = [
        outside ? readNotes(batch) : noReading,
        needsHead ? readHead(() => outside) : Effect.void
      ] as const
      const history = head?.logId
      ;[notes] = yield* Effect.all(readings, { concurrency: 2 })
      if (needsHead) yield* standAside
      // notes of another history say nothing about this one; and which history they were of, nobody knows at first
      if (history === undefined ? notes.size > 0 : head!.logId !== history) {
        asked.clear()
        if (outside) notes = yield* readNotes(batch)
      }
    }
    fresh = false
    if (batch.length === 0) return
    const strangers = batch.filter(({ line }) => line?.logId !== undefined && line.logId !== head!.logId)
    if (strangers.length > 0) return fail(strangers, fault("EPOCH_FENCED", "the log has another history"))
    const draft = draftOf(batch, { control, offset: head!.offset, now: storeNow(), notes })
    if (draft.events.length === 0) return finish(draft)
    const { nextId, redact } = services
    const append = encodeAppend(draft, head!, { thread, at: lastAt, nextId, redact })
    if (append === undefined) return tooLarge(batch)
    const settled = yield* settleAppend(log, thread, append, counters).pipe(
      Effect.catch((error) => (error.reason._tag === "RecordTooLarge" ? Effect.succeed(undefined) : Effect.fail(error)))
    )
    // nothing was written, and what else is said in this thread may fit
    if (settled === undefined) return tooLarge(batch)
    if (!settled.won) {
      const unmoved = settled.head.tag === append.expected.tag && settled.head.logId === append.expected.logId
      if (unmoved) {
        asked.clear()
        yield* refuseRecorded(batch)
      }
      pending.putBack()
      return yield* lost(settled.head)
    }
    losses = 0
    lastAppendAt = now()
    // found by reading back, the head may be a later one with another control
    const newest = settled.head.offset === append.entry.offset
    setHead(settled.head, newest ? draft.control : undefined)
    // a run goes on at once; a person's answer waits for the publish, because a function may freeze after it
    if (!outside) finish(draft)
    services.wakeTicker()
    yield* publisher.send(append.entry.body)
    if (outside) {
      yield* tellWorkers(batch)
      finish(draft)
    }
  })

  /** The next turn decides anew on the head that came back; twice in a row, it is made sure that it is our turn. */
  const lost = (next: Head) =>
    Effect.suspend(() => {
      // a note that was not there may have come with this head
      for (const [key, value] of asked) if (value === undefined) asked.delete(key)
      setHead(next)
      fresh = true
      losses++
      // a foreign knock is not overwritten: whoever waited longer goes first
      const theirs = othersTurn() ? standAside : Effect.void
      return losses < 2 ? theirs : Effect.andThen(theirs, knock)
    })
  const knock = Effect.suspend(() => {
    counters.knocks++
    return Effect.map(
      persist(log.knock(thread, me), () => false),
      (knocked) => setHead(knocked)
    )
  })
  const othersTurn = () => head!.knock !== null && head!.knock.by !== me && head!.now - head!.knock.at < KNOCK_MILLIS

  /** Whoever reads a foreign knock waits until it is gone, or for long enough. */
  const standAside = Effect.gen(function* () {
    const until = now() + KNOCK_MILLIS
    while (othersTurn() && now() < until) {
      yield* Effect.sleep(4 + (yield* Random.next) * 12)
      yield* readHead(() => false)
    }
  })

  const readNotes = Effect.fnUntraced(function* (batch: readonly Waiting[]) {
    const keys = new Set(batch.flatMap(({ command }) => noteKeys(command)).filter((key) => !asked.has(key)))
    yield* Effect.forEach(
      keys,
      (key) =>
        Effect.map(
          persist(log.note(thread, key), () => true),
          (value) => asked.set(key, value)
        ),
      { concurrency: 8, discard: true }
    )
    const found = new Map<string, Json>()
    for (const [key, value] of asked) if (value !== undefined) found.set(key, value)
    return found as ReadonlyMap<string, Json>
  })

  /** A conflict under a head that did not move: a note exists. Decided anew, a run's note would conflict for ever. */
  const refuseRecorded = Effect.fnUntraced(function* (batch: readonly Waiting[]) {
    for (const waiting of batch) {
      if (waiting.command.type !== "emit") continue
      for (const { key } of waiting.command.notes ?? []) {
        if ((yield* persist(log.note(thread, key), () => false)) === undefined) continue
        fail([waiting], fault("DUPLICATE_DIFFERENT", "what the call records was recorded before"))
        break
      }
    }
  })

  /** Runs that other processes work on: their workers, when idle, wait for a word. */
  const tellWorkers = Effect.fnUntraced(function* (batch: readonly Waiting[]) {
    if (gateway.subscribe === undefined) return
    const local = new Set([...lines].map((line) => line.run))
    for (const { command } of batch) if (command.type === "take") local.add(command.run)
    if (!control.runs.some((run) => run.status === "running" && !local.has(run.id))) return
    yield* gateway
      .publish(groups.inbox(thread), encodeHead(thread, head!))
      .pipe(Effect.timeout(KNOCK_MILLIS), Effect.ignore)
  })

  const finish = ({ batch, outcomes }: Pick<Draft, "batch" | "outcomes">) => {
    pending.remove(batch)
    tell(batch, outcomes)
  }
  const tell = (batch: readonly Waiting[], outcomes: readonly Outcome[]) =>
    batch.forEach((waiting, index) => {
      const outcome = outcomes[index]!
      if (!outcome.ok) counters.refused++
      waiting.onOutcome?.(outcome)
    })
  const fail = (batch: readonly Waiting[], problem: Fault) =>
    finish({ batch, outcomes: batch.map(() => ({ ok: false, fault: problem })) })
  const tooLarge = (batch: readonly Waiting[]) =>
    fail(batch, fault("TOO_LARGE", "what one call says does not fit an entry", { limit: MAX_ENTRY_BYTES }))

  const onLogError = ({ message, reason }: LogError) =>
    Effect.suspend(() => {
      stale = true
      pending.putBack()
      if (reason._tag === "LogUnavailable" || reason._tag === "LogFull") {
        // agents wait for the log; people are told, and may send the same id again
        trouble = fault(reason._tag === "LogFull" ? "STORE_FULL" : "STORE_UNAVAILABLE", message)
        return Effect.flatMap(Random.next, (drawn) => Effect.sleep(100 + drawn * 200))
      }
      return giveUp(fault(reason._tag === "LogCorrupt" ? "STORE_CORRUPT" : "INTERNAL", message))
    })
  /** A programming mistake, or control of a version that this process does not know. */
  const onDefect = (defect: unknown) => {
    const problem =
      defect instanceof ControlUnreadable
        ? fault("STORE_CORRUPT", "the thread's record is damaged, or of a newer version, and is not served")
        : fault("INTERNAL", "the writer failed")
    return Effect.andThen(Effect.logError("thread writer failed", defect), giveUp(problem))
  }

  /** Made once: a busy thread takes thousands of turns. */
  const guarded = Effect.catchDefect(Effect.catch(turn, onLogError), onDefect)
  const inTurn = services.slots.within(guarded)

  const giveUp = (problem: Fault) =>
    Effect.sync(() => {
      for (const line of lines) line.handlers.onRefused(problem)
      stale = false
      head = undefined
      fail([...pending.all()], problem)
    })

  const enqueue = (waiting: Omit<Waiting, "since">) => {
    pending.push({ ...waiting, since: now() })
    kick()
  }

  const attach = (run: Id, epoch: number, handlers: LineHandlers): Line => {
    const attached: AttachedLine = { run, epoch, handlers, seen: null, logId: head?.logId }
    lines.add(attached)
    services.wakeTicker()
    return makeLine(attached, pending, enqueue, () => {
      lines.delete(attached)
    })
  }

  return {
    thread,
    submit: (command) =>
      Effect.callback<Outcome>((resume) => {
        const onOutcome = (outcome: Outcome) => resume(Effect.succeed(outcome))
        enqueue({ command, line: undefined, open: undefined, units: unitsOf(command), onOutcome })
        services.wakeTicker()
      }),
    attach,
    look: (offset) => {
      if (offset !== undefined && head !== undefined && offset <= head.offset) return
      stale = true
      kick()
    },
    tick: (time) => {
      publisher.tick(time)
      // also while an append before them is not settled: these were never sent
      const given = pending.expire(time - GIVE_UP_MILLIS)
      if (given.length > 0)
        tell(
          given,
          given.map(() => ({ ok: false, fault: trouble }))
        )
    },
    busy: () => draining || !pending.isEmpty() || lines.size > 0 || publisher.busy(),
    hasLines: () => lines.size > 0,
    settled: () => (draining || hasWork() ? new Promise((resolve) => settling.push(resolve)) : Promise.resolve()),
    storeNow,
    lastAppendAt: () => lastAppendAt,
    lastLookAt: () => headSeenAt,
    lastPublishAt: publisher.lastAt,
    publishHead: publisher.sendHead
  }
}
