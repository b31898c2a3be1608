/**
 * The worker of the cancel part. It has the log and the queue in common with the server process, nothing else.
 */
import { createBackend } from "throughline"
import { startWorker } from "throughline/node"
import { answer } from "../child.ts"
import type { CancelServing } from "./cancelServer.ts"
import { stoppedAt, streamer, toiler } from "./stoppable.ts"
import { gatewayOf, storesOf } from "./stores.ts"

answer({
  work: async ({ connectionString, listens, store }: CancelServing) => {
    const backend = createBackend({
      agents: [streamer, toiler],
      ...storesOf(store),
      gateway: gatewayOf(connectionString, listens),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    await backend.ready()
    startWorker(backend)
  },
  aborted: stoppedAt
})
