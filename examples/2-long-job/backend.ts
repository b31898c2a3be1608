/** The backend, the same in the server and in every function: they share a SQLite file and the gateway. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createBackend } from "throughline"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { JobQueue } from "throughline/effect"
import type { Job } from "throughline/effect"
import { hasToken } from "../librarian/token.ts"
import { openPayments } from "./payments.ts"
import { createRefunds } from "./refunds.ts"

export interface Settings {
  readonly folder: string
  readonly gateway: { readonly url: string; readonly key: string }
  /** Who has it may use the backend. Secret. */
  readonly token: string
}

/** `enqueue`: hands a job to the platform, which delivers it by calling a function. */
export const refundsBackend = async (settings: Settings, enqueue: (job: Job) => void) =>
  createBackend({
    agents: [createRefunds(await openPayments(settings.folder))],
    log: sqliteLog({ file: join(settings.folder, "log.sqlite") }),
    queue: Layer.succeed(
      JobQueue,
      JobQueue.of({ name: "platform", enqueue: (job) => Effect.sync(() => enqueue(job)) })
    ),
    gateway: wsGateway(settings.gateway),
    authenticate: (request) => (hasToken(request, settings.token) ? { id: "you" } : null),
    authorize: (principal) => principal.id === "you"
  })
