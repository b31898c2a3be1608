/**
 * Moves what was appended from the write-ahead log into the file, on a thread of its own.
 *
 * A checkpoint syncs the disk, several milliseconds at a time; on the event loop it would hold up every run. It is
 * passive, so it waits for nobody and nobody for it. If the thread fails, SQLite's own checkpoint takes over when
 * the write-ahead log has grown to 64 MiB.
 */
import { Worker } from "node:worker_threads"

/** Appends after which a checkpoint is worth its sync. */
const APPENDS = 2_000
/** Pages at which SQLite checkpoints by itself, within an append. */
export const FALLBACK_PAGES = 16 * 1024

/** JavaScript as text, because the thread must start from sources and from a build alike. */
const THREAD = `
const { DatabaseSync } = require("node:sqlite")
const { parentPort, workerData } = require("node:worker_threads")
const db = new DatabaseSync(workerData, { timeout: 1000 })
parentPort.on("message", () => {
  try { db.exec("PRAGMA wal_checkpoint(PASSIVE)") } catch {}
  parentPort.postMessage("done")
})`

export interface Checkpoints {
  readonly appended: (count: number) => void
  readonly close: () => void
}
export const makeCheckpoints = (file: string): Checkpoints => {
  let worker: Worker | undefined
  let pending = 0
  let busy = false
  const start = (): Worker => {
    const thread = new Worker(THREAD, { eval: true, workerData: file })
    thread.unref()
    thread.on("message", () => {
      busy = false
    })
    thread.on("error", () => {
      worker = undefined
    })
    return thread
  }
  return {
    appended: (count) => {
      pending += count
      if (pending < APPENDS || busy) return
      pending = 0
      busy = true
      worker ??= start()
      worker.postMessage("checkpoint")
    },
    close: () => void worker?.terminate()
  }
}
