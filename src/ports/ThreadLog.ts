/**
 * The port of a thread's log: one conditional append, reads by offset, notes, and what keeps it small.
 *
 * The log is the truth. An adapter compares the whole expected head with the stored one and writes entry, head
 * and notes in one atomic step; it never merges, renumbers, retries a write on its own, or looks into `control`.
 * Reads are linearizable: what was acknowledged is seen by every later read. Rules: PROTOCOL.md#log
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Json } from "../protocol/Json.ts"
import type { LogError } from "./LogError.ts"

/** `tenant/thread`. The tenant comes from the verified principal. */
export type ThreadKey = string

/** What the store last returned; handed back unchanged as `expected`. */
export interface Head {
  /** `""` for a thread that never existed; the first append names the new log. */
  readonly logId: string
  /** Offset of the newest entry, 0 before the first. */
  readonly offset: number
  /** Id of the newest entry, `""` before the first. */
  readonly id: string
  /** The caller's small state; `null` before the first append. Never interpreted, compared or changed here. */
  readonly control: Json
  /** Epoch milliseconds by which something must happen on the thread, or `null`. */
  readonly due: number | null
  /** The store's own version of the head record (ETag, sequence); opaque. Changes with append and knock. */
  readonly tag: string
  /** A writer that waits for its turn; cleared by the next successful append. */
  readonly knock: { readonly by: string; readonly at: number } | null
  /** The store's clock when it answered, epoch milliseconds. */
  readonly now: number
}
export interface StoredEntry {
  readonly offset: number
  readonly id: string
  /** The entry's JSON text, byte for byte as it was appended. */
  readonly body: string
}
/** A keyed private record. Keys are `kind/…`, 1–512 characters; the value is at most 32 KiB encoded. */
export interface Note {
  readonly key: string
  readonly value: Json
}
export interface Append {
  /** Head that the caller saw. For a thread that never existed: as `head` returned it. */
  readonly expected: Head
  /** The log's id: `expected.logId`, or the new log's id at the first append. */
  readonly logId: string
  /** `offset` is `expected.offset + 1`. */
  readonly entry: StoredEntry
  readonly control: Json
  readonly due: number | null
  /** Created in the same atomic step. If a key exists, nothing is written and the answer is `Conflict`. */
  readonly notes: readonly Note[]
}
export type AppendResult =
  | { readonly _tag: "Appended"; readonly head: Head }
  /** The stored head is not `expected`, or a note's key exists. Nothing was written. */
  | { readonly _tag: "Conflict" }
  /** No answer, or one that does not say. It may be written, now or later; read before doing anything else. */
  | { readonly _tag: "Unknown"; readonly cause: unknown }

export interface ReadOptions {
  readonly limit: number
  readonly maxBytes: number
}
export interface ReadResult {
  /** Dense from `after + 1`, oldest first; at least one where there is one, even if larger than `maxBytes`. */
  readonly entries: readonly StoredEntry[]
  /** The head as of this read, taken not before the entries. */
  readonly head: Head
}
/** Derived and replaceable. `hash` is over the canonical text of the rest; a bad one is dropped and rebuilt. */
export interface Snapshot {
  readonly logId: string
  readonly offset: number
  readonly id: string
  readonly foldVersion: number
  readonly hash: string
  readonly view: Json
}
export interface Erase {
  /** Offsets, both included. */
  readonly from: number
  readonly to: number
  readonly noteKeys: readonly string[]
  /** The body that an entry has from then on. */
  readonly tombstone: (entry: StoredEntry) => string
}
/** What an acknowledged append survives, in a sentence each. */
export interface Durability {
  readonly sigkill: string
  readonly powerCut: string
}

export interface ThreadLogService {
  readonly name: string
  readonly durability: Durability
  /** Fails only for what can never succeed (`TooLarge`, `StoreFull`, `StoreCorrupt`); the rest is in the result. */
  readonly append: (thread: ThreadKey, append: Append) => Effect.Effect<AppendResult, LogError>
  /** Touches the head unconditionally, so that everyone else's next append conflicts, and names who waits. */
  readonly knock: (thread: ThreadKey, by: string) => Effect.Effect<Head, LogError>
  readonly head: (thread: ThreadKey) => Effect.Effect<Head, LogError>
  /** Fails with `OffsetExpired` when entries after `after` were trimmed. `after` at or beyond the head: no entries. */
  readonly read: (thread: ThreadKey, after: number, options: ReadOptions) => Effect.Effect<ReadResult, LogError>
  readonly note: (thread: ThreadKey, key: string) => Effect.Effect<Json | undefined, LogError>
  /** By key order. */
  readonly notes: (thread: ThreadKey, prefix: string) => Effect.Effect<readonly Note[], LogError>
  /** Threads whose `due` is before `before`; may name one too often, never more than 5 s late. */
  readonly due: (before: number, limit: number) => Effect.Effect<readonly ThreadKey[], LogError>
  readonly snapshot: (thread: ThreadKey) => Effect.Effect<Snapshot | undefined, LogError>
  /** Keeps the one with the highest offset of the current log. */
  readonly saveSnapshot: (thread: ThreadKey, snapshot: Snapshot) => Effect.Effect<void, LogError>
  /** Removes entries up to `offset`, at most what a saved snapshot covers. Answers the offset trimmed to. */
  readonly trim: (thread: ThreadKey, offset: number) => Effect.Effect<number, LogError>
  /** Overwrites the bodies of entries that are there, and deletes notes by key. A clean snapshot was saved before. */
  readonly erase: (thread: ThreadKey, erase: Erase) => Effect.Effect<void, LogError>
  /** Removes everything and leaves a head at offset 0 with the new `logId`; old heads never match again. */
  readonly drop: (thread: ThreadKey, logId: string) => Effect.Effect<void, LogError>
}
export class ThreadLog extends Context.Service<ThreadLog, ThreadLogService>()("throughline/ports/ThreadLog") {}
