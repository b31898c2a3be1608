/**
 * The stores that the processes share: a SQLite file, a Redis server, Azurite. Where the store is a process of its own
 * that keeps what it acknowledged, it can be killed too.
 */
import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sqliteLog } from "../../adapters/logs/sqlite/log.ts"
import type { ThreadLogService } from "../../src/ports/ThreadLog.ts"
import { openLog } from "../adapters/logs/conform.ts"
import type { StoreSettings } from "./settings.ts"

export interface Store {
  readonly settings: StoreSettings
  /** The same store, read from the test's own process. */
  readonly log: ThreadLogService
  /** SIGKILL of its server, and another on the same data. Absent: it has none, or keeps nothing. */
  readonly restart?: () => Promise<void>
  readonly close: () => Promise<void>
}

export const openSqlite = async (): Promise<Store> => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-store-"))
  const file = join(folder, "threads.db")
  const { log, close } = await openLog(sqliteLog({ file }))
  return {
    settings: { kind: "sqlite", file },
    log,
    close: async () => {
      await close()
      await rm(folder, { recursive: true, force: true })
    }
  }
}
