import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import { sqliteLog } from "../../../adapters/logs/sqlite/log.ts"
import { entriesOf } from "../../../src/conformance/logCase.ts"
import { openLog } from "./conform.ts"

const WRITER = fileURLToPath(new URL("./sqliteWriter.ts", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "throughline-processes-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** Starts a writer; `lines` is what it has acknowledged so far. */
const start = (file: string, name: string, count: number) => {
  const child: ChildProcess = spawn(process.execPath, [WRITER, file, "main/t", name, String(count)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let text = ""
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()))
  /** Whole lines only: the last may have been cut by the kill. */
  const lines = () =>
    text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => line !== "")
  return { child, lines, ended: once(child, "close") }
}
const stored = async (file: string) => {
  const { log, close } = await openLog(sqliteLog({ file }))
  try {
    const entries = await Effect.runPromise(entriesOf(log, "main/t"))
    const notes = await Effect.runPromise(log.notes("main/t", "step/"))
    return { entries, notes, head: await Effect.runPromise(log.head("main/t")) }
  } finally {
    await close()
  }
}

describe("the SQLite log, shared by processes", () => {
  it("keeps every append that was acknowledged before a SIGKILL, whole and dense", async () => {
    const file = join(folder, "killed.db")
    const acknowledged = new Map<string, string>()
    for (let round = 0; round < 5; round++) {
      const { child, lines, ended } = start(file, `round${round}`, 0)
      await expect.poll(() => lines().length, { timeout: 15_000, interval: 5 }).toBeGreaterThan(50 + round * 37)
      child.kill("SIGKILL")
      await ended
      for (const line of lines()) acknowledged.set(line.split(" ")[0]!, line.split(" ")[1]!)
      const { entries, notes, head } = await stored(file)
      for (const [offset, id] of acknowledged) expect(entries[Number(offset) - 1]?.id).toBe(id)
      expect(entries.map((entry) => entry.offset)).toEqual(entries.map((_, n) => n + 1))
      expect([head.offset, notes.length]).toEqual([entries.length, entries.length])
    }
  })
  it("lets two processes append to one thread, each offset by one of them", async () => {
    const file = join(folder, "two.db")
    const [one, two] = [start(file, "one", 400), start(file, "two", 400)]
    await Promise.all([one.ended, two.ended])
    const lines = [...one.lines(), ...two.lines()].sort((a, b) => Number.parseInt(a) - Number.parseInt(b))
    const { entries } = await stored(file)
    expect(entries.map((entry) => `${entry.offset} ${entry.id}`)).toEqual(lines)
    expect(entries.length).toBe(800)
  })
})
