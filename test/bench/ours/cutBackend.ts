/**
 * The backend of the cuts part: handler and worker on one SQLite file, agents that type what they are told to, and when
 * the log had which offset.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createBackend, defineAgent, type Run } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { ThreadLog, type ThreadLogService } from "throughline/effect"
import { serve, startWorker } from "throughline/node"
import * as z from "zod"
import { answer } from "../child.ts"
import { clock, pace, type Load, type Produced } from "../workload.ts"

/** An offset and the moment at which somebody had it. */
export type Mark = readonly [offset: number, at: number]
/** By the thread's name; offsets ascend. */
export type Marks = Readonly<Record<string, readonly Mark[]>>

const appended: Record<string, Mark[]> = {}
const typing: Run[] = []
let producing: Promise<Produced> | undefined

const marked = (file: string) => {
  const from = (log: ThreadLogService): ThreadLogService => ({
    ...log,
    append: (key, append) =>
      Effect.tap(log.append(key, append), (result) =>
        Effect.sync(() => {
          if (result._tag !== "Appended") return
          const name = key.slice(key.indexOf("/") + 1)
          ;(appended[name] ??= []).push([result.head.offset, clock()])
        })
      )
  })
  return Layer.effect(ThreadLog, Effect.map(ThreadLog, from)).pipe(Layer.provide(sqliteLog({ file })))
}
const typist = defineAgent({
  name: "typist",
  input: z.object({ run: z.number() }),
  run: (run, { run: number }) => {
    typing[number] = run
    return new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
  }
})

answer({
  serve: async ({ connectionString, file }: { readonly connectionString: string; readonly file: string }) => {
    const backend = createBackend({
      limits: false,
      agents: [typist],
      log: marked(file),
      gateway: azureWebPubSub({ connectionString, hub: "bench" }),
      queue: memoryQueue(),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    startWorker(backend)
    return (await serve(backend, { port: 0 })).url
  },
  ready: async (runs: number) => {
    while (Object.keys(typing).length < runs) await new Promise((resolve) => setTimeout(resolve, 10))
  },
  /** Begins to produce; `produced` waits for the end of it. */
  produce: (load: Load) => {
    producing = pace(load, (run, text) => typing[run]?.text(text))
    producing.catch(() => {})
  },
  produced: () => producing,
  appended: () => appended
})
