/**
 * A backend for the server's tests: memory log and queue, the plain gateway, three users of two tenants.
 *
 * `Authorization: Bearer <name>` says who calls. ann and bob share a tenant; ann may do everything in threads that
 * begin with `ann` or `shared`, bob may only read `shared` ones; eve is of another tenant and may do everything there.
 */
import { createBackend, defineAgent, type BackendHandle, type Principal } from "throughline"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { startWsGateway, type WsGateway } from "throughline/adapters/gateways/ws/gateway"
import { memoryLog } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import * as z from "zod"

const PEOPLE: Readonly<Record<string, Principal>> = {
  ann: { id: "ann", tenant: "acme", claims: { role: "owner" } },
  bob: { id: "bob", tenant: "acme" },
  flo: { id: "flo", tenant: "acme" },
  eve: { id: "eve", tenant: "other" }
}
const key = "a key that gateway and backend share"

const echo = defineAgent({
  name: "echo",
  input: z.object({ text: z.string() }),
  output: z.object({ length: z.number() }),
  run: async (run, { text }) => {
    await run.text(text)
    return { length: text.length }
  }
})
/** Works until it is stopped. */
const patient = defineAgent({
  name: "patient",
  input: z.object({}),
  onBusy: "reject",
  run: (run) => new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
})

export interface App {
  readonly backend: BackendHandle
  readonly gateway: WsGateway
  readonly send: (
    who: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>
  ) => Promise<Answer>
  readonly close: () => Promise<void>
}
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any
}

/** Floods are for who asks for `limits`; elsewhere they would hide what is tested. */
export const startApp = async (options: { readonly limits?: undefined | false } = { limits: false }): Promise<App> => {
  const gateway = await startWsGateway({ key })
  const backend = createBackend({
    agents: [echo, patient],
    ...(options.limits === false ? { limits: false } : {}),
    log: memoryLog(),
    queue: memoryQueue(),
    gateway: wsGateway({ url: gateway.url, key }),
    authenticate: (request) => PEOPLE[request.headers.get("authorization")?.replace("Bearer ", "") ?? ""] ?? null,
    authorize: ({ id }, action, thread) => {
      if (id === "flo" && action === "interrupt") return false
      if (id === "bob") return action === "read" && thread.startsWith("shared")
      return id === "eve" || thread.startsWith("ann") || thread.startsWith("shared")
    },
    origins: ["https://app.example.com"]
  })
  return {
    backend,
    gateway,
    send: async (who, method, path, body, headers = {}) => {
      const response = await backend.fetch(
        new Request(`http://backend.test/api${path}`, {
          method,
          headers: {
            ...(who === undefined ? {} : { authorization: `Bearer ${who}` }),
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...headers
          },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
        })
      )
      const text = await response.text()
      let parsed: unknown
      try {
        parsed = JSON.parse(text)
      } catch {
        parsed = undefined
      }
      return { status: response.status, headers: response.headers, text, body: parsed }
    },
    close: async () => {
      await backend.close()
      await gateway.close()
    }
  }
}
