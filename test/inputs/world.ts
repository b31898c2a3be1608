/**
 * What bad inputs are sent to: the real backend behind both gateways, with real sockets, webhooks and HTTP.
 *
 * `state` is everything the logs hold; `probe` says that a request and a socket still get a right answer.
 */
import { strict as assert } from "node:assert"
import { createHmac } from "node:crypto"
import { createConnection } from "node:net"
import { WebSocket } from "ws"
import { createBackend, type BackendHandle, type Principal } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import { startWsGateway, type WsGateway } from "throughline/adapters/gateways/ws/gateway"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { startEmulator, type Emulator } from "throughline/emulator"
import { serve } from "throughline/node"
import type { GatewayClient } from "../../src/client/GatewayClient.ts"
import { memoryLog, memoryStore, type MemoryStore } from "../../adapters/logs/memory/log.ts"
import type { Grant } from "../../src/protocol/Exchange.ts"
import { agents } from "./agents.ts"
import { bringToClient, decode, foldAfterRun } from "./frames.ts"

export const SECRETS = {
  ws: "canary: a key that gateway and backend share",
  access: "canary-access-key-0123456789abcdef0123456789",
  upstream: "canary-upstream-key-0123456789"
}
export const HUB = "inputs"
/** ann may do all in threads `ann…` and `shared…`, bob may read `shared…` and answer there, eve is of another tenant. */
const PEOPLE: Readonly<Record<string, Principal>> = {
  ann: { id: "ann", tenant: "acme", claims: { secret: "canary-claim" } },
  bob: { id: "bob", tenant: "acme" },
  eve: { id: "eve", tenant: "other" }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- rows look into answers of every shape
  readonly body: any
}
export interface Sent {
  readonly who?: string | undefined
  readonly method?: string
  /** Below `/api`. */
  readonly path: string
  /** Text goes as it is, anything else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
export interface Side {
  readonly name: "azure-web-pubsub" | "ws"
  readonly backend: BackendHandle
  readonly store: MemoryStore
  /** Where the backend is served over HTTP. */
  readonly url: string
  readonly send: (sent: Sent) => Promise<Answer>
  readonly grant: (who: string, thread: string) => Promise<Grant>
  /** Sends a user event over a real socket of `who`, and answers what came back. */
  readonly invoke: (who: string, event: string, data: unknown) => Promise<unknown>
  /** Starts a run and works on it until `close` or its end. Answers when it is started. */
  readonly run: (thread: string, agent: string, input?: unknown) => Promise<string>
  /** The types of a thread's events. */
  readonly events: (thread: string) => readonly { readonly type: string; readonly [field: string]: unknown }[]
}
export interface World {
  readonly ws: Side
  readonly azure: Side
  readonly sides: readonly Side[]
  readonly gateway: WsGateway
  readonly emulator: Emulator
  readonly overTcp: typeof overTcp
  readonly closedWith: typeof closedWith
  /** The backend's check of a frame, and the schema's. */
  readonly decode: typeof decode
  readonly client: typeof bringToClient
  readonly folded: typeof foldAfterRun
  /** Everything that was logged so far. */
  readonly logged: () => string
  readonly state: () => string
  readonly probe: () => Promise<void>
  readonly close: () => Promise<void>
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
export const answerOf = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: parsed(text) }
}

const makeSide = async (
  name: Side["name"],
  client: GatewayClient,
  gateway: Parameters<typeof createBackend>[0]["gateway"]
) => {
  const store = memoryStore()
  const queue = memoryQueue()
  const backend = createBackend({
    agents,
    log: memoryLog({ store }),
    queue,
    gateway,
    authenticate: (request) => PEOPLE[request.headers.get("authorization")?.replace("Bearer ", "") ?? ""] ?? null,
    authorize: ({ id }, action, thread) => {
      if (id === "bob") return (action === "read" || action === "answer") && thread.startsWith("shared")
      return id === "eve" || thread.startsWith("ann") || thread.startsWith("shared")
    },
    origins: ["https://app.example.com"]
  })
  const served = await serve(backend, { port: 0 })
  const working = new AbortController()
  const consuming = backend.consume({ concurrency: 20, signal: working.signal })
  const open = new Map<string, ReturnType<GatewayClient["connect"]>>()
  const send = async ({ body, headers = {}, method = body === undefined ? "GET" : "POST", path, who = "ann" }: Sent) =>
    answerOf(
      await backend.fetch(
        new Request(`http://backend.test/api${path}`, {
          method,
          headers: {
            ...(who === "" ? {} : { authorization: `Bearer ${who}` }),
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...headers
          },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
        })
      )
    )
  const grant: Side["grant"] = async (who, thread) => {
    const { body, text } = await send({ who, path: `/threads/${thread}/grants`, body: {} })
    assert.ok(body?.ok, text)
    return body.grant as Grant
  }
  const connection = async (who: string, thread: string) => {
    const known = open.get(who)
    if (known !== undefined) return known
    const granted = await grant(who, thread)
    return new Promise<ReturnType<GatewayClient["connect"]>>((resolve, reject) => {
      const made = client.connect(granted, {
        onOpen: () => resolve(made),
        onFrame: () => {},
        onInterrupted: () => {},
        onAlive: () => {},
        onClosed: ({ message }) => {
          open.delete(who)
          reject(new Error(message))
        }
      })
      open.set(who, made)
    })
  }
  const events: Side["events"] = (thread) =>
    (store.threads.get(`acme/${thread}`)?.entries ?? []).flatMap(({ body }) => JSON.parse(body).events)
  let runs = 0
  const side: Side = {
    name,
    backend,
    store,
    url: served.url,
    send,
    grant,
    events,
    invoke: async (who, event, data) => {
      const made = await connection(who, who === "ann" ? "ann" : "shared")
      return made.invoke!(event, data as never, { timeoutMillis: 5_000 })
    },
    run: async (thread, agent, input = {}) => {
      const id = `run-${++runs}`
      const { body, text } = await send({ path: `/threads/${thread}/runs`, body: { id, agent, input } })
      assert.ok(body?.ok, text)
      return id
    }
  }
  const close = async () => {
    for (const made of open.values()) made.close()
    working.abort()
    await consuming.catch(() => {})
    await backend.close()
    await served.close()
  }
  return { side, close }
}

