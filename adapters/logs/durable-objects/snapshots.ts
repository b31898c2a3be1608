/** A thread's snapshot, in parts: a row has room for 2 MB, and a view may be larger. */
import type { Snapshot } from "../../../src/ports/ThreadLog.ts"
import { toText } from "./texts.ts"
import { corrupt } from "./wire.ts"
import type { Sql } from "./workers.ts"

const PART_BYTES = 1024 * 1024

export const makeSnapshots = (sql: Sql) => ({
  /** Of the saved one, 0 where there is none. */
  offset: (): number => Number(sql.exec(`SELECT "offset" FROM snapshot WHERE part = 0`).toArray()[0]?.["offset"] ?? 0),
  read: (): Snapshot | undefined => {
    const rows = sql.exec("SELECT bytes FROM snapshot ORDER BY part").toArray()
    if (rows.length === 0) return undefined
    const decoder = new TextDecoder()
    const text = rows.map(({ bytes }) => decoder.decode(bytes as ArrayBuffer, { stream: true })).join("")
    try {
      return JSON.parse(text + decoder.decode()) as Snapshot
    } catch {
      throw corrupt(0, "the snapshot is not JSON")
    }
  },
  save: (snapshot: Snapshot): void => {
    sql.exec("DELETE FROM snapshot")
    const bytes = new TextEncoder().encode(JSON.stringify(snapshot))
    for (let part = 0; part * PART_BYTES < bytes.length; part++) {
      const piece = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES)
      sql.exec("INSERT INTO snapshot VALUES (?, ?, ?, ?)", part, toText(snapshot.logId), snapshot.offset, piece)
    }
  }
})
