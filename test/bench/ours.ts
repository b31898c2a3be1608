/**
 * Throughline as a contender: emulator, backend with its worker, and clients over Azure's SDK, each a process.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Serving } from "./ours/backend.ts"
import { startProcess } from "./processes.ts"
import type { Contender, Setting } from "./workload.ts"

/** Paths of SQLite files that are gone when the bench ends. */
export const temporaryFiles = (): NonNullable<Serving["files"]> => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-bench-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  return { log: join(folder, "log.sqlite"), queue: join(folder, "queue.sqlite") }
}

export const ours = (log: "memory" | "sqlite"): Contender => ({
  name: `Throughline, ${log} log`,
  start: async ({ runs, restDelayMillis }: Setting) => {
    const gateway = startProcess("ours/gateway.ts")
    const producer = startProcess("ours/backend.ts")
    const watcher = startProcess("ours/watcher.ts")
    const connectionString = await gateway.call<string>("listen", { restDelayMillis })
    const files = log === "sqlite" ? { files: temporaryFiles() } : {}
    const endpoint = await producer.call<string>("serve", { connectionString, ...files } satisfies Serving)
    await watcher.call("watch", { endpoint, runs })
    // A run produces when its agent was started and its watcher is live.
    await producer.call("ready", runs)
    return { producer, watcher, others: [gateway] }
  }
})
