/**
 * A server or a worker as a process of its own: `backend.ts '{"role":"server",…}'`.
 *
 * Prints a line of JSON when it is ready, ends with its standard input. SIGTERM ends it as a deployment does: what it
 * has begun is given time. Only public entry points, so that it runs on an older release too.
 */
import { createBackend } from "throughline"
import { serve, startWorker } from "throughline/node"
import { makeAgents } from "./agents.ts"
import { HUB, QUEUE, TABLE, type BackendSettings, type GatewaySettings, type StoreSettings } from "./settings.ts"

const storeOf = async (store: StoreSettings) => {
  switch (store.kind) {
    case "sqlite": {
      const { sqliteLog } = await import("throughline/adapters/logs/sqlite")
      const { sqliteQueue } = await import("throughline/adapters/queues/sqlite")
      return { log: sqliteLog({ file: store.file }), queue: sqliteQueue({ file: store.file }) }
    }
    case "redis": {
      const { redisLog } = await import("throughline/adapters/logs/redis")
      const { redisQueue } = await import("throughline/adapters/queues/redis")
      return { log: redisLog({ url: store.url }), queue: redisQueue({ url: store.url }) }
    }
    case "azurite": {
      const { connectionString } = store
      const { tablesLog } = await import("throughline/adapters/logs/azure-tables")
      const { storageQueue } = await import("throughline/adapters/queues/azure-storage-queue")
      const log = tablesLog({ connectionString }, { table: TABLE })
      return { log, queue: storageQueue({ connectionString, queueName: QUEUE }) }
    }
  }
}
const gatewayOf = async (gateway: GatewaySettings) => {
  if (gateway.kind === "ws") return (await import("throughline/adapters/gateways/ws")).wsGateway(gateway)
  const { azureWebPubSub } = await import("throughline/adapters/gateways/azure-web-pubsub")
  return azureWebPubSub({ ...gateway, hub: HUB })
}

const settings = JSON.parse(process.argv[2] ?? "{}") as BackendSettings
const [store, gateway] = await Promise.all([storeOf(settings.store), gatewayOf(settings.gateway)])
const backend = createBackend({
  agents: makeAgents(settings.effects),
  ...store,
  gateway,
  authenticate: (request) => {
    const id = /^Bearer (\w+)$/.exec(request.headers.get("authorization") ?? "")?.[1]
    return id === undefined ? null : { id }
  },
  authorize: () => true,
  reconnectSpreadMillis: settings.reconnectSpreadMillis ?? 500
})
process.stdin.on("end", () => process.exit(0)).resume()
await backend.ready()

const host = settings.role === "server" ? await serve(backend, { port: settings.port ?? 0 }) : startWorker(backend)
if ("failed" in host)
  host.failed.catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
process.once("SIGTERM", () => {
  void host
    .close()
    .then(() => backend.close())
    .then(() => process.exit(0))
})
process.stdout.write(`${JSON.stringify({ ready: true, ...("url" in host ? { url: host.url } : {}) })}\n`)
