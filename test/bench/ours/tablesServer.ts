/**
 * A server process whose threads are in Azure Tables, as the functions app's are.
 */
import { createBackend, defineAgent } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { tablesLog } from "throughline/adapters/logs/azure-tables"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { serve } from "throughline/node"
import * as z from "zod"
import { answer } from "../child.ts"

export interface TablesServing {
  readonly connectionString: string
  readonly storage: string
}

answer({
  serve: async ({ connectionString, storage }: TablesServing) => {
    const backend = createBackend({
      limits: false,
      agents: [defineAgent({ name: "nobody", input: z.object({}), run: () => Promise.resolve() })],
      log: tablesLog({ connectionString: storage }),
      gateway: azureWebPubSub({ connectionString, hub: "bench" }),
      queue: memoryQueue(),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    return (await serve(backend, { port: 0 })).url
  }
})
