/**
 * Entries by offset. They are the thread's commits in order; where one begins is found by its sequence, which grows with the
 * offset: guessed, looked at, and narrowed. One that was rewritten is on a subject of its own.
 */
import type { ReadOptions, StoredEntry } from "../../../src/ports/ThreadLog.ts"
import { namesOf } from "./names.ts"
import { decode, entryOf, type EntryRecord, type Knock, type State, type TrimRecord } from "./records.ts"
import { logIdOf, offsetOf, type Seen } from "./state.ts"
import type { Store } from "./store.ts"

export interface Found {
  readonly entry: StoredEntry
  /** Of the message that holds it. */
  readonly sequence: number
  readonly isRewritten: boolean
}
interface Commit {
  readonly sequence: number
  /** How many entries of this log come before the message, and, in a commit, with it. */
  readonly offset: number
  readonly entry: StoredEntry | undefined
}

/** The first commit or state from `sequence` on, of this log or, as offset 0, another. */
const commitFrom = async (store: Store, thread: string, seen: Seen, sequence: number): Promise<Commit | undefined> => {
  for (let at = sequence; ;) {
    const found = await store.from(namesOf(store.stream, thread).commits, at)
    if (found === undefined) return undefined
    const { body, record } = decode<State | Knock>(found.data)
    if (record.kind !== "knock") {
      if (record.logId !== logIdOf(seen)) return { sequence: found.seq, offset: 0, entry: undefined }
      const entry = record.kind === "commit" ? entryOf(record, body) : undefined
      return { sequence: found.seq, offset: record.offset, entry }
    }
    at = found.seq + 1
  }
}
/** The first commit whose entry has this offset or a later one; `undefined` where only `seen` itself may have it. */
const seek = async (store: Store, thread: string, seen: Seen, offset: number): Promise<Commit | undefined> => {
  let low = { sequence: 0, offset: 0 }
  let high = { sequence: seen.stateSequence, offset: offsetOf(seen) }
  let beyond: Commit | undefined
  for (let step = 0; low.sequence + 1 <= high.sequence; step++) {
    const share = step % 2 === 0 ? (offset - low.offset) / Math.max(1, high.offset - low.offset) : 0.5
    const width = high.sequence - low.sequence
    const guess = low.sequence + 1 + Math.min(width - 1, Math.max(0, Math.floor((width - 1) * share)))
    const found = await commitFrom(store, thread, seen, guess)
    if (found === undefined) high = { ...high, sequence: guess - 1 }
    else if (found.entry?.offset === offset) return found
    else if (found.offset < offset) low = { sequence: found.sequence, offset: found.offset }
    else {
      if (found.entry !== undefined) beyond = found
      high = { sequence: guess - 1, offset: found.offset }
    }
  }
  return beyond
}

const rewritten = async (store: Store, thread: string, seen: Seen, offset: number): Promise<Found | undefined> => {
  const found = await store.last(namesOf(store.stream, thread).rewritten(logIdOf(seen), offset))
  if (found === undefined) return undefined
  const { body, record } = decode<EntryRecord>(found.data)
  return { entry: entryOf(record, body), sequence: found.seq, isRewritten: true }
}
/** Entries from `offset` on, up to those of `seen`: `limit`, or as many as reach `maxBytes`. Stops at one that is not there. */
export const entriesFrom = async (
  store: Store,
  thread: string,
  seen: Seen,
  offset: number,
  { limit, maxBytes }: ReadOptions
): Promise<readonly Found[]> => {
  const found: Found[] = []
  let bytes = 0
  let commit = await seek(store, thread, seen, offset)
  for (let want = offset; want <= offsetOf(seen) && found.length < limit; want++) {
    while (commit !== undefined && (commit.entry === undefined || commit.entry.offset < want))
      commit = await commitFrom(store, thread, seen, commit.sequence + 1)
    const here = commit?.entry?.offset === want ? commit : undefined
    const next =
      here === undefined
        ? await rewritten(store, thread, seen, want)
        : { entry: here.entry as StoredEntry, sequence: here.sequence, isRewritten: false }
    if (next === undefined) break
    bytes += Buffer.byteLength(next.entry.body)
    if (bytes > maxBytes && found.length > 0) break
    found.push(next)
  }
  return found
}
/** The offset that the current log was trimmed to. */
export const trimmedTo = async (store: Store, thread: string, logId: () => string): Promise<number> => {
  const found = await store.last(namesOf(store.stream, thread).trimmed)
  const record = found === undefined ? undefined : decode<TrimRecord>(found.data).record
  return record?.logId === logId() ? record.offset : 0
}
