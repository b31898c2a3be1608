/**
 * A thread log in this process's memory: for tests, benchmarks and programs of one process.
 *
 * Exact, not durable: it keeps every promise of the port but durability. Control and note values are kept by
 * reference, as the immutable data they are. Time is Effect's clock, so it is virtual in tests.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Json } from "../../../src/protocol/Json.ts"
import { LogError, OffsetExpired } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type {
  Append,
  AppendResult,
  Head,
  Note,
  Snapshot,
  StoredEntry,
  ThreadKey,
  ThreadLogService
} from "../../../src/ports/ThreadLog.ts"

interface Thread {
  logId: string
  offset: number
  id: string
  control: Json
  due: number | null
  version: number
  knock: Head["knock"]
  /** Entries after offset `trimmed`, oldest first. */
  entries: StoredEntry[]
  trimmed: number
  notes: Map<string, Json>
  snapshot: Snapshot | undefined
}
/** The threads of one log. Two logs over one store see the same threads, as two processes on one file would. */
export interface MemoryStore {
  readonly threads: Map<ThreadKey, Thread>
}
export const memoryStore = (): MemoryStore => ({ threads: new Map() })

export interface MemoryLogOptions {
  /** Default: a new, empty one. */
  readonly store?: MemoryStore
}

const empty = (): Thread => ({
  logId: "",
  offset: 0,
  id: "",
  control: null,
  due: null,
  version: 0,
  knock: null,
  entries: [],
  trimmed: 0,
  notes: new Map(),
  snapshot: undefined
})
const headOf = (thread: Thread | undefined, now: number): Head =>
  thread === undefined
    ? { logId: "", offset: 0, id: "", control: null, due: null, tag: "", knock: null, now }
    : {
        logId: thread.logId,
        offset: thread.offset,
        id: thread.id,
        control: thread.control,
        due: thread.due,
        tag: String(thread.version),
        knock: thread.knock,
        now
      }
const isAt = (thread: Thread | undefined, expected: Head): boolean =>
  thread === undefined
    ? expected.tag === "" && expected.logId === "" && expected.offset === 0 && expected.id === ""
    : expected.tag === String(thread.version) &&
      expected.logId === thread.logId &&
      expected.offset === thread.offset &&
      expected.id === thread.id

const append = (store: MemoryStore, key: ThreadKey, append: Append, now: number): AppendResult => {
  const { expected, entry, notes } = append
  if (
    entry.offset !== expected.offset + 1 ||
    append.logId === "" ||
    (expected.logId !== "" && append.logId !== expected.logId)
  ) {
    throw new TypeError(
      `append to ${key}: entry ${entry.offset} of log "${append.logId}" does not follow the expected head`
    )
  }
  const found = store.threads.get(key)
  if (!isAt(found, expected)) return { _tag: "Conflict" }
  const thread = found ?? empty()
  for (const note of notes) if (thread.notes.has(note.key)) return { _tag: "Conflict" }
  if (found === undefined) store.threads.set(key, thread)
  for (const note of notes) thread.notes.set(note.key, note.value)
  thread.logId = append.logId
  thread.offset = entry.offset
  thread.id = entry.id
  thread.control = append.control
  thread.due = append.due
  thread.version += 1
  thread.knock = null
  thread.entries.push({ offset: entry.offset, id: entry.id, body: entry.body })
  return { _tag: "Appended", head: headOf(thread, now) }
}
const page = (thread: Thread, after: number, limit: number, maxBytes: number): readonly StoredEntry[] => {
  const first = after - thread.trimmed
  let end = first
  let bytes = 0
  while (end < thread.entries.length && end - first < limit) {
    bytes += Buffer.byteLength(thread.entries[end]!.body)
    if (bytes > maxBytes && end > first) break
    end += 1
  }
  return thread.entries.slice(first, end)
}
const byKey = (a: Note, b: Note): number => (a.key < b.key ? -1 : 1)

