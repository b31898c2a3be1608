import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sqliteLog } from "../../../adapters/logs/sqlite/log.ts"
import { ALL, following, grow, snapshotAt } from "../../../src/conformance/logCase.ts"
import { LogError } from "../../../src/ports/LogError.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { openLog } from "./conform.ts"

const folder = mkdtempSync(join(tmpdir(), "throughline-damage-"))
afterAll(() => rmSync(folder, { recursive: true }))
const original = join(folder, "original.db")
const copy = join(folder, "copy.db")
const THREADS = ["main/a", "main/b", "other/a"]

const remove = (file: string): void => {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
}
type Answers = Readonly<Record<string, string>>
const answer = async (effect: Effect.Effect<unknown, LogError>): Promise<string> => {
  const exit = await Effect.runPromise(Effect.result(effect))
  return exit._tag === "Success"
    ? JSON.stringify(exit.success, (key, value) => (key === "now" ? 0 : (value as unknown)))
    : "LogError"
}
/** Everything that can be read, each with its value or `LogError`. Anything else that is thrown fails the test. */
const readAll = async (log: ThreadLogService): Promise<Answers> => {
  const found: Record<string, string> = { due: await answer(log.due(1e15, 100)) }
  for (const thread of THREADS) {
    found[`${thread} head`] = await answer(log.head(thread))
    found[`${thread} entries`] = await answer(log.read(thread, 0, ALL))
    found[`${thread} notes`] = await answer(log.notes(thread, ""))
    found[`${thread} note`] = await answer(log.note(thread, "run/1"))
    found[`${thread} snapshot`] = await answer(log.snapshot(thread))
  }
  return found
}
const readFrom = async (file: string, verifyUpToBytes?: number): Promise<Answers | "LogError"> => {
  try {
    const { log, close } = await openLog(
      sqliteLog({ file, ...(verifyUpToBytes === undefined ? {} : { verifyUpToBytes }) })
    )
    try {
      return await readAll(log)
    } finally {
      await close()
    }
  } catch (cause) {
    if (cause instanceof LogError) return "LogError"
    throw cause
  }
}
/** Mulberry32, so that a failure can be repeated. */
let state = 20_261_122
const random = (below: number): number => {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below
}

