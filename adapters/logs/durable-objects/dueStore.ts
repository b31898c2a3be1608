/** A part of the index of what is due: for each thread a time that is never later than the thread's own. */
import { fromText, toText } from "./texts.ts"
import type { DueOperations } from "./wire.ts"
import type { ObjectStorage } from "./workers.ts"

export const makeDueStore = ({ sql }: ObjectStorage): DueOperations => {
  sql.exec("CREATE TABLE IF NOT EXISTS due (thread TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID")
  sql.exec("CREATE INDEX IF NOT EXISTS due_at ON due (at)")
  return {
    announce: ({ at, thread }) => {
      sql.exec(
        "INSERT INTO due VALUES (?, ?) ON CONFLICT (thread) DO UPDATE SET at = min(at, excluded.at)",
        toText(thread),
        at
      )
    },
    list: ({ before, limit }) =>
      sql
        .exec("SELECT * FROM due WHERE at < ? ORDER BY at LIMIT ?", before, limit)
        .toArray()
        .map(({ at, thread }) => ({ thread: fromText(String(thread)), at: Number(at) })),
    settle: ({ settled }) => {
      for (const { at, due, thread } of settled) {
        if (due === null) sql.exec("DELETE FROM due WHERE thread = ? AND at = ?", toText(thread), at)
        else sql.exec("UPDATE due SET at = ? WHERE thread = ? AND at = ?", due, toText(thread), at)
      }
    }
  }
}
