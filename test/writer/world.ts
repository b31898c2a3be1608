/**
 * A small world under virtual time: one store, any number of processes on it, one gateway that records what it is sent.
 *
 * `flush` lets promises and fibers run without time passing; `pass` lets time pass in steps. A process can be frozen,
 * killed and delayed at its log, as SIGSTOP, SIGKILL and a slow network would.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { memoryLog, memoryStore, type MemoryStore } from "../../adapters/logs/memory/log.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import type { Event, KnownEvent } from "../../src/protocol/Event.ts"
import { Gateway, type GatewayService } from "../../src/ports/Gateway.ts"
import type { GatewayError } from "../../src/ports/GatewayError.ts"
import { ThreadLog, type ThreadKey, type ThreadLogService } from "../../src/ports/ThreadLog.ts"
import type { RunPolicy } from "../../src/thread/control.ts"
import { makeGroups } from "../../src/writer/Groups.ts"
import type { LineHandlers } from "../../src/writer/Line.ts"
import type { ThreadWriter } from "../../src/writer/ThreadWriter.ts"
import { makeWriters, type WritersOptions } from "../../src/writer/Writers.ts"

export const START = Date.UTC(2030, 0, 1)
export const THREAD: ThreadKey = "main/t1"
export const groups = makeGroups("a secret of the test's own")

const TURNS = 12
export const flush: Effect.Effect<void> = Effect.promise(async () => {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
})
/** Virtual time passes, `step` milliseconds at once. */
export const pass = Effect.fnUntraced(function* (millis: number, step = 10) {
  for (let passed = 0; passed < millis; passed += step) {
    yield* TestClock.adjust(Math.min(step, millis - passed))
    yield* flush
  }
})
/** Lets time pass until `reached`; answers how much did. Dies after `atMost` milliseconds. */
export const passUntil = Effect.fnUntraced(function* (reached: () => boolean, atMost = 60_000, step = 10) {
  yield* flush
  for (let passed = 0; ; passed += step) {
    if (reached()) return passed
    if (passed >= atMost) return yield* Effect.die(new Error(`not reached within ${atMost} ms`))
    yield* TestClock.adjust(step)
    yield* flush
  }
})
export const now = TestClock.testClockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

export const logOn = (store: MemoryStore): Effect.Effect<ThreadLogService> =>
  Effect.provide(
    ThreadLog.use((log) => Effect.succeed(log)),
    memoryLog({ store })
  )

type Operation = Exclude<keyof ThreadLogService, "name" | "durability">
/** The same log with something around every call. */
export const around = (
  log: ThreadLogService,
  wrap: <A, E>(operation: Operation, work: Effect.Effect<A, E>) => Effect.Effect<A, E>
): ThreadLogService =>
  Object.fromEntries(
    Object.entries(log).map(([key, value]) => [
      key,
      typeof value === "function"
        ? (...args: unknown[]) =>
            wrap(key as Operation, (value as (...args: unknown[]) => Effect.Effect<unknown, never>)(...args))
        : value
    ])
  ) as unknown as ThreadLogService

/** What stands between a process and its log. */
export interface Switch {
  readonly log: ThreadLogService
  /** Every call hangs until `thaw`, before it takes effect. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** Every call hangs for ever. */
  readonly kill: () => void
  /** One-way delay of every call, in milliseconds. */
  lag: number
  readonly calls: Operation[]
}
export const switched = (log: ThreadLogService): Switch => {
  const latch = Latch.makeUnsafe(true)
  let dead = false
  const state: Switch = {
    lag: 0,
    calls: [],
    freeze: () => latch.closeUnsafe(),
    thaw: () => latch.openUnsafe(),
    kill: () => {
      dead = true
    },
    log: around(log, (operation, work) =>
      Effect.suspend(() => {
        state.calls.push(operation)
        if (dead) return Effect.never
        const there = state.lag === 0 ? Effect.void : Effect.sleep(state.lag)
        const run = Effect.andThen(Effect.andThen(there, latch.await), work)
        return Effect.flatMap(run, (result) =>
          dead ? Effect.never : state.lag === 0 ? Effect.succeed(result) : Effect.as(Effect.sleep(state.lag), result)
        )
      })
    )
  }
  return state
}

