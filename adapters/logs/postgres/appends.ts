/** Many appends as one statement: what is sent for each, and what the answer means. */
import type { Append, Head, ThreadKey } from "../../../src/ports/ThreadLog.ts"
import type { Database } from "./connection.ts"
import { entrySum, headSum, noteSum, stateSum, toBody, toKey } from "./rows.ts"
import type { Statements } from "./statements.ts"

export interface AppendRequest {
  readonly thread: ThreadKey
  readonly append: Append
}
/** The tag as the store has it: `null` for a thread that never existed, and -1, which none has, for no number. */
const tagOf = (tag: string): number | null => {
  if (tag === "") return null
  const number = Number(tag)
  return Number.isSafeInteger(number) ? number : -1
}

/** The statement's parameters: one array per column, and for notes one per column of theirs. Threads are distinct. */
const columnsOf = (requests: readonly AppendRequest[]): readonly (readonly unknown[])[] => {
  const columns: unknown[][] = Array.from({ length: 18 }, () => [])
  const add = (first: number, values: readonly unknown[]): void => {
    for (let n = 0; n < values.length; n++) columns[first + n]!.push(values[n])
  }
  for (const [n, { thread, append }] of requests.entries()) {
    const { expected, entry, control, due, notes } = append
    const key = toKey(thread)
    const logId = toKey(append.logId)
    const id = toKey(entry.id)
    const body = toBody(entry.body)
    // What the caller hands back unchanged is not sent, and its column not rewritten.
    const changed = expected.offset === 0 || control !== expected.control || due !== expected.due
    const state = changed ? JSON.stringify(control) : null
    add(0, [key, toKey(expected.logId), expected.offset, toKey(expected.id), tagOf(expected.tag), logId, id])
    add(7, [headSum(key, logId, entry.offset, id)])
    add(8, [state, due, state === null ? null : stateSum(key, due, state)])
    add(11, [body, entrySum(key, entry.offset, id, body)])
    for (const note of notes) {
      const noteKey = toKey(note.key)
      const value = JSON.stringify(note.value)
      add(13, [n + 1, key, noteKey, value, noteSum(key, noteKey, value)])
    }
  }
  return columns
}

/** Answers a head for each that was written, `undefined` for each that conflicts. */
export const appendAll = async (
  database: Database,
  sql: Statements,
  requests: readonly AppendRequest[]
): Promise<readonly (Head | undefined)[]> => {
  const [row] = await database.query(sql.append, columnsOf(requests))
  const won = new Set((row?.["won"] ?? []) as readonly number[])
  const now = Number(row?.["now"])
  return requests.map(({ append: { expected, logId, entry, control, due } }, n) =>
    won.has(n + 1)
      ? {
          logId,
          offset: entry.offset,
          id: entry.id,
          control,
          due,
          tag: `${Number(expected.tag) + 1}`,
          knock: null,
          now
        }
      : undefined
  )
}
