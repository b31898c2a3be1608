/**
 * A thread log in a JetStream stream: an append is one message on the thread's subject, published on condition that the
 * newest message there is still the one that the writer saw.
 *
 * Entry, control, due and notes are in that message, so they are written together or not at all. Nothing is retried: an
 * append without an answer is `Unknown`. What an acknowledgement survives: `durability` and README.md.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LogError, OffsetExpired, RecordTooLarge } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { Append, AppendResult, Durability, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { makeClock, type ServerClock } from "./clock.ts"
import { checkServers, openLink } from "./connection.ts"
import type { NatsServers } from "./connection.ts"
import { findDue, writeDue } from "./due.ts"
import { entriesFrom, trimmedTo } from "./entries.ts"
import { corrupt, toLogError } from "./failures.ts"
import { namesOf } from "./names.ts"
import { findNote, hasAny, listNotes, settle } from "./notes.ts"
import { encode, type Knock, type State } from "./records.ts"
import { readSnapshot, writeSnapshot } from "./snapshots.ts"
import { logIdOf, makeMemory, offsetOf, readSeen, toHead, type Memory, type Seen } from "./state.ts"
import { makeStore, prepareStreams, type Store } from "./store.ts"
import { dropThread, eraseThread, trimThread } from "./upkeep.ts"

export interface NatsLogOptions extends NatsServers {
  /** Name of the stream, and what its subjects begin with; a second one is `<stream>-due`. Default `throughline-log`. */
  readonly stream?: string
  /** Copies that streams made here have in a cluster. Default 1. */
  readonly replicas?: number
}
const WHOLE_STORE = "*"
/** What the server counts beside the data: the headers of a conditional publish. */
const HEADER_BYTES = 256

const ensureFollows = (thread: string, { expected, entry, logId }: Append): void => {
  if (entry.offset === expected.offset + 1 && logId !== "" && (expected.logId === "" || logId === expected.logId))
    return
  throw new TypeError(`append to ${thread}: entry ${entry.offset} of log "${logId}" does not follow the expected head`)
}
const appendTo = async (
  store: Store,
  memory: Memory,
  clock: ServerClock,
  thread: string,
  { control, due, entry, expected, logId, notes }: Append
): Promise<AppendResult> => {
  const connection = await store.connection()
  const sequence = /^\d+$/.test(expected.tag) ? Number(expected.tag) : -1
  const seen = memory.get(connection, thread, sequence) ?? (await readSeen(store, thread))
  const isExpected =
    seen.sequence === sequence &&
    logIdOf(seen) === expected.logId &&
    offsetOf(seen) === expected.offset &&
    (seen.state?.id ?? "") === expected.id
  if (!isExpected) return { _tag: "Conflict" }
  const state = {
    kind: "commit",
    thread,
    logId,
    offset: entry.offset,
    id: entry.id,
    control,
    due,
    notes
  } satisfies State
  const data = encode(state, entry.body)
  const limitBytes = (await store.maxBytes()) - HEADER_BYTES
  if (data.length > limitBytes) {
    const reason = new RecordTooLarge({ what: "the append", sizeBytes: data.length, limitBytes })
    throw new LogError({ operation: "append", reason })
  }
  const was = seen.state?.due ?? null
  const [isThere] = await Promise.all([
    notes.length > 0 &&
      hasAny(
        store,
        thread,
        seen,
        notes.map(({ key }) => key)
      ),
    settle(store, thread, seen),
    due !== null && (was === null || due < was) && writeDue(store, thread, due)
  ])
  if (isThere) return { _tag: "Conflict" }
  const written = await store.put(namesOf(store.stream, thread).commits, data, sequence)
  if (written === undefined) return { _tag: "Conflict" }
  const next: Seen = { sequence: written, stateSequence: written, state, knock: null, settled: notes.length === 0 }
  memory.set(connection, thread, next)
  return { _tag: "Appended", head: toHead(next, clock.now()) }
}

