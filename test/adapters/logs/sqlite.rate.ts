/**
 * Appends per second through the port, against the same statements run with the driver alone. A program: prints a JSON
 * line for each round, and one with the medians and their ratio. Arguments: seconds per round, threads, rounds.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { v7 } from "uuid"
import { sqliteLog } from "../../../adapters/logs/sqlite/log.ts"
import { openSchema } from "../../../adapters/logs/sqlite/schema.ts"
import { prepare } from "../../../adapters/logs/sqlite/statements.ts"
import { following } from "../../../src/conformance/logCase.ts"
import type { Head, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { openLog } from "./conform.ts"

const [seconds = 1, threads = 256, rounds = 7] = process.argv.slice(2).map(Number)
const BODY = JSON.stringify({ events: [{ type: "text.delta", part: "p1", text: "x".repeat(240) }], by: "agent" })
const names = () => Array.from({ length: threads }, () => `main/${v7()}`)

/** Every thread has one append on its way at any time, as its writer would. */
const throughPort = async (log: ThreadLogService): Promise<number> => {
  const append = Effect.fnUntraced(function* (thread: string, head: Head) {
    const result = yield* log.append(thread, following(head, { body: BODY, control: head.control ?? { v: 1 } }))
    if (result._tag !== "Appended") return yield* Effect.die(new Error(result._tag))
    return result.head
  })
  const begin = Effect.fnUntraced(function* (thread: string) {
    return { thread, head: yield* append(thread, yield* log.head(thread)) }
  })
  const begun = await Effect.runPromise(Effect.forEach(names(), begin, { concurrency: "unbounded" }))
  let count = 0
  const start = performance.now()
  const until = start + seconds * 1000
  const writer = Effect.fnUntraced(function* ({ head, thread }: { readonly thread: string; readonly head: Head }) {
    for (let newest = head; performance.now() < until; count++) newest = yield* append(thread, newest)
  })
  await Effect.runPromise(Effect.forEach(begun, writer, { concurrency: "unbounded", discard: true }))
  return (count / (performance.now() - start)) * 1000
}

/** One transaction for all threads, with nothing compared but by SQLite, and no checksum. */
const throughDriver = (db: DatabaseSync): number => {
  const sql = prepare(db)
  const all = names().map((thread) => ({ thread, id: v7() }))
  sql.beginWrite.run()
  for (const { id, thread } of all) {
    sql.insertHead.run(thread, "log", id, 0)
    sql.insertEntry.run(thread, 1, id, 0, BODY)
  }
  sql.commit.run()
  let count = 0
  const start = performance.now()
  const until = start + seconds * 1000
  for (let offset = 1; performance.now() < until; offset++) {
    sql.beginWrite.run()
    for (const one of all) {
      const id = v7()
      sql.moveHead.run("log", offset + 1, id, offset + 1, 0, one.thread, "log", offset, one.id, offset)
      sql.insertEntry.run(one.thread, offset + 1, id, 0, BODY)
      one.id = id
    }
    sql.commit.run()
    count += all.length
  }
  return (count / (performance.now() - start)) * 1000
}
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const folder = mkdtempSync(join(tmpdir(), "throughline-rate-"))
const db = new DatabaseSync(join(folder, "driver.db"))
db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
openSchema(db)
const { close, log } = await openLog(sqliteLog({ file: join(folder, "port.db") }))
try {
  const found: { readonly port: number; readonly driver: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const driver = throughDriver(db)
    const port = await throughPort(log)
    found.push({ port, driver })
    console.log(JSON.stringify({ round, portPerSecond: Math.round(port), driverPerSecond: Math.round(driver) }))
  }
  const port = median(found.map((round) => round.port))
  const driver = median(found.map((round) => round.driver))
  const ratio = Math.round((port / driver) * 1000) / 1000
  console.log(
    JSON.stringify({ portPerSecond: Math.round(port), driverPerSecond: Math.round(driver), ratio, threads, seconds })
  )
} finally {
  await close()
  db.close()
  rmSync(folder, { recursive: true, force: true })
}
