/**
 * Partition and sort keys of the DynamoDB log.
 *
 * Keys are UTF-8: texts go in as JSON has them, without its quotes, which keeps lone surrogates apart; what is too long
 * ends in its hash. In a thread's partition the rows are
 *
 *     e<generation><offset>            entries
 *     h                                the head, and what the newest append brought
 *     i<generation><save>.<chunk>      snapshots
 *     n<generation><key>               notes
 *     p                                which snapshot counts
 *     s<generation><save>.<chunk>      notes of an append that are too many for the head
 *
 * `drop` begins the next generation by changing the head, in one step; rows of earlier ones are never read again.
 */
import { createHash } from "node:crypto"

const DUE_SHARDS = 8
/** A sort key has at most 1,024 bytes, a partition key 2,048. */
const MAX_BYTES = 900
const HASHED_PREFIX = 200

const hash = (text: string): string => createHash("sha256").update(text, "utf16le").digest("hex")
const quoteless = (text: string): string => JSON.stringify(text).slice(1, -1)
/** The first units; never half a character. */
const begin = (text: string): string => text.slice(0, HASHED_PREFIX).replace(/[\ud800-\udbff]$/, "")
const bounded = (text: string): string => {
  const plain = quoteless(text)
  return Buffer.byteLength(plain) <= MAX_BYTES ? plain : `${begin(plain)}~${hash(text)}`
}
const padded = (value: number, digits: number): string => String(Math.max(0, value)).padStart(digits, "0")

export const partitionOf = (thread: string): string => `t#${bounded(thread)}`
const shards = Array.from({ length: DUE_SHARDS }, (_, n) => `due${n}`)
export const dueShards: readonly string[] = shards
export const dueShardOf = (thread: string): string =>
  shards[Number.parseInt(hash(thread).slice(0, 4), 16) % DUE_SHARDS]!

export const HEAD_KEY = "h"
export const SNAPSHOT_KEY = "p"
export const entryKey = (generation: number, offset: number): string => `e${padded(generation, 8)}${padded(offset, 16)}`
export const offsetOf = (sk: string): number => Number(sk.slice(9))
export const noteKey = (generation: number, key: string): string => `n${padded(generation, 8)}${bounded(key)}`
/** What the sort keys of all notes begin with whose key begins with `prefix`, and perhaps of others. */
export const notePrefix = (generation: number, prefix: string): string => {
  // half a character, which the rest of a key may make whole
  const whole = prefix.replace(/[\ud800-\udbff]$/, "")
  return `n${padded(generation, 8)}${begin(quoteless(whole))}`
}
/** What all chunks of a save begin with. */
export const saveKey = (kind: "i" | "s", generation: number, save: string): string =>
  `${kind}${padded(generation, 8)}${save}.`
export const chunkKey = (save: string, chunk: number): string => save + padded(chunk, 4)
/** The generation of a row; `undefined` for the head and what says which snapshot counts. */
export const generationOf = (sk: string): number | undefined => (sk.length === 1 ? undefined : Number(sk.slice(1, 9)))
