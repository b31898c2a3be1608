/**
 * The view of a thread at its head: the saved snapshot, if there is a good one, and the tail folded onto it.
 *
 * A snapshot is derived: one of another log, another fold version or with a wrong hash is ignored and rebuilt.
 * After a long fold a new one is saved, so the next reader is fast; but never one that may have words which an erasure
 * is about to take out of the log. Rules: PROTOCOL.md#view
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import { fault } from "../protocol/Fault.ts"
import type { Entry } from "../protocol/Entry.ts"
import type { ContentErased } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import { MAX_PAGE_BYTES, MAX_PAGE_ENTRIES } from "../protocol/Limits.ts"
import type { View } from "../protocol/View.ts"
import { LogCorrupt, LogError } from "../ports/LogError.ts"
import type { Head, Snapshot, StoredEntry, ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"
import { hasContent } from "../thread/decideErase.ts"
import { createFold, FOLD_VERSION } from "../thread/fold.ts"

/** Folding more than this since the last snapshot saves a new one. */
const SNAPSHOT_ENTRIES = 500
const SNAPSHOT_BYTES = 256 * 1024

export interface ViewAt {
  readonly view: View
  readonly head: Head
  /** Erased, but the view may still have words of it; such a view is not saved. From and to, both included. */
  readonly uncleared: readonly OffsetRange[]
}
export type OffsetRange = ContentErased["offsets"][number]

export const readView = Effect.fnUntraced(function* (log: ThreadLogService, thread: ThreadKey) {
  const saved = yield* usableSnapshot(log, thread)
  return yield* foldFrom(log, thread, saved).pipe(
    Effect.catch((error) => {
      // trimmed or replaced between the two reads: begin again with the newest snapshot
      const expired = error.reason._tag === "OffsetExpired"
      if (!expired && saved === undefined) return Effect.fail(error)
      // of what was trimmed, a snapshot of an older fold is better than none
      return Effect.flatMap(usableSnapshot(log, thread, expired), (newer) => foldFrom(log, thread, newer))
    })
  )
})

const foldFrom = Effect.fnUntraced(function* (log: ThreadLogService, thread: ThreadKey, saved: Snapshot | undefined) {
  const fold = createFold(saved === undefined ? undefined : (saved.view as unknown as View))
  const erased: OffsetRange[] = []
  const cleared = new Set<number>()
  let offset = saved?.offset ?? 0
  let bytes = 0
  let head: Head
  do {
    const page = yield* log.read(thread, offset, { limit: MAX_PAGE_ENTRIES * 10, maxBytes: MAX_PAGE_BYTES * 4 })
    head = page.head
    if (saved !== undefined && head.logId !== saved.logId) {
      return yield* new LogError({
        operation: "readView",
        reason: new LogCorrupt({ thread, offset: saved.offset, problem: "the snapshot is of another log" })
      })
    }
    if (page.entries.length === 0) break
    for (const stored of page.entries) {
      const entry = parseEntry(stored)
      fold.apply(entry)
      bytes += stored.body.length
      if (!hasContent(entry.events)) cleared.add(entry.offset)
      erased.push(...erasedIn(entry))
    }
    offset = page.entries[page.entries.length - 1]!.offset
  } while (offset < head.offset)
  // an empty log has its name, too: what comes late from the one before is foreign to it
  const view = offset === 0 ? { ...fold.view, logId: head.logId } : fold.view
  const uncleared = erased.filter(([from, to]) => {
    for (let at = from; at <= to; at++) if (!cleared.has(at)) return true
    return false
  })
  if (uncleared.length === 0 && (offset - (saved?.offset ?? 0) > SNAPSHOT_ENTRIES || bytes > SNAPSHOT_BYTES)) {
    yield* Effect.ignore(log.saveSnapshot(thread, snapshotOf(view)))
  }
  return { view, head, uncleared } satisfies ViewAt as ViewAt
})

/** The offsets that the entry says are erased. */
export const erasedIn = ({ events }: Entry): readonly OffsetRange[] =>
  events.flatMap((event) => (event.type === "content.erased" ? (event as ContentErased).offsets : []))

const usableSnapshot = (log: ThreadLogService, thread: ThreadKey, anyVersion = false) =>
  Effect.map(log.snapshot(thread), (saved) => {
    const isOurs = saved !== undefined && (anyVersion || saved.foldVersion === FOLD_VERSION)
    return isOurs && saved.hash === hashOf(saved.view) ? saved : undefined
  })

export const snapshotOf = (view: View): Snapshot => {
  const json = view as unknown as Json
  return {
    logId: view.logId,
    offset: view.offset,
    id: view.id,
    foldVersion: FOLD_VERSION,
    hash: hashOf(json),
    view: json
  }
}
const hashOf = (view: Json): string => createHash("sha256").update(JSON.stringify(view)).digest("base64url")

/** What this log holds was encoded by a writer; a body that does not parse is the store's damage. */
export const parseEntry = (entry: StoredEntry): Entry => JSON.parse(entry.body) as Entry

/** The fault that a client gets for a failed read. */
export const faultOf = (error: LogError) => {
  const { reason } = error
  switch (reason._tag) {
    case "LogUnavailable":
      return fault("STORE_UNAVAILABLE", reason.message, {
        ...(reason.retryAfterMillis === undefined ? {} : { retryAfterMillis: reason.retryAfterMillis })
      })
    case "LogFull":
      return fault("STORE_FULL", reason.message)
    case "RecordTooLarge":
      return fault("TOO_LARGE", reason.message, { limit: reason.limitBytes })
    case "OffsetExpired":
      return fault("OFFSET_EXPIRED", `${reason.message}; take the view`)
    case "LogCorrupt":
      // which offset and what is wrong is for the operator, not for clients
      return fault("STORE_CORRUPT", "the thread's log is damaged and is not served")
  }
}
