/**
 * The one store of a schedule, over the memory log, as processes reach it through a network that fails; and what it
 * really holds, for the checker.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { memoryLog, memoryStore } from "../../adapters/logs/memory/log.ts"
import type { LogRecord } from "../../src/conformance/historyRecords.ts"
import { LogError, LogUnavailable } from "../../src/ports/LogError.ts"
import {
  ThreadLog,
  type Append,
  type AppendResult,
  type Head,
  type StoredEntry,
  type ThreadKey,
  type ThreadLogService
} from "../../src/ports/ThreadLog.ts"
import type { Recorded } from "../../src/thread/command.ts"
import { decodeControl } from "../../src/thread/decide.ts"
import { readView, snapshotOf } from "../../src/writer/readView.ts"
import type { Faults } from "./faults.ts"
import { clockOf, type Io } from "./process.ts"
import type { Chance, World } from "./world.ts"

export interface Store {
  readonly logFor: (io: Io) => ThreadLogService
  /** Everything that was ever appended, also what was trimmed or dropped since. */
  readonly records: readonly LogRecord[]
  readonly head: (thread: ThreadKey) => Head
  /** Whether no append is on its way, as one may be whose process is gone. */
  readonly quiet: () => boolean
  /** Saves a snapshot and removes what it covers, but for the newest entry and what open runs still need. */
  readonly trim: (thread: ThreadKey) => void
  /** Damages the saved snapshot, or loses it. */
  readonly loseSnapshot: (thread: ThreadKey) => void
  /** Another history begins. */
  readonly replace: (thread: ThreadKey, logId: string) => void
}
const LATE_MILLIS = 3_000
const SLOW_MILLIS = 2_000

export const createStore = (world: World, faults: Faults, latency: Chance, skewMillis: number): Store => {
  const memory = memoryStore()
  const context = Context.empty().pipe(
    Context.add(
      Clock.Clock,
      clockOf(world, undefined, () => skewMillis)
    )
  )
  const atOnce = Effect.runSyncExitWith(context)
  const now = <A, E>(effect: Effect.Effect<A, E>): A => {
    const exit = atOnce(effect)
    if (exit._tag === "Failure") throw new Error(`the store failed: ${String(exit.cause)}`)
    return exit.value
  }
  const inner = now(
    Effect.provide(
      ThreadLog.use((log) => Effect.succeed(log)),
      memoryLog({ store: memory })
    )
  )
  const records = new Map<
    string,
    { readonly thread: string; readonly logId: string; readonly entries: StoredEntry[] }
  >()
  const append = (thread: ThreadKey, request: Append): Exit.Exit<AppendResult, LogError> => {
    const exit = atOnce(inner.append(thread, request))
    if (exit._tag !== "Success" || exit.value._tag !== "Appended") return exit
    const key = `${thread}\0${request.logId}`
    const known = records.get(key) ?? { thread: nameOf(thread), logId: request.logId, entries: [] }
    records.set(key, known)
    known.entries.push(request.entry)
    world.trace?.(`store ✓ ${request.entry.offset} ${eventsOf(request.entry.body)}`)
    return exit
  }
  const half = () => latency.between(0.5, 4)
  let writes = 0

  const logFor = (io: Io): ThreadLogService => {
    const later = (millis: number, work: () => void) => world.after(undefined, millis, work)
    const write = (millis: number, work: () => void) => {
      writes++
      later(millis, () => {
        writes--
        work()
      })
    }
    const unavailable = (operation: string) =>
      Exit.fail(new LogError({ operation, reason: new LogUnavailable({ cause: "simulated" }) }))
    const wait = () => half() + (faults.strikes("store slow") ? latency.between(10, SLOW_MILLIS) : 0)
    const ask = <A>(operation: string, work: Effect.Effect<A, LogError>) =>
      io.call<A, LogError>(`store ${operation}`, (answer) => {
        const fails = faults.strikes("store unavailable")
        later(wait(), () => {
          answer(fails ? unavailable(operation) : atOnce(work), half())
        })
      })
    const unknown: AppendResult = { _tag: "Unknown", cause: "simulated" }
    return {
      name: "simulated",
      durability: inner.durability,
      append: (thread, request) =>
        io.call("store append", (answer) => {
          const lost = () => answer(Exit.succeed(unknown), latency.between(5, 300))
          if (faults.strikes("store unavailable") || faults.strikes("store unknown before")) return lost()
          const copies = faults.strikes("store duplicates") ? 2 : 1
          if (faults.strikes("store late")) {
            write(latency.between(1, LATE_MILLIS), () => append(thread, request))
            return lost()
          }
          const forgets = faults.strikes("store unknown after")
          write(wait(), () => {
            const exit = append(thread, request)
            if (copies > 1) write(latency.between(1, LATE_MILLIS), () => append(thread, request))
            if (forgets) lost()
            else answer(exit, half())
          })
        }),
      knock: (thread, by) => ask("knock", inner.knock(thread, by)),
      head: (thread) => ask("head", inner.head(thread)),
      read: (thread, after, page) => ask("read", inner.read(thread, after, page)),
      note: (thread, key) => ask("note", inner.note(thread, key)),
      notes: (thread, prefix) => ask("notes", inner.notes(thread, prefix)),
      due: (before, limit) => ask("due", inner.due(before, limit)),
      snapshot: (thread) => ask("snapshot", inner.snapshot(thread)),
      saveSnapshot: (thread, snapshot) => ask("saveSnapshot", inner.saveSnapshot(thread, snapshot)),
      trim: (thread, offset) => ask("trim", inner.trim(thread, offset)),
      erase: (thread, erase) => ask("erase", inner.erase(thread, erase)),
      drop: (thread, logId) => ask("drop", inner.drop(thread, logId))
    }
  }
  return {
    logFor,
    get records() {
      return [...records.values()]
    },
    head: (thread) => now(inner.head(thread)),
    quiet: () => writes === 0,
    trim: (thread) => {
      const { control, offset } = now(inner.head(thread))
      let to = offset - 1
      for (const { id } of decodeControl(control).runs) {
        const note = now(inner.note(thread, `run/${id}`)) as unknown as Recorded | undefined
        to = Math.min(to, (note?.offset ?? 1) - 1)
      }
      if (to < 1) return
      now(inner.saveSnapshot(thread, snapshotOf(now(readView(inner, thread)).view)))
      now(inner.trim(thread, to))
    },
    loseSnapshot: (thread) => {
      const found = memory.threads.get(thread)
      // trimmed entries are nowhere else: then it is only damaged where a new one can be made
      if (found !== undefined && found.trimmed === 0) found.snapshot = undefined
    },
    replace: (thread, logId) => {
      now(inner.drop(thread, logId))
      records.set(`${thread}\0${logId}`, { thread: nameOf(thread), logId, entries: [] })
    }
  }
}
export const nameOf = (thread: ThreadKey): string => thread.slice(thread.indexOf("/") + 1)
const eventsOf = (body: string): string =>
  (JSON.parse(body) as { readonly events: readonly { readonly type: string; readonly run?: string }[] }).events
    .map((event) => `${event.type}(${event.run ?? ""})`)
    .join(" ")
