/**
 * Throughline as a contender: emulator, backend with its worker, and clients over Azure's SDK, each a process.
 */
import { startProcess } from "./processes.ts"
import type { Contender, Setting } from "./workload.ts"

export type LogChoice = "memory" | "sqlite"

export const ours = (log: LogChoice): Contender => ({
  name: `Throughline, ${log} log`,
  start: async ({ runs, restDelayMillis }: Setting) => {
    const gateway = startProcess("ours/gateway.ts")
    const producer = startProcess("ours/backend.ts")
    const watcher = startProcess("ours/watcher.ts")
    const connectionString = await gateway.call<string>("listen", { restDelayMillis })
    const endpoint = await producer.call<string>("serve", { log, connectionString })
    await watcher.call("watch", { endpoint, runs })
    // A run produces when its agent was started and its watcher is live.
    await producer.call("ready", runs)
    return { producer, watcher, others: [gateway] }
  }
})
