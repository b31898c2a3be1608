/** What is asked of the objects, and how they answer: JSON over their `fetch`. */
import type {
  Append,
  Erase,
  Head,
  Note,
  ReadOptions,
  ReadResult,
  Snapshot,
  StoredEntry
} from "../../../src/ports/ThreadLog.ts"
import type { Json } from "../../../src/protocol/Json.ts"

/** Operations of a thread's object: what it is given, and what it answers. */
export interface ThreadOperations {
  readonly head: (given: object) => Head
  /** `undefined`: it conflicts. */
  readonly append: (given: { readonly append: Append }) => Head | undefined
  readonly knock: (given: { readonly by: string }) => Head
  readonly read: (given: { readonly after: number; readonly options: ReadOptions }) => ReadResult
  readonly note: (given: { readonly key: string }) => Json | undefined
  readonly notes: (given: { readonly prefix: string }) => readonly Note[]
  readonly snapshot: (given: object) => Snapshot | undefined
  readonly saveSnapshot: (given: { readonly snapshot: Snapshot }) => void
  readonly trim: (given: { readonly offset: number }) => number
  /** The first entries that are there from one offset to another, some 4 MiB of them. */
  readonly between: (given: Pick<Erase, "from" | "to">) => readonly StoredEntry[]
  readonly erase: (given: { readonly entries: readonly StoredEntry[]; readonly noteKeys: readonly string[] }) => void
  readonly drop: (given: { readonly logId: string }) => void
  /** When something is due. From then on it tells the index of what is due earlier. */
  readonly due: (given: object) => number | null
}
/** Of the index: when something may be due on a thread, never later than when it is. */
export interface DueOperations {
  readonly announce: (given: { readonly thread: string; readonly at: number }) => void
  readonly list: (given: { readonly before: number; readonly limit: number }) => readonly Announced[]
  /** Corrects what is still as it was `seen`. */
  readonly settle: (given: { readonly settled: readonly (Announced & { readonly due: number | null })[] }) => void
}
export interface Announced {
  readonly thread: string
  readonly at: number
}

export type Refusal =
  | { readonly _tag: "OffsetExpired"; readonly firstOffset: number }
  | { readonly _tag: "LogCorrupt"; readonly offset: number; readonly problem: string }
  | { readonly _tag: "RecordTooLarge"; readonly what: string; readonly sizeBytes: number; readonly limitBytes: number }
  | { readonly _tag: "LogFull"; readonly problem: string }
export type Answer = { readonly value?: unknown } | { readonly refusal: Refusal }

/** Thrown in an object; becomes its answer. */
export class Refused extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal._tag)
    this.refusal = refusal
  }
}
export const corrupt = (offset: number, problem: string): Refused =>
  new Refused({ _tag: "LogCorrupt", offset, problem })

/** Which of the index's objects has the thread. Several, since one answers a thousand requests a second at most. */
export const DUE_OBJECTS = 8
export const dueObjectOf = (thread: string): string => {
  let hash = 0
  for (let at = 0; at < thread.length; at++) hash = (Math.imul(hash, 31) + thread.charCodeAt(at)) >>> 0
  return dueObject(hash % DUE_OBJECTS)
}
export const dueObject = (index: number): string => `due-${index}`
