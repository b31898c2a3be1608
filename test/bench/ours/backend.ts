/**
 * Throughline's backend of the bench: the request handler and the worker, in one process or each in its own on one
 * SQLite file, with agents that type what they are told to and agents that wait to be cancelled.
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
import { clock, pace, type Load } from "../workload.ts"

export interface Serving {
  readonly connectionString: string
  /** SQLite files of log and queue; absent: both in memory. */
  readonly files?: { readonly log: string; readonly queue: string }
  /** Absent: both in this process. */
  readonly role?: "server" | "worker"
}
const input = z.object({ run: z.number() })
const typing: Pick<Run, "text" | "reasoning">[] = []
/** Tokens of one part: an answer has paragraphs, and whoever shows a text shows all of its part. */
const PARAGRAPH_TOKENS = 100
const typed: number[] = []
const abortedAt = new Map<number, number>()

const aborted = (signal: AbortSignal, run: number) =>
  new Promise<void>((resolve) => {
    const end = () => {
      abortedAt.set(run, clock())
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener("abort", end)
  })
/** Says what the bench tells it to, until it is cancelled. */
const typist = defineAgent({
  name: "typist",
  input,
  run: (run, { run: number }) => {
    typing[number] = run
    return aborted(run.signal, number)
  }
})
/** Talks without end. */
const streamer = defineAgent({
  name: "streamer",
  input,
  run: async (run, { run: number }) => {
    const talking = setInterval(() => void run.text(" and so on"), 20)
    await aborted(run.signal, number)
    clearInterval(talking)
  }
})
/** Is inside a tool for a minute and says nothing. */
const toiler = defineAgent({
  name: "toiler",
  input,
  run: async (run, { run: number }) => {
    await run.tool("toil", {}, async (_, { signal }) => {
      const minute = setTimeout(() => {}, 60_000)
      await aborted(signal, number)
      clearTimeout(minute)
    })
  }
})

answer({
  serve: async ({ files, connectionString, role }: Serving) => {
    const backend = createBackend({
      agents: [typist, streamer, toiler],
      log: files ? sqliteLog({ file: files.log }) : memoryLog(),
      gateway: azureWebPubSub({ connectionString, hub: "bench" }),
      queue: files && role ? sqliteQueue({ file: files.queue }) : memoryQueue(),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    if (role !== "server") startWorker(backend, { concurrency: 1_000 })
    return role === "worker" ? "" : (await serve(backend, { port: 0 })).url
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
    }),
  abortedAt: async (run: number) => {
    while (!abortedAt.has(run)) await new Promise((resolve) => setTimeout(resolve, 5))
    return abortedAt.get(run)
  }
})
