/**
 * Throughline's backend of the bench: the request handler and the worker in one process, and an agent that types what
 * it is told to.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createBackend, defineAgent, type Run } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { memoryLog } from "throughline/adapters/logs/memory"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { serve, startWorker } from "throughline/node"
import * as z from "zod"
import { answer } from "../child.ts"
import type { LogChoice } from "../ours.ts"
import { pace, type Load } from "../workload.ts"

export interface Serving {
  readonly log: LogChoice
  readonly connectionString: string
}
const typing: Pick<Run, "text">[] = []
const typist = defineAgent({
  name: "typist",
  input: z.object({ run: z.number() }),
  run: (run, input) => {
    typing[input.run] = run
    return new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
  }
})

const temporaryFile = () => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-bench-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, "log.sqlite")
}

answer({
  serve: async ({ log, connectionString }: Serving) => {
    const backend = createBackend({
      agents: [typist],
      log: log === "memory" ? memoryLog() : sqliteLog({ file: temporaryFile() }),
      gateway: azureWebPubSub({ connectionString, hub: "bench" }),
      queue: memoryQueue(),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    startWorker(backend, { concurrency: 1_000 })
    return (await serve(backend, { port: 0 })).url
  },
  ready: async (runs: number) => {
    while (Object.keys(typing).length < runs) await new Promise((resolve) => setTimeout(resolve, 10))
  },
  produce: (load: Load) => pace(load, (run, text) => typing[run]?.text(text))
})
