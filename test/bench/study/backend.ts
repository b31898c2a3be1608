/**
 * The backend of the study: people's messages, and an agent that types, over whichever gateway. It listens before it knows
 * its gateway, because some have to be told where it is.
 */
import { createBackend, defineAgent, type Run } from "throughline"
import { memoryLog } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { serve, startWorker } from "throughline/node"
import * as z from "zod"
import { gatewayOf, type GatewaySettings } from "../../../examples/gateways/settings.ts"
import { answer } from "../child.ts"
import { aborted } from "../ours/stoppable.ts"
import { pace, type Load } from "../workload.ts"

const typing: Pick<Run, "text">[] = []
const typist = defineAgent({
  name: "typist",
  input: z.object({ run: z.number() }),
  run: (run, { run: number }) => {
    typing[number] = run
    return aborted(run.signal, number)
  }
})
const handler = Promise.withResolvers<(request: Request) => Promise<Response>>()
answer({
  listen: async () => (await serve({ fetch: async (request) => (await handler.promise)(request) }, { port: 0 })).url,
  use: async (settings: GatewaySettings) => {
    const backend = createBackend({
      limits: false,
      agents: [typist],
      log: memoryLog(),
      gateway: await gatewayOf(settings),
      queue: memoryQueue(),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    await backend.ready()
    startWorker(backend, { concurrency: 1_000 })
    handler.resolve(backend.fetch)
  },
  ready: async (runs: number) => {
    while (Object.keys(typing).length < runs) await new Promise((resolve) => setTimeout(resolve, 10))
  },
  produce: (load: Load) => pace(load, (run, text) => typing[run]?.text(text))
})
