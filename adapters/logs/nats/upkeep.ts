/** Trimming, erasing and dropping: what removes anything. Each can be done again where it was cut short. */
import type { Erase } from "../../../src/ports/ThreadLog.ts"
import { entriesFrom, trimmedTo, type Found } from "./entries.ts"
import { namesOf } from "./names.ts"
import { eraseNotes, settle } from "./notes.ts"
import { decode, encode, entryOf, type State, type TrimRecord } from "./records.ts"
import { readSnapshot } from "./snapshots.ts"
import { logIdOf, offsetOf, readSeen } from "./state.ts"
import { each, type Store } from "./store.ts"

/** Entries that are held at once. */
const PAGE = 100

export const trimThread = async (store: Store, thread: string, offset: number): Promise<number> => {
  const seen = await readSeen(store, thread)
  const logId = logIdOf(seen)
  const names = namesOf(store.stream, thread)
  const [trimmed, snapshot] = await Promise.all([
    trimmedTo(store, thread, () => logId),
    readSnapshot(store, thread, logId)
  ])
  const target = Math.min(offset, snapshot?.offset ?? 0, offsetOf(seen))
  if (target <= trimmed) return trimmed
  await settle(store, thread, seen)
  await store.put(names.trimmed, encode({ logId, offset: target } satisfies TrimRecord))
  // the newest message stays: writers compare its sequence
  const [kept] = await entriesFrom(store, thread, seen, target + 1, { limit: 1, maxBytes: 0 })
  await store.purge(names.commits, kept?.isRewritten === false ? kept.sequence : seen.stateSequence)
  const rewritten = await store.subjects(names.allRewritten(logId))
  const old = rewritten.filter((subject) => Number(subject.slice(subject.lastIndexOf(".") + 1)) <= target)
  await each(old, (subject) => store.purge(subject))
  return target
}

export const eraseThread = async (store: Store, thread: string, erase: Erase): Promise<void> => {
  const { from, noteKeys, to, tombstone } = erase
  const names = namesOf(store.stream, thread)
  const first = await readSeen(store, thread)
  if (first.state === undefined) return
  const holders = new Set(await eraseNotes(store, thread, first, noteKeys))
  const begin = Math.max(from, 1 + (await trimmedTo(store, thread, () => logIdOf(first))))
  // the newest commit's message must stay the newest: a state takes its place
  for (;;) {
    const seen = await readSeen(store, thread)
    const { state } = seen
    const isTouched = offsetOf(seen) <= to && offsetOf(seen) >= begin
    if (state?.kind !== "commit" || !(isTouched || holders.has(seen.stateSequence))) break
    await settle(store, thread, seen)
    const left = { ...state, kind: "state", notes: [] } satisfies State
    if ((await store.put(names.commits, encode(left), seen.sequence)) !== undefined) break
  }
  const seen = await readSeen(store, thread)
  const rewrite = async ({ entry, isRewritten, sequence }: Found, body: string) => {
    await store.put(names.rewritten(logIdOf(seen), entry.offset), encode({ offset: entry.offset, id: entry.id }, body))
    await store.erase(sequence)
    if (!isRewritten) holders.delete(sequence)
  }
  for (let at = begin; at <= to;) {
    const page = await entriesFrom(store, thread, seen, at, { limit: Math.min(PAGE, to - at + 1), maxBytes: Infinity })
    for (const found of page) await rewrite(found, tombstone(found.entry))
    if (page.length === 0) break
    at += page.length
  }
  for (const sequence of holders) {
    const found = await store.from(names.commits, sequence)
    if (found?.seq !== sequence) continue
    const { body, record } = decode<State>(found.data)
    if (record.kind === "commit") await rewrite({ entry: entryOf(record, body), sequence, isRewritten: false }, body)
  }
}

export const dropThread = async (store: Store, thread: string, logId: string): Promise<void> => {
  const names = namesOf(store.stream, thread)
  const state = { kind: "state", thread, logId, offset: 0, id: "", control: null, due: null, notes: [] } satisfies State
  const sequence = (await store.put(names.commits, encode(state))) as number
  await store.purge(names.commits, sequence)
  for (const subject of names.leftovers) await store.purge(subject, sequence)
}
