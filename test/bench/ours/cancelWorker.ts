/**
 * The worker of the cancel part. It has the log and the queue in common with the server process (backend.ts), nothing else.
 */
import { createBackend } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { sqliteQueue } from "throughline/adapters/queues/sqlite"
import { startWorker } from "throughline/node"
import { answer } from "../child.ts"
import type { Serving } from "./backend.ts"
import { stoppedAt, streamer, toiler } from "./stoppable.ts"

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
  aborted: stoppedAt
})
