/**
 * Subjects. A thread, a note's key and a log's id are in them as hashes: names may hold anything, subjects may not.
 *
 * `<stream>.c.<thread>` has the thread's commits, and nothing else decides; the rest is derived from them, or belongs to one:
 * rewritten entries `x`, notes `n`, the snapshot `s` and its parts `p`, where it was trimmed `t`.
 */
import { createHash } from "node:crypto"

const hash = (text: string, length: number): string =>
  // as JSON, so that lone surrogates differ
  createHash("sha256").update(JSON.stringify(text)).digest("base64url").slice(0, length)

export interface Names {
  readonly commits: string
  readonly trimmed: string
  readonly snapshot: string
  readonly parts: (nonce: string) => string
  readonly note: (logId: string, key: string) => string
  readonly notes: (logId: string) => string
  readonly rewritten: (logId: string, offset: number) => string
  readonly allRewritten: (logId: string) => string
  /** All that a dropped log leaves behind, beside its commits. */
  readonly leftovers: readonly string[]
  readonly due: (at: number) => string
}
export const namesOf = (stream: string, thread: string): Names => {
  const h = hash(thread, 43)
  const name = (kind: string) => `${stream}.${kind}.${h}`
  const log = (logId: string) => hash(logId, 16)
  return {
    commits: name("c"),
    trimmed: name("t"),
    snapshot: name("s"),
    parts: (nonce) => `${name("p")}.${nonce}`,
    note: (logId, key) => `${name("n")}.${log(logId)}.${hash(key, 43)}`,
    notes: (logId) => `${name("n")}.${log(logId)}.*`,
    rewritten: (logId, offset) => `${name("x")}.${log(logId)}.${offset}`,
    allRewritten: (logId) => `${name("x")}.${log(logId)}.*`,
    leftovers: [name("t"), name("s"), `${name("p")}.>`, `${name("n")}.>`, `${name("x")}.>`],
    due: (at) => `${dueStreamOf(stream)}.${h}.${Math.floor(at)}`
  }
}
export const dueStreamOf = (stream: string): string => `${stream}-due`
/** The time in the subject of a thread's due record. */
export const dueAt = (subject: string): number => Number(subject.slice(subject.lastIndexOf(".") + 1))
