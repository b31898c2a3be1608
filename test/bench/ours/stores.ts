/** Logs and queues that several processes share, and Azure's gateway with or without a worker that listens. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { tablesLog } from "throughline/adapters/logs/azure-tables"
import { redisLog } from "throughline/adapters/logs/redis"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { storageQueue } from "throughline/adapters/queues/azure-storage-queue"
import { redisQueue } from "throughline/adapters/queues/redis"
import { sqliteQueue } from "throughline/adapters/queues/sqlite"
import { Gateway } from "throughline/effect"

export type Store =
  | { readonly kind: "sqlite"; readonly log: string; readonly queue: string }
  | { readonly kind: "redis"; readonly url: string }
  | { readonly kind: "azure"; readonly connectionString: string }

export const storesOf = (store: Store) => {
  switch (store.kind) {
    case "sqlite":
      return { log: sqliteLog({ file: store.log }), queue: sqliteQueue({ file: store.queue }) }
    case "redis":
      return { log: redisLog({ url: store.url }), queue: redisQueue({ url: store.url }) }
    case "azure": {
      const { connectionString } = store
      return {
        log: tablesLog({ connectionString }),
        queue: storageQueue({ connectionString, queueName: "throughline-jobs" })
      }
    }
  }
}
/** `listens`: false as on a gateway that a server cannot listen to; a worker then looks at the log by itself. */
export const gatewayOf = (connectionString: string, listens: boolean) => {
  const gateway = azureWebPubSub({ connectionString, hub: "bench" })
  if (listens) return gateway
  const deaf = Effect.map(Gateway, ({ subscribe: _, ...rest }) => Gateway.of(rest))
  return Layer.provide(Layer.effect(Gateway, deaf), gateway)
}
