/**
 * Throughline's backend of the bench: the request handler and the worker, in one process or each in its own on one
 * SQLite file, with agents that type what they are told to.
 */
import { createBackend, defineAgent, type Run } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { memoryLog } from "throughline/adapters/logs/memory"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { sqliteQueue } from "throughline/adapters/queues/sqlite"
import { serve, startWorker } from "throughline/node"
import * as z from "zod"
import { answer } from "../child.ts"
import { pace, type Load } from "../workload.ts"
import { aborted } from "./stoppable.ts"

export interface Serving {
  readonly connectionString: string
  /** SQLite files of log and queue; absent: both in memory. */
  readonly files?: { readonly log: string; readonly queue: string }
  /** The worker is another process, on the same files. Absent: both in this one. */
  readonly role?: "server"
}
const input = z.object({ run: z.number() })
const typing: Pick<Run, "text" | "reasoning">[] = []
/** Tokens of one part: an answer has paragraphs, and whoever shows a text shows all of its part. */
const PARAGRAPH_TOKENS = 100
const typed: number[] = []
/** Says what the bench tells it to, until it is cancelled. */
const typist = defineAgent({
  name: "typist",
  input,
  run: (run, { run: number }) => {
    typing[number] = run
    return aborted(run.signal, number)
  }
})
answer({
  serve: async ({ files, connectionString, role }: Serving) => {
    const backend = createBackend({
      limits: false,
      agents: [typist],
      log: files ? sqliteLog({ file: files.log }) : memoryLog(),
      gateway: azureWebPubSub({ connectionString, hub: "bench" }),
      queue: files && role ? sqliteQueue({ file: files.queue }) : memoryQueue(),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    if (role !== "server") startWorker(backend, { concurrency: 1_000 })
    return (await serve(backend, { port: 0 })).url
  },
  ready: async (runs: number) => {
    while (Object.keys(typing).length < runs) await new Promise((resolve) => setTimeout(resolve, 10))
  },
  produce: (load: Load) =>
    pace(load, (run, text) => {
      const count = (typed[run] ?? 0) + 1
      typed[run] = count
      // a thought in between begins a new paragraph
      if (count % PARAGRAPH_TOKENS === 0) void typing[run]?.reasoning("…")
      return typing[run]?.text(text)
    })
})
