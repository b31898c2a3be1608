/**
 * Erasing what stands in some entries of a thread: their text, the notes that held it, and what views show of it.
 *
 * First `content.erased` is appended, so that every screen drops it, with what idempotency needs of the notes that go;
 * then a snapshot without the words is saved, the bodies are overwritten and the notes deleted. From that entry on,
 * nobody else saves a view that has the words (`readView`), and a snapshot from before it is lower and does not count.
 * Entries keep offset and id, and of their events what says that runs began and ended (`withoutContent`). A repeated
 * message, start or interrupt is still answered as the first time: its digest, offset and answer stay, in its note or
 * under `erased/…`. A process that dies in between leaves the entry; erasing again does the rest.
 */
import * as Effect from "effect/Effect"
import type { Entry } from "../protocol/Entry.ts"
import type { Id, RunAccepted } from "../protocol/Event.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import { MAX_PAGE_BYTES, MAX_PAGE_ENTRIES } from "../protocol/Limits.ts"
import type { View } from "../protocol/View.ts"
import { blobsOf } from "../ports/BlobStore.ts"
import type { LogError, OffsetExpired } from "../ports/LogError.ts"
import type { Note, StoredEntry, ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"
import type { Recorded } from "../thread/command.ts"
import { erasedKey, withoutContent } from "../thread/decideErase.ts"
import { createFold } from "../thread/fold.ts"
import { erasedIn, parseEntry, readView, snapshotOf, type OffsetRange } from "../writer/readView.ts"
import { scrub, type Touched } from "./scrub.ts"
import type { ServerServices } from "./ServerServices.ts"
import { command, namedThread, orFault, type ThreadName } from "./threadName.ts"

export interface EraseOptions {
  /** Offsets, both included. */
  readonly from: number
  readonly to: number
  /** Shown to everyone who may read the thread. */
  readonly reason?: string
  /** Who asked for it; shown, too. */
  readonly by?: Id
}
/** One append has room for that many notes on every log. */
const NOTES_PER_APPEND = 50
/** What a run's worker recorded; of no use once the run has ended. */
const WORKING_NOTES = ["begun", "step", "chunk", "ask", "used", "parked", "checkpoint"]

export const erase = (
  services: ServerServices,
  name: ThreadName,
  { by, from, reason, to }: EraseOptions
): Effect.Effect<{ readonly ok: true; readonly offset: number }, Fault> =>
  Effect.gen(function* () {
    const { log } = services
    const thread = yield* namedThread(name)
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 1 || to < from)
      return yield* Effect.fail(fault("BAD_NUMBER", "from and to are offsets, from 1 and in this order"))
    const found = yield* orFault(whatIsThere(log, thread, from, to))
    const kept = found.interrupts.map(({ key, value }): Note => {
      const { answer, digest, offset } = value as unknown as Recorded
      return { key: erasedKey(key), value: { answer, digest, offset } as never }
    })
    // asked before anything is appended; what is deleted is listed after it, when nothing more comes
    if (services.blobs === undefined && (yield* orFault(recordedBy(log, thread, found.runs))).some(isInBlob))
      return yield* Effect.fail(noBlobs)
    const about = { from, to, runs: [...found.runs], ...(by && { by }), ...(reason && { reason }) }
    let offset = 0
    for (let at = 0; at === 0 || at < kept.length; at += NOTES_PER_APPEND) {
      const part = { ...about, type: "erase", kept: kept.slice(at, at + NOTES_PER_APPEND) } as const
      offset = (yield* command(services, thread, part)).offset
    }
    const working = yield* orFault(recordedBy(log, thread, found.runs))
    const noteKeys = [...found.interrupts, ...working].map(({ key }) => key)
    const view = yield* orFault(clearedView(log, thread, { ...found, range: [from, to] }))
    yield* orFault(log.saveSnapshot(thread, snapshotOf(view)))
    for (const run of found.runs) yield* eraseBlobs(services, thread, run)
    yield* orFault(log.erase(thread, { from: Math.max(from, found.firstOffset), to, noteKeys, tombstone }))
    return { ok: true, offset } as const
  })

/** The working notes of these runs. */
const recordedBy = Effect.fnUntraced(function* (log: ThreadLogService, thread: ThreadKey, runs: ReadonlySet<Id>) {
  const notes: Note[] = []
  for (const run of runs) for (const kind of WORKING_NOTES) notes.push(...(yield* log.notes(thread, `${kind}/${run}/`)))
  return notes
})
const isInBlob = ({ value }: Note) => "blob" in Object(value)
const noBlobs = fault("INTERNAL", "results are in a blob store that this backend was not given: pass `blobs`")

const eraseBlobs = ({ blobs }: ServerServices, thread: ThreadKey, run: Id): Effect.Effect<void, Fault> =>
  blobs === undefined
    ? Effect.void
    : Effect.mapError(blobs.eraseAll(blobsOf(thread, run)), ({ message }) =>
        fault("STORE_UNAVAILABLE", `${message}; erase again`)
      )

const tombstone = (entry: StoredEntry): string => {
  const parsed = parseEntry(entry)
  return JSON.stringify({ ...parsed, events: withoutContent(parsed.events) } satisfies Entry)
}

