/**
 * The librarian's backend, the same in the server and in the worker process: they share one SQLite file and nothing else.
 */
import { createBackend } from "throughline"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { sqliteQueue } from "throughline/adapters/queues/sqlite"
import type { createLibrarian } from "./agent.ts"
import { gatewayOf, type GatewaySettings } from "../gateways/settings.ts"
import type { StackSettings } from "./parent.ts"
import { hasToken } from "./token.ts"

/** One person uses it: whoever has this start's token, from the terminal or in the page's cookie. */
export const librarianBackend = async (
  settings: StackSettings,
  gateway: GatewaySettings,
  librarian: ReturnType<typeof createLibrarian>
) =>
  createBackend({
    agents: [librarian],
    log: sqliteLog({ file: settings.file }),
    queue: sqliteQueue({ file: settings.file }),
    gateway: await gatewayOf(gateway),
    authenticate: (request) => (hasToken(request, settings.token) ? { id: "you" } : null),
    authorize: (principal) => principal.id === "you"
  })
