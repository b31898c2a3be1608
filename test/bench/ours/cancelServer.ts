/**
 * The server of the cancel part: answers requests and executes nothing.
 */
import { createBackend } from "throughline"
import { serve } from "throughline/node"
import { answer } from "../child.ts"
import { streamer, toiler } from "./stoppable.ts"
import { gatewayOf, storesOf, type Store } from "./stores.ts"

export interface CancelServing {
  readonly connectionString: string
  readonly store: Store
  /** Whether workers can listen to the gateway. */
  readonly listens: boolean
}
answer({
  serve: async ({ connectionString, listens, store }: CancelServing) => {
    const backend = createBackend({
      limits: false,
      agents: [streamer, toiler],
      ...storesOf(store),
      gateway: gatewayOf(connectionString, listens),
      authenticate: () => ({ id: "watcher" }),
      authorize: () => true
    })
    return (await serve(backend, { port: 0 })).url
  }
})
