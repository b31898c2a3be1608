/**
 * One backend behind one gateway, as bad inputs find it: handler, HTTP server, worker, sockets, and its log to look into.
 */
import { strict as assert } from "node:assert"
import { createBackend, type BackendHandle, type Principal } from "throughline"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { serve } from "throughline/node"
import { memoryLog, memoryStore, type MemoryStore } from "../../adapters/logs/memory/log.ts"
import type { GatewayClient } from "../../src/client/GatewayClient.ts"
import type { Grant } from "../../src/protocol/Exchange.ts"
import { agents } from "./agents.ts"

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

export const makeSide = async (
  name: Side["name"],
  client: GatewayClient,
  gateway: Parameters<typeof createBackend>[0]["gateway"]
) => {
  const store = memoryStore()
  const queue = memoryQueue()
  const backend = createBackend({
    limits: false,
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