const make = (store: MemoryStore): ThreadLogService => {
  const { threads } = store
  /** Runs `work` at once, with the clock's time. */
  const at = <A>(work: (now: number) => A): Effect.Effect<A> =>
    Clock.clockWith((clock) => Effect.succeed(work(clock.currentTimeMillisUnsafe())))
  const orNew = (key: ThreadKey): Thread => {
    const found = threads.get(key)
    if (found !== undefined) return found
    const thread = empty()
    threads.set(key, thread)
    return thread
  }
  return {
    name: "memory",
    durability: {
      sigkill: "Nothing: the log lives in the process's memory.",
      powerCut: "Nothing: the log lives in the process's memory."
    },
    append: (key, request) => at((now) => append(store, key, request, now)),
    knock: (key, by) =>
      at((now) => {
        const thread = orNew(key)
        thread.version += 1
        thread.knock = { by, at: now }
        return headOf(thread, now)
      }),
    head: (key) => at((now) => headOf(threads.get(key), now)),
    read: (key, after, { limit, maxBytes }) =>
      Clock.clockWith((clock) => {
        const thread = threads.get(key)
        const head = headOf(thread, clock.currentTimeMillisUnsafe())
        if (thread === undefined || after >= thread.offset) return Effect.succeed({ entries: [], head })
        if (after < thread.trimmed) {
          const reason = new OffsetExpired({ firstOffset: thread.trimmed + 1 })
          return Effect.fail(new LogError({ operation: "read", reason }))
        }
        return Effect.succeed({ entries: page(thread, after, limit, maxBytes), head })
      }),
    note: (key, note) => Effect.sync(() => threads.get(key)?.notes.get(note)),
    notes: (key, prefix) =>
      Effect.sync(() => {
        const found: Note[] = []
        for (const [note, value] of threads.get(key)?.notes ?? []) {
          if (note.startsWith(prefix)) found.push({ key: note, value })
        }
        return found.sort(byKey)
      }),
    due: (before, limit) =>
      Effect.sync(() => {
        const found: { readonly key: ThreadKey; readonly due: number }[] = []
        for (const [key, { due }] of threads) if (due !== null && due < before) found.push({ key, due })
        return found
          .sort((a, b) => a.due - b.due)
          .slice(0, limit)
          .map(({ key }) => key)
      }),
    snapshot: (key) => Effect.sync(() => threads.get(key)?.snapshot),
    saveSnapshot: (key, snapshot) =>
      Effect.sync(() => {
        const thread = threads.get(key)
        if (thread === undefined || snapshot.logId !== thread.logId || snapshot.offset > thread.offset) return
        if (thread.snapshot === undefined || snapshot.offset >= thread.snapshot.offset) thread.snapshot = snapshot
      }),
    trim: (key, offset) =>
      Effect.sync(() => {
        const thread = threads.get(key)
        if (thread === undefined) return 0
        const to = Math.min(offset, thread.snapshot?.offset ?? 0)
        if (to > thread.trimmed) {
          thread.entries = thread.entries.slice(to - thread.trimmed)
          thread.trimmed = to
        }
        return thread.trimmed
      }),
    erase: (key, { from, to, noteKeys, tombstone }) =>
      Effect.sync(() => {
        const thread = threads.get(key)
        if (thread === undefined) return
        thread.entries = thread.entries.map((entry) =>
          entry.offset >= from && entry.offset <= to ? { ...entry, body: tombstone(entry) } : entry
        )
        for (const note of noteKeys) thread.notes.delete(note)
      }),
    drop: (key, logId) =>
      Effect.sync(() => {
        threads.set(key, { ...empty(), logId, version: orNew(key).version + 1 })
      })
  }
}

/** A log that lives as long as this process. Durability: none. */
export const memoryLog = (options: MemoryLogOptions = {}): Layer.Layer<ThreadLog> =>
  Layer.sync(ThreadLog, () => make(options.store ?? memoryStore()))
