/**
 * Names of the keys that hold a thread, and texts as Redis can hold them.
 *
 * A thread belongs to one of 64 groups by its name; the group is the hash tag of all its keys and of the group's
 * index of what is due. So one thread and its index lie in one slot, and one script may write both.
 */
import { crc32 } from "node:zlib"
import type { ThreadKey } from "../../../src/ports/ThreadLog.ts"

/** Threads whose names are remembered: an append to a thread is mostly followed by another. */
const REMEMBERED = 4_096
/** Written into every key's name: another number would not find what is stored. */
const GROUPS = 64

/** Texts that have no UTF-8 get their lone surrogates escaped. Keeps prefixes: an escaped prefix is one of the escaped text. */
export const toText = (text: string): string =>
  UNSAFE.test(text) ? text.replace(UNSAFE_ALL, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, "0")}`) : text
export const fromText = (text: string): string =>
  text.includes("%")
    ? text.replace(/%([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    : text
const UNSAFE = /%|\p{Surrogate}/u
const UNSAFE_ALL = /%|\p{Surrogate}/gu

export interface ThreadKeys {
  /** The thread's name as it is stored. */
  readonly name: string
  /** Hash: position (l, o, i, n, sum s), state (c, d, sum u), trimmed (t), knock (k). */
  readonly head: string
  /** Hash: offset to entry. */
  readonly entries: string
  /** Hash: key to note. */
  readonly notes: string
  /** Sorted set of the notes' keys, for ranges. */
  readonly noteKeys: string
  /** Hash: l, o, v, sum s. */
  readonly snapshot: string
  /** Sorted set of thread names by when they are due, of the whole group. */
  readonly due: string
}
export const keysOf = (prefix: string) => {
  const dueKey = (group: number): string => `${prefix}{${group}}:due`
  const remembered = new Map<ThreadKey, ThreadKeys>()
  const make = (thread: ThreadKey): ThreadKeys => {
    const name = toText(thread)
    const group = crc32(name) % GROUPS
    const key = (kind: string): string => `${prefix}{${group}}:${kind}:${name}`
    return {
      name,
      head: key("head"),
      entries: key("entries"),
      notes: key("notes"),
      noteKeys: key("note-keys"),
      snapshot: key("snapshot"),
      due: dueKey(group)
    }
  }
  return {
    dueKeys: Array.from({ length: GROUPS }, (_, group) => dueKey(group)),
    thread: (thread: ThreadKey): ThreadKeys => {
      const known = remembered.get(thread)
      if (known !== undefined) return known
      if (remembered.size >= REMEMBERED) remembered.clear()
      const keys = make(thread)
      remembered.set(thread, keys)
      return keys
    }
  }
}
