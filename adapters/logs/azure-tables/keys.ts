/**
 * Partition and row keys of the Azure Tables log.
 *
 * Azure forbids `/ \ # ?` and control characters in keys and ends them at 512 UTF-16 units; here everything but
 * `[A-Za-z0-9._-]` is escaped, and what is too long ends in its hash. In a thread's partition the rows sort as
 *
 *     e<generation><offset>                       entries
 *     g<generation>                               up to where entries were trimmed
 *     h                                           the head
 *     i<generation><offset>.<save>.<chunk>        snapshots
 *     n<generation><key>                          notes
 *
 * so that one range query reads entries, what became of those before them, and the head, or the head and the snapshot. `drop` begins the
 * next generation by replacing the head, in one step; rows of earlier generations are never read again.
 */
import { createHash } from "node:crypto"

/** Longer escaped keys end in their hash; leaves room for what is put before them. */
const MAX_LENGTH = 400
const HASHED_PREFIX = 300

const escape = (text: string): string =>
  text.replace(/[^A-Za-z0-9._-]/g, (unit) => `!${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
const bounded = (text: string): string => {
  const escaped = escape(text)
  if (escaped.length <= MAX_LENGTH) return escaped
  return `${escaped.slice(0, HASHED_PREFIX)}~${createHash("sha256").update(text, "utf16le").digest("hex")}`
}
const padded = (value: number, digits: number): string => String(Math.max(0, value)).padStart(digits, "0")

export const partitionOf = (thread: string): string => `t${bounded(thread)}`
/** Cannot be a thread's: those begin with `t`. */
export const DUE_PARTITION = "due"
export const dueKey = (at: number, unique: string): string => `${padded(Math.floor(at), 16)}.${unique}`

export const HEAD_KEY = "h"
export const AFTER_HEAD_KEY = "h!"
export const AFTER_SNAPSHOTS_KEY = "j"
export const entryKey = (generation: number, offset: number): string => `e${padded(generation, 8)}${padded(offset, 16)}`
export const offsetOf = (rowKey: string): number => Number(rowKey.slice(9, 25))
export const isOf = (rowKey: string, generation: number): boolean => rowKey.slice(1, 9) === padded(generation, 8)
export const snapshotKey = (generation: number, offset: number, save: string, chunk: number): string =>
  `i${padded(generation, 8)}${padded(offset, 16)}.${save}.${padded(chunk, 4)}`
/** What all chunks of one saved snapshot begin with; sorts by offset. */
export const snapshotOf = (rowKey: string): string => rowKey.slice(0, rowKey.lastIndexOf("."))
export const noteKey = (generation: number, key: string): string => `n${padded(generation, 8)}${bounded(key)}`
/** Range of row keys that holds every note whose key begins with `prefix`, and perhaps others. */
export const noteRange = (generation: number, prefix: string): readonly [from: string, before: string] => {
  const start = `n${padded(generation, 8)}${escape(prefix).slice(0, HASHED_PREFIX)}`
  return [start, `${start}\u007f`]
}
export const trimKey = (generation: number): string => `g${padded(generation, 8)}`
/** Sorts before every trim and the head, and after every entry. */
export const AFTER_ENTRIES_KEY = "f"
