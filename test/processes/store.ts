/**
 * The stores that the processes share: a SQLite file, a Redis server, Azurite. Where the store is a process of its own
 * that keeps what it acknowledged, it can be killed too.
 */
import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Layer from "effect/Layer"
import { tablesLog } from "../../adapters/logs/azure-tables/log.ts"
import { redisLog } from "../../adapters/logs/redis/log.ts"
import { sqliteLog } from "../../adapters/logs/sqlite/log.ts"
import type { ThreadLogService } from "../../src/ports/ThreadLog.ts"
import { startAzurite } from "../adapters/azurite.ts"
import { openLog } from "../adapters/logs/conform.ts"
import { startRedis } from "../adapters/redis.ts"
import { TABLE, type StoreSettings } from "./settings.ts"

export interface Store {
  readonly settings: StoreSettings
  /** The same store, read from the test's own process. */
  readonly log: ThreadLogService
  /** SIGKILL of its server, and another on the same data. Absent: it has none, or keeps nothing. */
  readonly restart?: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Redis that syncs before it answers, so that what it acknowledged survives its SIGKILL. */
export const openRedis = async (): Promise<Store> => {
  const server = await startRedis("--appendonly", "yes", "--appendfsync", "always")
  const { log, close } = await openLog(Layer.orDie(redisLog({ url: server.url })))
  return {
    settings: { kind: "redis", url: server.url },
    log,
    restart: async () => {
      await server.kill()
      await server.start()
    },
    close: async () => {
      await close()
      await server.close()
    }
  }
}

/** Azurite keeps nothing: it is not killed. */
export const openAzurite = async (): Promise<Store> => {
  const server = await startAzurite()
  const { connectionString } = server
  const { log, close } = await openLog(tablesLog({ connectionString }, { table: TABLE }))
  return {
    settings: { kind: "azurite", connectionString },
    log,
    close: async () => {
      await close()
      await server.close()
    }
  }
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
