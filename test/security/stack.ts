/**
 * A whole stack for the tests of security: two backends (one answers, one works) on one log and one real gateway, an
 * HTTP server, and real clients. People and rights are the test's to say.
 */
import { createBackend, defineAgent, type Action, type BackendHandle, type Principal } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import { startWsGateway } from "throughline/adapters/gateways/ws/gateway"
import { memoryLog, memoryStore, type MemoryStore } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { openThread, type Thread } from "throughline/client"
import { startEmulator } from "throughline/emulator"
import { serve } from "throughline/node"
import { onTestFinished } from "vitest"
import * as z from "zod"
import type { BackendOptions } from "../../src/server/Backend.ts"

export const HUB = "throughline"
export const UPSTREAM_KEY = "upstream-key-of-the-tests"
export const WS_KEY = "a key of the tests, thirty-two characters long"
const OTHER_WS_KEY = "another key of the tests, to which they change"
export type Kind = "ws" | "azure-web-pubsub"

export interface Stack {
  readonly server: BackendHandle
  readonly worker: BackendHandle
  /** Puts backends with the gateway's other key in the place of both; runs under way go on in the old worker. */
  readonly changeKey: () => void
  /** The statuses that the gateway's calls were answered with. */
  readonly upstreamStatuses: readonly number[]
  readonly store: MemoryStore
  readonly endpoint: string
  /** Says a text in the run that `talk` began; resolves when it was handed to the run. */
  readonly say: (text: string) => Promise<void>
  /** Lets the run end. */
  readonly hush: () => void
  readonly open: (who: string, thread: string) => Thread
  /** How often the clients of this person asked for a grant after their first. */
  readonly renewals: (who: string) => number
  readonly send: (who: string, method: string, path: string, body?: unknown) => Promise<Response>
}
export interface StackOptions extends Partial<BackendOptions> {
  readonly people: Readonly<Record<string, Principal>>
  readonly authorize: (principal: Principal, action: Action, thread: string) => boolean
}

const startGateway = async (kind: Kind) => {
  if (kind === "ws") {
    const service = await startWsGateway({ key: WS_KEY, otherKey: OTHER_WS_KEY })
    return {
      client: wsClient(),
      layers: [WS_KEY, OTHER_WS_KEY].map((key) => wsGateway({ url: service.url, key })),
      serveAt: async (url: string) => service.setUpstream(`${url}/upstream/ws`),
      close: service.close
    }
  }
  const keys = ["the first key of the tests' service", "the second key of the tests' service"] as const
  const emulator = await startEmulator({ accessKey: keys[0], secondaryAccessKey: keys[1] })
  const strings = keys.map((key) => emulator.connectionString.replace(keys[0], key))
  return {
    client: azureWebPubSubClient(),
    layers: [strings, strings.toReversed()].map(([connectionString = "", otherConnectionString]) =>
      azureWebPubSub({ connectionString, otherConnectionString, hub: HUB, upstreamKey: UPSTREAM_KEY })
    ),
    serveAt: (url: string) =>
      emulator.setEventHandlers(HUB, [
        {
          urlTemplate: `${url}/upstream/azure-web-pubsub?code=${UPSTREAM_KEY}`,
          userEventPattern: "*",
          systemEvents: ["connect", "connected", "disconnected"]
        }
      ]),
    close: emulator.close
  }
}

/** Ended with the test. */
export const startStack = async (kind: Kind, { authorize, people, ...options }: StackOptions): Promise<Stack> => {
  const gateway = await startGateway(kind)
  const store = memoryStore()
  const queue = memoryQueue()
  const said: { readonly text: string | undefined; readonly done: () => void }[] = []
  let heard = () => {}
  const tell = (text: string | undefined) =>
    new Promise<void>((done) => {
      said.push({ text, done })
      heard()
    })
  const talk = defineAgent({
    name: "talk",
    input: z.object({}),
    run: async (run) => {
      for (;;) {
        const next = said.shift()
        if (next === undefined) await new Promise<void>((resolve) => (heard = resolve))
        else if (next.text === undefined) return next.done()
        else {
          await run.text(next.text)
          next.done()
        }
        if (run.signal.aborted) return
      }
    }
  })
  const idle = defineAgent({ name: "idle", input: z.object({}), onBusy: "parallel", run: async () => {} })
  const make = (layer = gateway.layers[0]!) =>
    createBackend({
      agents: [talk, idle],
      log: memoryLog({ store }),
      queue,
      gateway: layer,
      authenticate: (request) => people[request.headers.get("authorization")?.replace("Bearer ", "") ?? ""] ?? null,
      authorize,
      reconnectSpreadMillis: 200,
      ...options
    })
  let server = make()
  let worker = make()
  const replaced: BackendHandle[] = []
  const upstreamStatuses: number[] = []
  const answer = async (request: Request) => {
    const response = await server.fetch(request)
    if (new URL(request.url).pathname.startsWith("/upstream/")) upstreamStatuses.push(response.status)
    return response
  }
  const served = await serve({ fetch: answer }, { port: 0 })
  await gateway.serveAt(served.url)
  const threads: Thread[] = []
  onTestFinished(async () => {
    for (const thread of threads) thread.close()
    void tell(undefined)
    for (const backend of [server, worker, ...replaced]) await backend.close()
    await served.close()
    await gateway.close()
  })
  const tokens = new Map<string, () => string>()
  const grants = new Map<string, number>()
  const tokenOf = (who: string) => {
    const known = tokens.get(who) ?? (() => who)
    tokens.set(who, known)
    return known
  }
  return {
    get server() {
      return server
    },
    get worker() {
      return worker
    },
    changeKey: () => {
      replaced.push(server, worker)
      server = make(gateway.layers[1])
      worker = make(gateway.layers[1])
    },
    upstreamStatuses,
    store,
    endpoint: served.url,
    say: tell,
    hush: () => void tell(undefined),
    renewals: (who) => grants.get(who) ?? 0,
    open: (who, thread) => {
      const opened = openThread({
        endpoint: served.url,
        thread,
        gateways: [gateway.client],
        token: tokenOf(who),
        // each its own connection, as on its own device
        fetch: (url, init) => {
          if (url.endsWith("/grants")) grants.set(who, (grants.get(who) ?? -1) + 1)
          return globalThis.fetch(url, init)
        }
      })
      threads.push(opened)
      return opened
    },
    send: (who, method, path, body) =>
      fetch(`${served.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${who}`,
          ...(body === undefined ? {} : { "content-type": "application/json" })
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
  }
}

/** Resolves when the thread's state fits; rejects with what it was instead. */
export const until = (thread: Thread, fits: (thread: Thread) => boolean, millis = 15_000): Promise<void> =>
  new Promise((resolve, reject) => {
    const subscription: { stop?: () => void } = {}
    const end = (then: () => void) => {
      clearTimeout(timer)
      // the first call may come before `subscribe` has answered
      queueMicrotask(() => subscription.stop?.())
      then()
    }
    const timer = setTimeout(
      () =>
        end(() =>
          reject(new Error(`not reached: ${thread.connection} ${JSON.stringify(thread.state).slice(0, 2_000)}`))
        ),
      millis
    )
    subscription.stop = thread.subscribe(() => {
      if (fits(thread)) end(resolve)
    })
  })
export const textOf = (thread: Thread): string => JSON.stringify(thread.view)
