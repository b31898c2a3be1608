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
  for (let n = 0; n < requests.length; n++) {
    const { thread, append } = requests[n]!
    const { expected, entry, control, due, notes } = append
    const key = toKey(thread)
    const logId = toKey(append.logId)
    const id = toKey(entry.id)
    const body = toBody(entry.body)
    // What the caller hands back unchanged is not sent, and its column not rewritten.
    const changed = expected.offset === 0 || control !== expected.control || due !== expected.due
    const state = changed ? JSON.stringify(control) : null
    columns[0]![n] = key
    columns[1]![n] = expected.logId === append.logId ? logId : toKey(expected.logId)
    columns[2]![n] = expected.offset
    columns[3]![n] = toKey(expected.id)
    columns[4]![n] = tagOf(expected.tag)
    columns[5]![n] = logId
    columns[6]![n] = id
    columns[7]![n] = headSum(key, logId, entry.offset, id)
    columns[8]![n] = state
    columns[9]![n] = due
    columns[10]![n] = state === null ? null : stateSum(key, due, state)
    columns[11]![n] = body
    columns[12]![n] = entrySum(key, entry.offset, id, body)
    for (const note of notes) {
      const noteKey = toKey(note.key)
      const value = JSON.stringify(note.value)
      const values = [n + 1, key, noteKey, value, noteSum(key, noteKey, value)]
      for (const [at, one] of values.entries()) columns[NOTES + at]!.push(one)
    }
  }
  return columns
}
/** The first column of notes. */
const NOTES = 13

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
