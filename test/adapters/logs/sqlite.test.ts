import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe } from "vitest"
import { sqliteLog } from "../../../adapters/logs/sqlite/log.ts"
import { conforms } from "./conform.ts"

describe("the SQLite log", () => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-log-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  conforms(async () => sqliteLog({ file: join(folder, "log.db") }))
})
