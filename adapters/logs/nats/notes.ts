/**
 * Notes. An append's own are in its commit, so they are there with it or not at all; whoever commits after it puts them on
 * subjects of their own first. So a thread's notes are those of its newest state, and those on subjects.
 *
 * A note is only put where none was, so that a late writer cannot bring back one that was erased.
 */
import type { Json } from "../../../src/protocol/Json.ts"
import type { Note } from "../../../src/ports/ThreadLog.ts"
import { namesOf } from "./names.ts"
import { decode, encode, type NoteRecord } from "./records.ts"
import { logIdOf, notesOf, type Seen } from "./state.ts"
import { each, type Store } from "./store.ts"

const readNote = async (store: Store, subject: string) => {
  const found = await store.last(subject)
  return found === undefined ? undefined : { ...decode<NoteRecord>(found.data).record, sequence: found.seq }
}
/** Puts the notes of `seen` on subjects of their own. */
export const settle = async (store: Store, thread: string, seen: Seen): Promise<void> => {
  if (seen.settled) return
  const names = namesOf(store.stream, thread)
  await each(notesOf(seen), async ({ key, value }) => {
    const subject = names.note(logIdOf(seen), key)
    const data = encode({ key, value, at: seen.stateSequence } satisfies NoteRecord)
    if ((await store.put(subject, data, 0)) !== undefined) return
    const there = await readNote(store, subject)
    if (there?.gone === true && there.at < seen.stateSequence) await store.put(subject, data, there.sequence)
  })
  seen.settled = true
}
export const findNote = async (store: Store, thread: string, seen: Seen, key: string): Promise<Json | undefined> => {
  const own = notesOf(seen).find((note) => note.key === key)
  if (own !== undefined) return own.value
  if (seen.state === undefined) return undefined
  const found = await readNote(store, namesOf(store.stream, thread).note(logIdOf(seen), key))
  return found?.gone === true ? undefined : found?.value
}
export const hasAny = async (store: Store, thread: string, seen: Seen, keys: readonly string[]): Promise<boolean> => {
  if (new Set(keys).size < keys.length) return true
  return (await each(keys, (key) => findNote(store, thread, seen, key))).some((value) => value !== undefined)
}
export const listNotes = async (store: Store, thread: string, seen: Seen, prefix: string): Promise<readonly Note[]> => {
  if (seen.state === undefined) return []
  const subjects = await store.subjects(namesOf(store.stream, thread).notes(logIdOf(seen)))
  const records = await each(subjects, (subject) => readNote(store, subject))
  const found = new Map<string, Json>()
  for (const record of records)
    if (record?.gone === undefined && record?.value !== undefined) found.set(record.key, record.value)
  for (const { key, value } of notesOf(seen)) found.set(key, value)
  return [...found]
    .flatMap(([key, value]) => (key.startsWith(prefix) ? [{ key, value }] : []))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}
/** Marks notes as erased; answers the sequences of the commits that have their values. */
export const eraseNotes = async (
  store: Store,
  thread: string,
  seen: Seen,
  keys: readonly string[]
): Promise<readonly number[]> => {
  await settle(store, thread, seen)
  const holders = await each(keys, async (key) => {
    const subject = namesOf(store.stream, thread).note(logIdOf(seen), key)
    const there = await readNote(store, subject)
    if (there === undefined || there.gone === true) return []
    await store.put(subject, encode({ key, gone: true, at: seen.stateSequence } satisfies NoteRecord))
    await store.erase(there.sequence)
    return [there.at]
  })
  return holders.flat()
}