interface Found extends Touched {
  /** The first that is kept. */
  readonly firstOffset: number
  /** Notes of interrupts that were received there. */
  readonly interrupts: readonly Note[]
}
const whatIsThere = Effect.fnUntraced(function* (log: ThreadLogService, thread: ThreadKey, from: number, to: number) {
  const runs = new Set<Id>()
  const docs = new Set<Id>()
  const isThere = ({ value }: Note) => {
    const { offset } = value as unknown as Recorded
    return from <= offset && offset <= to
  }
  const firstOffset = yield* firstKept(log, thread)
  yield* eachEntry(log, thread, Math.max(from, firstOffset), to, ({ events }) => {
    for (const event of events) {
      if ("run" in event && event.run !== undefined) runs.add(event.run)
      if ("doc" in event && typeof event.doc === "string") docs.add(event.doc)
    }
  })
  if (from < firstOffset) {
    // which runs had content in what was trimmed, nothing says any more: all that were accepted by then may have
    for (const note of yield* log.notes(thread, "run/"))
      if ((note.value as unknown as Recorded).offset <= Math.min(to, firstOffset - 1)) runs.add(note.key.slice(4))
  }
  for (const run of [...runs]) yield* addCallers(log, thread, run, runs)
  const interrupts = (yield* log.notes(thread, "interrupt/")).filter(isThere)
  return { firstOffset, runs, docs, interrupts } satisfies Found as Found
})

/** Whose note has the run's result: what called it, as its acceptance says. */
const addCallers = (log: ThreadLogService, thread: ThreadKey, run: Id, runs: Set<Id>): Effect.Effect<void, LogError> =>
  Effect.gen(function* () {
    const note = (yield* log.note(thread, `run/${run}`)) as unknown as Recorded | undefined
    if (note === undefined) return
    const page = yield* Effect.catch(
      log.read(thread, note.offset - 1, { limit: 1, maxBytes: 1 }),
      orIfExpired(() => Effect.undefined)
    )
    for (const entry of page?.entries ?? [])
      for (const event of parseEntry(entry).events) {
        if (event.type !== "run.accepted") continue
        const { parent, run: accepted } = event as RunAccepted
        if (accepted !== run || parent === undefined || runs.has(parent.run)) continue
        runs.add(parent.run)
        yield* addCallers(log, thread, parent.run, runs)
      }
  })

const firstKept = (log: ThreadLogService, thread: ThreadKey): Effect.Effect<number, LogError> =>
  Effect.catch(
    Effect.as(log.read(thread, 0, { limit: 1, maxBytes: 1 }), 1),
    orIfExpired(({ firstOffset }) => Effect.succeed(firstOffset))
  )
/** Goes on where entries were trimmed; every other failure stays one. */
const orIfExpired =
  <A>(otherwise: (expired: OffsetExpired) => Effect.Effect<A, LogError>) =>
  (error: LogError): Effect.Effect<A, LogError> =>
    error.reason._tag === "OffsetExpired" ? otherwise(error.reason) : Effect.fail(error)

const eachEntry = Effect.fnUntraced(function* (
  log: ThreadLogService,
  thread: ThreadKey,
  from: number,
  to: number,
  look: (entry: Entry) => void
) {
  for (let after = from - 1; after < to;) {
    const { entries } = yield* log.read(thread, after, {
      limit: Math.min(MAX_PAGE_ENTRIES, to - after),
      maxBytes: MAX_PAGE_BYTES
    })
    if (entries.length === 0) return
    for (const entry of entries) look(parseEntry(entry))
    after = entries.at(-1)!.offset
  }
})

/**
 * The view without anything that is erased so far, by whomever, whether its entries are overwritten yet or not.
 *
 * Of trimmed entries only the snapshot is left, which cannot be folded anew without their words: they are taken out
 * of it. Where that is gone, too, of what the log still has. `mine`: what is erased now, as it was found at first.
 */
const clearedView = (
  log: ThreadLogService,
  thread: ThreadKey,
  mine: Touched & { readonly range: OffsetRange }
): Effect.Effect<View, LogError> =>
  Effect.gen(function* () {
    const firstOffset = yield* firstKept(log, thread)
    if (firstOffset === 1) return yield* foldWithout(log, thread, 1)
    const before = yield* log.snapshot(thread)
    const seen = yield* Effect.catch(
      readView(log, thread),
      orIfExpired(() => Effect.undefined)
    )
    if (seen === undefined) return yield* foldWithout(log, thread, firstOffset)
    let { view } = seen
    for (const [from, to] of seen.uncleared) {
      const there = yield* whatIsThere(log, thread, from, to)
      const found = from === mine.range[0] && to === mine.range[1] ? [there, mine] : [there]
      const docs = new Set(found.flatMap((touched) => [...touched.docs]))
      const runs = new Set(found.flatMap((touched) => [...touched.runs]))
      view = scrub(view, { docs, runs }, from, to)
    }
    // who erases at the same time saves first and overwrites then: what was there may not have been found
    const after = yield* log.snapshot(thread)
    return after?.offset === before?.offset ? view : yield* clearedView(log, thread, mine)
    // trimmed while it was read
  }).pipe(Effect.catch(orIfExpired(() => clearedView(log, thread, mine))))

/** Folds the entries from `first` on as they will be once everything that is erased is overwritten. */
const foldWithout = Effect.fnUntraced(function* (log: ThreadLogService, thread: ThreadKey, first: number) {
  const erased: OffsetRange[] = []
  let last = 0
  yield* eachEntry(log, thread, first, Number.MAX_SAFE_INTEGER, (entry) => {
    erased.push(...erasedIn(entry))
    last = entry.offset
  })
  const isErased = (offset: number) => erased.some(([from, to]) => from <= offset && offset <= to)
  const fold = createFold()
  yield* eachEntry(log, thread, first, last, (entry) =>
    fold.apply(isErased(entry.offset) ? { ...entry, events: withoutContent(entry.events) } : entry)
  )
  return fold.view
})