describe("a damaged SQLite log", () => {
  let whole: Answers
  let bytes: Buffer
  beforeAll(async () => {
    const { log, close } = await openLog(sqliteLog({ file: original }))
    for (const thread of THREADS) {
      const first = following(await Effect.runPromise(log.head(thread)), {
        control: { runs: [thread, "r"] },
        due: 1_000,
        notes: [
          { key: "run/1", value: { thread } },
          { key: "step/r/1", value: "x".repeat(300) }
        ]
      })
      await Effect.runPromise(log.append(thread, first))
      const { head } = await Effect.runPromise(grow(log, thread, 15))
      await Effect.runPromise(log.saveSnapshot(thread, snapshotAt(head, { thread })))
    }
    await close()
    bytes = readFileSync(original)
    const answers = await readFrom(original)
    if (answers === "LogError") throw new Error("the undamaged file is refused")
    whole = answers
  })
  /** A damaged snapshot counts as none: it is made again from the log. */
  const agrees = (found: Answers | "LogError", keys: (key: string) => boolean): readonly string[] =>
    found === "LogError"
      ? []
      : Object.keys(whole).filter((key) => {
          const lost = key.endsWith("snapshot") && found[key] === undefined
          return keys(key) && !lost && found[key] !== "LogError" && found[key] !== whole[key]
        })

  it("never gives other data after a flipped bit: the original or a LogError", async () => {
    let refused = 0
    for (let n = 0; n < 1_000; n++) {
      const damaged = Buffer.from(bytes)
      const at = random(bytes.length)
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << random(8)), at)
      remove(copy)
      writeFileSync(copy, damaged)
      const found = await readFrom(copy)
      expect(
        agrees(found, () => true),
        `byte ${at}`
      ).toEqual([])
      if (found === "LogError" || Object.values(found).includes("LogError")) refused += 1
    }
    expect(refused).toBeGreaterThan(100)
  }, 120_000)
  it("never gives other entries or heads after a flipped bit, also where the file is not checked as a whole", async () => {
    for (let n = 0; n < 500; n++) {
      const damaged = Buffer.from(bytes)
      const at = random(bytes.length)
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << random(8)), at)
      remove(copy)
      writeFileSync(copy, damaged)
      const found = await readFrom(copy, 0)
      expect(
        agrees(found, (key) => key.endsWith("entries") || key.endsWith("head")),
        `byte ${at}`
      ).toEqual([])
    }
  }, 120_000)
  it("is refused when it is cut short", async () => {
    for (let n = 0; n < 100; n++) {
      const size = n < 50 ? Math.floor((n / 50) * bytes.length) : random(bytes.length)
      if (size === 0) continue
      remove(copy)
      copyFileSync(original, copy)
      truncateSync(copy, size)
      expect(await readFrom(copy), `${size} bytes`).toBe("LogError")
    }
  }, 120_000)

  const tampered = async (sql: string): Promise<ThreadLogService> => {
    remove(copy)
    copyFileSync(original, copy)
    const db = new DatabaseSync(copy)
    db.exec(sql)
    db.close()
    return (await openLog(sqliteLog({ file: copy, verifyUpToBytes: 0 }))).log
  }
  const failure = async (effect: Effect.Effect<unknown, LogError>): Promise<unknown> =>
    (await Effect.runPromise(Effect.flip(effect))).reason

  it("names thread and offset of a missing, a changed and a foreign entry, and serves the other threads", async () => {
    for (const sql of [
      `DELETE FROM entries WHERE thread = 'main/a' AND "offset" = 7`,
      `UPDATE entries SET body = 'x' WHERE thread = 'main/a' AND "offset" = 7`,
      `UPDATE entries SET id = 'x' WHERE thread = 'main/a' AND "offset" = 7`,
      `UPDATE OR REPLACE entries SET thread = 'main/a' WHERE thread = 'main/b' AND "offset" = 7`
    ]) {
      const log = await tampered(sql)
      expect(await failure(log.read("main/a", 0, ALL))).toMatchObject({
        _tag: "LogCorrupt",
        thread: "main/a",
        offset: 7
      })
      expect(await answer(log.read("other/a", 0, ALL))).toBe(whole["other/a entries"])
    }
  })
  it("is refused where the head and the newest entry differ", async () => {
    const log = await tampered(`DELETE FROM entries WHERE thread = 'main/a' AND "offset" = 16`)
    expect(await failure(log.read("main/a", 3, ALL))).toMatchObject({ _tag: "LogCorrupt", offset: 16 })
    const headless = await tampered(`DELETE FROM heads WHERE thread = 'main/a'`)
    expect(await failure(headless.head("main/a"))).toMatchObject({ _tag: "LogCorrupt", thread: "main/a" })
  })
  it("drops a thread that it cannot read", async () => {
    const log = await tampered(`UPDATE heads SET id = 'x' WHERE thread = 'main/a'`)
    expect(await failure(log.head("main/a"))).toMatchObject({ _tag: "LogCorrupt" })
    await Effect.runPromise(log.drop("main/a", "new"))
    expect(await Effect.runPromise(log.head("main/a"))).toMatchObject({ logId: "new", offset: 0 })
  })
  it("is refused when it is no database, of another version, or somebody else's", async () => {
    const opened = (file: string) =>
      openLog(sqliteLog({ file })).then(
        () => "opened",
        (error: unknown) => (error instanceof LogError ? error.reason : error)
      )
    remove(copy)
    writeFileSync(copy, "this is no database at all, but long enough to be looked at, is it not?".repeat(20))
    expect(await opened(copy)).toMatchObject({ _tag: "LogCorrupt" })
    await tampered("PRAGMA user_version = 1")
    const db = new DatabaseSync(copy)
    db.exec("PRAGMA user_version = 9")
    db.close()
    expect(await opened(copy)).toMatchObject({
      _tag: "LogCorrupt",
      problem: "the file has schema version 9; this release reads version 1"
    })
    expect(await opened(join(folder, "none", "log.db"))).toMatchObject({ _tag: "LogUnavailable" })
  })
  it("says that it is full, and goes on reading", async () => {
    const file = join(folder, "full.db")
    const { log, close } = await openLog(sqliteLog({ file, maxFileBytes: 200_000 }))
    const { head } = await Effect.runPromise(grow(log, "main/a", 3))
    const big = following(head, { body: "x".repeat(250_000) })
    expect(await failure(log.append("main/a", big))).toMatchObject({ _tag: "LogFull" })
    expect({ ...(await Effect.runPromise(log.head("main/a"))), now: 0 }).toEqual({ ...head, now: 0 })
    expect((await Effect.runPromise(log.append("main/a", following(head))))._tag).toBe("Appended")
    await close()
  })
  it("answers Unknown to an append and LogUnavailable to a knock while another process holds the file", async () => {
    const file = join(folder, "busy.db")
    const { log, close } = await openLog(sqliteLog({ file, busyMillis: 20 }))
    const { head } = await Effect.runPromise(grow(log, "main/a", 1))
    const other = new DatabaseSync(file)
    other.exec("BEGIN IMMEDIATE")
    expect((await Effect.runPromise(log.append("main/a", following(head))))._tag).toBe("Unknown")
    expect(await failure(log.knock("main/a", "w"))).toMatchObject({ _tag: "LogUnavailable" })
    expect((await Effect.runPromise(log.head("main/a"))).offset).toBe(1)
    other.exec("ROLLBACK")
    other.close()
    expect((await Effect.runPromise(log.append("main/a", following(head))))._tag).toBe("Appended")
    await close()
  })
})