export const openWorld = async (logged: () => string): Promise<World> => {
  const gateway = await startWsGateway({ key: SECRETS.ws })
  const emulator = await startEmulator({ accessKey: SECRETS.access })
  const ws = await makeSide("ws", wsClient(), wsGateway({ url: gateway.url, key: SECRETS.ws }))
  const azure = await makeSide(
    "azure-web-pubsub",
    azureWebPubSubClient(),
    azureWebPubSub({ connectionString: emulator.connectionString, hub: HUB, upstreamKey: SECRETS.upstream })
  )
  gateway.setUpstream(`${ws.side.url}/api/upstream/ws`)
  await emulator.setEventHandlers(HUB, [
    {
      urlTemplate: `${azure.side.url}/api/upstream/azure-web-pubsub?code=${SECRETS.upstream}`,
      userEventPattern: "*",
      systemEvents: ["connect"]
    }
  ])
  const sides = [ws.side, azure.side]
  let probes = 0
  return {
    ws: ws.side,
    azure: azure.side,
    sides,
    gateway,
    emulator,
    decode,
    client: bringToClient,
    folded: foldAfterRun,
    overTcp,
    closedWith,
    logged,
    state: () =>
      JSON.stringify(
        sides.map(({ store }) =>
          [...store.threads]
            .filter(([key, { offset }]) => key !== "acme/ann-probe" && offset > 0)
            .map(([key, { control, id, notes, offset }]) => [key, offset, id, control, [...notes.keys()]])
            .sort()
        )
      ),
    probe: async () => {
      for (const { invoke, send } of sides) {
        const id = `probe-${++probes}`
        const posted = await send({
          path: "/threads/ann-probe/messages",
          body: { id, parts: [{ type: "text", text: "x" }] }
        })
        assert.deepEqual([posted.status, posted.body?.message], [200, id])
        const reply = await invoke("ann", "interrupt", {
          thread: "ann-probe",
          interrupt: { kind: "cancel", id, run: "none" }
        })
        assert.equal((reply as { error?: { code: string } }).error?.code, "NOT_FOUND")
      }
      assert.equal(({} as { admin?: unknown }).admin, undefined)
    },
    close: async () => {
      await ws.close()
      await azure.close()
      await gateway.close()
      await emulator.close()
    }
  }
}

/** What Azure Web PubSub would send for a connection of its own making; `connectionState` by a genuine `connect`. */
export const signed = (connection: string, key = SECRETS.access) =>
  `sha256=${createHmac("sha256", key).update(connection).digest("hex")}`

/** Writes bytes to the backend's port and answers what came back until it closes, or until `until` is there. */
export const overTcp = (url: string, bytes: string | Buffer, until?: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = createConnection(Number(port), hostname)
    let seen = ""
    socket.on("connect", () => socket.write(bytes))
    socket.on("data", (chunk) => {
      seen += chunk.toString("latin1")
      if (until?.test(seen) === true) socket.destroy()
    })
    socket.on("error", reject)
    socket.on("close", () => resolve(seen))
  })

/** Opens a bare socket, sends each message, and answers the close code with its reason. */
export const closedWith = (
  url: string,
  protocols: readonly string[],
  messages: readonly (string | Buffer)[]
): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [...protocols])
    socket.on("open", () => {
      for (const message of messages) socket.send(message)
    })
    socket.on("unexpected-response", (_request, response) => {
      resolve(`HTTP ${response.statusCode}`)
      socket.terminate()
    })
    socket.on("close", (code, reason) => resolve(`${code} ${reason.toString()}`))
    socket.on("error", (error) =>
      /server response|before the connection/i.test(error.message) ? undefined : reject(error)
    )
  })
