/**
 * The worker of the cancel part: agents that are busy until somebody stops them, and the moment at which each was told.
 *
 * It has the log and the queue in common with the server process, nothing else. Agents have the names that the
 * server's have (backend.ts).
 */
import { createBackend, defineAgent } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { sqliteQueue } from "throughline/adapters/queues/sqlite"
import { startWorker } from "throughline/node"
import * as z from "zod"
import { answer } from "../child.ts"
import { clock } from "../workload.ts"
import type { Serving } from "./backend.ts"

const TOKENS_PER_SECOND = 200
const input = z.object({ run: z.number() })
const abortedAt = new Map<number, number>()
const waiting = new Map<number, () => void>()
const said = new Map<number, { tokens: number; readonly begun: number }>()

const aborted = (signal: AbortSignal, run: number) =>
  new Promise<void>((resolve) => {
    const end = () => {
      abortedAt.set(run, clock())
      waiting.get(run)?.()
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener("abort", end)
  })
/** Talks at its pace until it is stopped; what a late timer left out follows at once. */
const streamer = defineAgent({
  name: "streamer",
  input,
  run: async (run, { run: number }) => {
    const progress = { tokens: 0, begun: clock() }
    said.set(number, progress)
    const talking = setInterval(() => {
      const due = ((clock() - progress.begun) / 1_000) * TOKENS_PER_SECOND
      for (; progress.tokens < due; progress.tokens++) void run.text(" and")
    }, 2)
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
  work: async ({ connectionString, files }: Required<Omit<Serving, "role">>) => {
    const backend = createBackend({
      agents: [streamer, toiler],
      log: sqliteLog({ file: files.log }),
      gateway: azureWebPubSub({ connectionString, hub: "bench" }),
      queue: sqliteQueue({ file: files.queue }),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    await backend.ready()
    startWorker(backend)
  },
  /** When the run's signal fired, and how many tokens a second it had said by then; 0 for who says nothing. */
  aborted: async (run: number) => {
    if (!abortedAt.has(run)) await new Promise<void>((resolve) => waiting.set(run, resolve))
    const at = abortedAt.get(run) ?? Number.NaN
    const progress = said.get(run)
    return { at, tokensPerSecond: progress ? (1_000 * progress.tokens) / (at - progress.begun) : 0 }
  }
})
