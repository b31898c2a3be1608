/**
 * The librarian's backend, the same in the server and in the worker process: they share one SQLite file and nothing else.
 */
import { createBackend } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { sseGateway } from "throughline/adapters/gateways/sse"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { sqliteQueue } from "throughline/adapters/queues/sqlite"
import type { createLibrarian } from "./agent.ts"
import type { GatewaySettings, StackSettings } from "./parent.ts"
import { hasToken } from "./token.ts"

const gatewayOf = (gateway: GatewaySettings) => {
  switch (gateway.name) {
    case "azure-web-pubsub":
      return azureWebPubSub(gateway)
    case "ws":
      return wsGateway(gateway)
    case "sse":
      return sseGateway(gateway)
  }
}

/** One person uses it: whoever has this start's token, from the terminal or in the page's cookie. */
export const librarianBackend = (
  settings: StackSettings,
  gateway: GatewaySettings,
  librarian: ReturnType<typeof createLibrarian>
) =>
  createBackend({
    agents: [librarian],
    log: sqliteLog({ file: settings.file }),
    queue: sqliteQueue({ file: settings.file }),
    gateway: gatewayOf(gateway),
    authenticate: (request) => (hasToken(request, settings.token) ? { id: "you" } : null),
    authorize: (principal) => principal.id === "you"
  })
