/**
 * Which threads are due. An index that is never late: a record is written before a commit that makes a thread due earlier.
 * It may be early, so each thread is asked for its head; records that say nothing new are removed when they are a minute old.
 */
import { dueAt, dueStreamOf, namesOf } from "./names.ts"
import { decode, encode } from "./records.ts"
import { readSeen } from "./state.ts"
import { each, type Store } from "./store.ts"

interface DueRecord {
  readonly thread: string
}
/** Longer than any writer waits between its record and its commit. */
const STALE_MILLIS = 60_000

export const writeDue = async (store: Store, thread: string, at: number): Promise<void> =>
  void (await store.put(namesOf(store.stream, thread).due(at), encode({ thread } satisfies DueRecord)))

/** `now` is the server's time. */
export const findDue = async (
  store: Store,
  before: number,
  limit: number,
  now: () => number
): Promise<readonly string[]> => {
  const subjects = await store.subjects(`${dueStreamOf(store.stream)}.>`)
  const soonest = subjects
    .map((subject) => ({ subject, at: dueAt(subject) }))
    .filter(({ at }) => at < before)
    .sort((a, b) => a.at - b.at)
  const found = new Set<string>()
  for (let from = 0; from < soonest.length && found.size < limit; from += limit) {
    const named = await each(soonest.slice(from, from + limit), async ({ at, subject }) => {
      const record = await store.lastDue(subject)
      if (record === undefined) return []
      const { thread } = decode<DueRecord>(record.data).record
      const due = (await readSeen(store, thread)).state?.due ?? null
      if (due !== null && due < before) return [thread]
      if (record.time.getTime() < now() - STALE_MILLIS && (due === null || Math.floor(due) !== at)) {
        if (due !== null) await writeDue(store, thread, due)
        await store.eraseDue(record.seq).catch(() => {})
      }
      return []
    })
    for (const thread of named.flat()) found.add(thread)
  }
  return [...found].slice(0, limit)
}