const make = (store: Store, clock: ServerClock, durability: Durability): ThreadLogService => {
  const memory = makeMemory()
  const attempt = <A>(operation: string, thread: string, work: () => Promise<A>): Effect.Effect<A, LogError> =>
    Effect.tryPromise({ try: work, catch: (cause) => toLogError(operation, thread, cause) })
  const look = async (thread: string): Promise<Seen> => {
    const connection = await store.connection()
    const [seen] = await Promise.all([readSeen(store, thread), clock.check()])
    memory.set(connection, thread, seen)
    return seen
  }
  return {
    name: "nats",
    durability,
    append: (thread, append) =>
      Effect.suspend(() => {
        ensureFollows(thread, append)
        return attempt("append", thread, () => appendTo(store, memory, clock, thread, append))
      }).pipe(
        Effect.catchIf(
          (error) => error.reason._tag === "LogUnavailable",
          (cause) => Effect.succeed<AppendResult>({ _tag: "Unknown", cause })
        )
      ),
    knock: (thread, by) =>
      attempt("knock", thread, async () => {
        const { stateSequence } = await look(thread)
        await store.put(
          namesOf(store.stream, thread).commits,
          encode({ kind: "knock", by, base: stateSequence } satisfies Knock)
        )
        return toHead(await look(thread), clock.now())
      }),
    head: (thread) => attempt("head", thread, async () => toHead(await look(thread), clock.now())),
    read: (thread, after, { limit, maxBytes }) =>
      attempt("read", thread, async () => {
        for (;;) {
          const seen = await look(thread)
          const head = toHead(seen, clock.now())
          const trimmed = await trimmedTo(store, thread, () => head.logId)
          if (after < trimmed && after < head.offset)
            throw new LogError({ operation: "read", reason: new OffsetExpired({ firstOffset: trimmed + 1 }) })
          if (after >= head.offset) return { entries: [], head }
          const found = await entriesFrom(store, thread, seen, after + 1, { limit, maxBytes })
          if (found.length > 0) return { entries: found.map(({ entry }) => entry), head }
          // trimmed or dropped meanwhile, or it is not there
          const again = await look(thread)
          const isSame = logIdOf(again) === head.logId && (await trimmedTo(store, thread, () => head.logId)) === trimmed
          if (isSame) throw corrupt("read", thread, after + 1, "an entry is missing")
        }
      }),
    note: (thread, key) =>
      attempt("note", thread, async () => findNote(store, thread, await readSeen(store, thread), key)),
    notes: (thread, prefix) =>
      attempt("notes", thread, async () => listNotes(store, thread, await readSeen(store, thread), prefix)),
    due: (before, limit) => attempt("due", WHOLE_STORE, () => findDue(store, before, limit, clock.now)),
    snapshot: (thread) =>
      attempt("snapshot", thread, async () => readSnapshot(store, thread, logIdOf(await readSeen(store, thread)))),
    saveSnapshot: (thread, snapshot) =>
      attempt("saveSnapshot", thread, async () =>
        writeSnapshot(store, thread, await readSeen(store, thread), snapshot)
      ),
    trim: (thread, offset) => attempt("trim", thread, () => trimThread(store, thread, offset)),
    erase: (thread, erase) => attempt("erase", thread, () => eraseThread(store, thread, erase)),
    drop: (thread, logId) => attempt("drop", thread, () => dropThread(store, thread, logId))
  }
}
const durabilityOf = ({
  isOnDisk,
  replicas
}: {
  readonly isOnDisk: boolean
  readonly replicas: number
}): Durability => {
  if (!isOnDisk) return { sigkill: "Nothing: the stream is in memory.", powerCut: "Nothing: the stream is in memory." }
  const others = `Everything, while a majority of its ${replicas} servers keeps running.`
  return {
    sigkill: "Everything: the server has given it to the operating system before it answers.",
    powerCut:
      replicas > 1
        ? others
        : "What the server had synced: it syncs every two minutes as it comes, and before it answers with `sync_interval: always` (from 2.10 on)."
  }
}

/**
 * A log in a JetStream server, connected when the layer is built; fails to build where the server does not answer, has no
 * JetStream, or would drop what is in the stream. Throws a `TypeError` for wrong options.
 */
export const natsLog = (options: NatsLogOptions): Layer.Layer<ThreadLog, LogError> => {
  const { replicas = 1, stream = "throughline-log", timeoutMillis = 10_000 } = options
  checkServers(options)
  if (!/^[\w-]+$/.test(stream)) throw new TypeError("stream must be of A–Z a–z 0–9 _ -")
  return Layer.effect(
    ThreadLog,
    Effect.suspend(() => {
      let durability: Durability | undefined
      const link = openLink({ ...options, timeoutMillis }, "throughline-log", async (connection) => {
        const found = await prepareStreams(connection, stream, { timeoutMillis, replicas })
        durability = durabilityOf(found)
      })
      const store = makeStore(link, stream, timeoutMillis)
      const clock = makeClock(store)
      const open = Effect.tryPromise({
        try: () => clock.check(),
        catch: (cause) => toLogError("open", WHOLE_STORE, cause)
      })
      return Effect.map(
        Effect.acquireRelease(open, () => Effect.promise(link.close)),
        () => make(store, clock, durability as Durability)
      )
    })
  )
}
