/**
 * `openThread`: a thread as an application sees it. Finds the connection it shares, and puts the parts together.
 */
import { fetchPage } from "./answers.ts"
import type { Connection } from "./connection.ts"
import { createConnection } from "./connection.ts"
import type { Environment } from "./environment.ts"
import { defaultEnvironment } from "./environment.ts"
import type { EventsOptions, ThreadEvent } from "./events.ts"
import type { Followed } from "./follow.ts"
import { follow } from "./follow.ts"
import type { GatewayClient } from "./GatewayClient.ts"
import type { Fetch, Request, Token } from "./http.ts"
import { createRequest } from "./http.ts"
import type { Actions } from "./interrupts.ts"
import { createActions } from "./interrupts.ts"

export interface ThreadOptions {
  /** Where the backend is mounted: `/api`, or an absolute URL. */
  readonly endpoint: string
  readonly thread: string
  /** What the backend may choose from; the grant names one. */
  readonly gateways: readonly GatewayClient[]
  /** Asked before each request; sent as `Authorization: Bearer`. Pass the same function to share a connection. */
  readonly token?: Token
  readonly fetch?: Fetch
  readonly environment?: Environment
}
export interface Thread extends Followed, Actions {
  readonly events: (options?: EventsOptions) => AsyncIterable<ThreadEvent>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

interface Shared {
  /** What must be the same for two threads to share. */
  readonly key: readonly unknown[]
  readonly request: Request
  readonly connection: Connection
}
/** Connections in use; one is dropped with its last thread. */
const inUse = new Set<Shared>()

const sharedFor = (options: ThreadOptions, environment: Environment): Shared => {
  const { endpoint, fetch = (url, init) => globalThis.fetch(url, init), gateways, token } = options
  const key = [endpoint, token, options.fetch, environment, `${gateways.map(({ name }) => name)}`]
  for (const one of inUse) if (one.key.every((part, at) => part === key[at])) return one
  const request = createRequest({ endpoint, token, environment, fetch })
  const connection = createConnection({ request, gateways, environment, onIdle: () => inUse.delete(shared) })
  const shared: Shared = { key, request, connection }
  inUse.add(shared)
  return shared
}

/**
 * Follows a thread from now on, until `close`.
 *
 * Threads of one endpoint, with the same `token`, `fetch` and `environment` and gateways of the same names,
 * share one connection. Nothing is thrown for what the network does: see `connection` and `state.error`.
 */
export const openThread = (options: ThreadOptions): Thread => {
  const { environment = defaultEnvironment, thread } = options
  const { connection, request } = sharedFor(options, environment)
  const follower = follow({ thread, request, connection, environment })
  const { followed } = follower
  // Assigned and not spread: what changes is behind getters.
  return Object.assign(followed, createActions(thread, request, follower), {
    /** Few pages iterate over events, so the code for it is loaded with the first. Where it begins is fixed before. */
    async *events(choice: EventsOptions = {}): AsyncGenerator<ThreadEvent> {
      const from = follower.loaded() ? followed.view : undefined
      const { readEvents } = await import("./events.ts")
      yield* readEvents({ follower, request, thread, fetchPage }, choice, from)
    },
    [Symbol.asyncDispose]: async () => followed.close()
  })
}
