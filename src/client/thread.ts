/**
 * `openThread`: a thread as an application sees it. Finds the connection it shares, and puts the parts together.
 */
import { fetchPage } from "./answers.ts"
import type { Connection } from "./connection.ts"
import { createConnection } from "./connection.ts"
import type { Environment } from "./environment.ts"
import { defaultEnvironment } from "./environment.ts"
import type { EventsOptions, EventsSource, ThreadEvent } from "./events.ts"
import type { ConnectionState, Follower, Listener, ThreadCounters, ThreadState } from "./follow.ts"
import { follow } from "./follow.ts"
import type { GatewayClient } from "./GatewayClient.ts"
import type { Fetch, Request, Token } from "./http.ts"
import { createRequest } from "./http.ts"
import type { Actions } from "./interrupts.ts"
import { createActions } from "./interrupts.ts"
import type { View, ViewMessage } from "../protocol/View.ts"

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
export interface Thread extends Actions {
  /** The thread's name. */
  readonly thread: string
  readonly view: View
  /** The last of `view.messages`, where a whole list for each delta would be too much in a long thread. */
  readonly newest: ViewMessage | undefined
  readonly connection: ConnectionState
  /** The same object until something changes. */
  readonly state: ThreadState
  /** What happened to frames; for diagnosis. */
  readonly counters: Readonly<ThreadCounters>
  /** Calls at once with what is known, then synchronously after each frame or change of the connection. */
  readonly subscribe: (listener: Listener) => () => void
  readonly events: (options?: EventsOptions) => AsyncIterable<ThreadEvent>
  readonly older: Follower["older"]
  /** Stops following. Requests under way are answered still. */
  readonly close: () => void
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

const sharedFor = (
  { endpoint, fetch = (url, init) => globalThis.fetch(url, init), gateways, token }: ThreadOptions,
  environment: Environment,
  key: readonly unknown[]
): Shared => {
  for (const one of inUse) if (one.key.every((part, at) => part === key[at])) return one
  const request = createRequest({ endpoint, token, environment, fetch })
  const connection = createConnection({ request, gateways, environment, onIdle: () => inUse.delete(shared) })
  const shared: Shared = { key, request, connection }
  inUse.add(shared)
  return shared
}

/** Few pages iterate over events, so the code for it is loaded with the first. Where it begins is fixed before. */
async function* lateEvents(source: EventsSource, choice: EventsOptions): AsyncGenerator<ThreadEvent> {
  const { follower } = source
  const from = follower.loaded() ? follower.state().view : undefined
  const { readEvents } = await import("./events.ts")
  yield* readEvents(source, choice, from)
}

/**
 * Follows a thread from now on, until `close`.
 *
 * Threads of one endpoint, with the same `token`, `fetch` and `environment` and gateways of the same names,
 * share one connection. Nothing is thrown for what the network does: see `connection` and `state.error`.
 */
export const openThread = (options: ThreadOptions): Thread => {
  const { endpoint, environment = defaultEnvironment, fetch, gateways, thread, token } = options
  const names = gateways.map(({ name }) => name).join()
  const { connection, request } = sharedFor(options, environment, [endpoint, token, fetch, environment, names])
  const follower = follow({ thread, request, connection, environment })
  const { close, invoke, older, reveal, state, subscribe } = follower
  const view = () => state().view
  return {
    ...createActions({ thread, request, view, reveal, invoke }),
    thread,
    get view() {
      return view()
    },
    get newest() {
      return follower.newest()
    },
    get connection() {
      return state().connection
    },
    get state() {
      return state()
    },
    get counters() {
      return follower.counters()
    },
    subscribe,
    events: (choice = {}) =>
      lateEvents({ follower, request, thread, fetchPage }, choice),
    older,
    close,
    [Symbol.asyncDispose]: async () => close()
  }
}