export interface Sent {
  readonly group: string
  readonly frame: string
  readonly at: number
}
export interface RecordingGateway {
  readonly gateway: GatewayService
  readonly sent: Sent[]
  /** What the next publishes do; default: they succeed at once. */
  answer: (frame: string, group: string) => Effect.Effect<void, GatewayError>
  readonly inFlight: () => number
  readonly mostInFlight: () => number
  /** What `onReset` of every listening process is told. */
  readonly reset: () => void
}
export const recordingGateway = (
  options: { readonly maxFrameBytes?: number; readonly subscribe?: boolean; readonly away?: boolean } = {}
): RecordingGateway => {
  const listeners = new Set<{
    readonly onFrame: (group: string, frame: string) => void
    readonly onReset: () => void
    readonly joined: Set<string>
  }>()
  let flying = 0
  let most = 0
  const recording: RecordingGateway = {
    sent: [],
    answer: () => Effect.void,
    inFlight: () => flying,
    mostInFlight: () => most,
    reset: () => {
      for (const listener of listeners) listener.onReset()
    },
    gateway: Gateway.of({
      name: "recording",
      groupSecret: "a secret of the test's own",
      capabilities: {
        maxFrameBytes: options.maxFrameBytes ?? 1024 * 1024,
        order: "none",
        delivery: "at-most-once",
        recovery: false,
        upstream: false,
        serverSubscribe: options.subscribe === true,
        revoke: false,
        presence: false,
        manyGroups: true,
        auth: "none"
      },
      publish: (group, frame) =>
        Effect.gen(function* () {
          const at = yield* now
          recording.sent.push({ group, frame, at })
          flying++
          most = Math.max(most, flying)
          yield* Effect.ensuring(
            Effect.suspend(() => recording.answer(frame, group)),
            Effect.sync(() => flying--)
          )
          for (const { joined, onFrame } of listeners) if (joined.has(group)) onFrame(group, frame)
        }),
      grant: () => Effect.die(new Error("nobody connects")),
      ...(options.subscribe === true
        ? {
            // one that is away neither connects nor says so
            subscribe: (handlers) =>
              options.away === true
                ? Effect.never
                : Effect.gen(function* () {
                    const listener = { ...handlers, joined: new Set<string>() }
                    yield* Effect.acquireRelease(
                      Effect.sync(() => listeners.add(listener)),
                      () => Effect.sync(() => listeners.delete(listener))
                    )
                    return {
                      join: (group) => Effect.sync(() => void listener.joined.add(group)),
                      leave: (group) => Effect.sync(() => void listener.joined.delete(group))
                    }
                  })
          }
        : {})
    })
  }
  return recording
}
export const isHead = (frame: string): boolean => !("events" in (JSON.parse(frame) as object))
export const offsetOf = (frame: string): number => (JSON.parse(frame) as { readonly offset: number }).offset

/** Everything in the thread's log, checked to be dense and chained. */
export const entriesOf = (store: MemoryStore, thread: ThreadKey = THREAD): readonly Entry[] => {
  const entries = (store.threads.get(thread)?.entries ?? []).map(({ body }) => JSON.parse(body) as Entry)
  entries.forEach((entry, index) => {
    const before = entries[index - 1]
    if (entry.offset !== index + 1) throw new Error(`entry ${index + 1} has offset ${entry.offset}`)
    if (before !== undefined && entry.prev !== before.id)
      throw new Error(`entry ${entry.offset} does not follow ${before.id}`)
  })
  return entries
}
export const eventsOf = (store: MemoryStore, thread: ThreadKey = THREAD): readonly KnownEvent[] =>
  entriesOf(store, thread).flatMap(({ events }) => events) as readonly KnownEvent[]
export const textOf = (store: MemoryStore, run: string): string =>
  eventsOf(store)
    .flatMap((event) => (event.type === "text.delta" && event.run === run ? [event.text] : []))
    .join("")

export const startOf = (run: string, options: { readonly agent?: string; readonly policy?: Partial<RunPolicy> } = {}) =>
  ({
    type: "start",
    by: "ann",
    start: { id: run, agent: options.agent ?? "writer" },
    policy: { onBusy: "parallel", onWorkerLost: "fail", ...options.policy },
    digest: `start ${run}`
  }) as const
export const cancelOf = (run: string, id = `cancel-${run}`) =>
  ({ type: "interrupt", by: "ann", interrupt: { kind: "cancel", id, run }, digest: id }) as const
export const postOf = (id: string, text = id) =>
  ({ type: "post", by: "ann", message: { id, parts: [{ type: "text", text }] }, digest: `${id} ${text}` }) as const
export const delta = (run: string, text: string): Event => ({ type: "text.delta", run, part: `${run}:p`, text })
export const textStart = (run: string): Event => ({
  type: "text.started",
  run,
  message: `${run}:answer`,
  part: `${run}:p`
})
export const finished = (run: string): Event => ({ type: "run.finished", run, outcome: { type: "completed" } })

/** One process's writers; `log` and `gateway` as it sees them. */
export const processOn = (options: Omit<WritersOptions, "groups">) => makeWriters({ ...options, groups })

/** A store, its log, a recording gateway, and one process on them. */
export const makeWorld = Effect.fnUntraced(function* (
  options: {
    readonly maxFrameBytes?: number
    readonly subscribe?: boolean
    readonly log?: (log: ThreadLogService) => ThreadLogService
    readonly redact?: WritersOptions["redact"]
  } = {}
) {
  yield* TestClock.setTime(START)
  const store = memoryStore()
  const plain = yield* logOn(store)
  const log = options.log?.(plain) ?? plain
  const recording = recordingGateway(options)
  const writers = yield* processOn({ log, gateway: recording.gateway, redact: options.redact })
  return { store, plain, log, recording, sent: recording.sent, writers, writer: writers.get(THREAD) }
})

/** Starts and takes a run, and attaches to it. */
export const begin = Effect.fnUntraced(function* (
  writer: ThreadWriter,
  run: string,
  handlers: Partial<LineHandlers> = {}
) {
  const started = yield* writer.submit(startOf(run))
  const taken = yield* writer.submit({ type: "take", run, epoch: 1 })
  if (!started.ok || !taken.ok) return yield* Effect.die(new Error("the run did not begin"))
  return writer.attach(run, 1, { onControl: () => {}, onRefused: () => {}, ...handlers })
})
export type Scoped<A> = Effect.Effect<A, never, Scope.Scope>
