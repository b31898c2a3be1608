/**
 * Readers that stop reading: raw sockets that are connected like any client's and paused, while events flow. What
 * they cost the process that holds the sockets, which must not be memory.
 */
import { once } from "node:events"
import * as Effect from "effect/Effect"
import type { Layer } from "effect/Layer"
import { WebSocket } from "ws"
import { azureWebPubSub } from "../../adapters/gateways/azure-web-pubsub/server.ts"
import { wsGateway } from "../../adapters/gateways/ws/server.ts"
import { SUBPROTOCOL } from "../../adapters/gateways/ws/wire.ts"
import { Gateway } from "../../src/ports/Gateway.ts"
import { start } from "./process.ts"
import type { Programs } from "./programs.ts"
import { HUB, type GatewaySettings } from "./settings.ts"

export interface ReadersOptions {
  readonly gateway: GatewaySettings["kind"]
  readonly readers: number
  readonly seconds: number
}
export interface ReadersReport {
  /** Most that the process grew by after its readers stopped. */
  readonly grownBytes: number
  readonly published: number
  /** Of the one reader that goes on. */
  readonly read: number
}
const EVENTS_PER_SECOND = 50
const FRAME_CHARACTERS = 400
const WARM_UP_MILLIS = 3_000
const GROUP = "everyone"
const KEY = "a-key-for-the-readers-of-this-test-alone"

export const stopReading = async (programs: Programs, options: ReadersOptions): Promise<ReadersReport> => {
  const { readers, seconds } = options
  const process_ = start(
    options.gateway === "ws"
      ? { file: programs.wsGateway, args: [], env: { THROUGHLINE_WS_KEY: KEY } }
      : { file: programs.emulator, args: ["--with-parent", "--access-key", KEY] }
  )
  const sockets: WebSocket[] = []
  try {
    const { connectionString, url } = (await process_.ready) as { connectionString: string; url: string }
    const layer: Layer<Gateway> =
      options.gateway === "ws" ? wsGateway({ url, key: KEY }) : azureWebPubSub({ connectionString, hub: HUB })
    return await Effect.runPromise(
      Effect.provide(
        Effect.gen(function* () {
          const gateway = yield* Gateway
          const principal = { id: "reader", tenant: "main" }
          const { token, url: at } = yield* gateway.grant({ principal, groups: [GROUP], ttlMillis: 60_000 })
          const protocols = options.gateway === "ws" ? [SUBPROTOCOL, token!] : ["json.reliable.webpubsub.azure.v1"]
          yield* Effect.promise(async () => {
            // a hundred at once: more than a listening socket's backlog would only be refused
            while (sockets.length < readers) {
              const some = Array.from({ length: Math.min(100, readers - sockets.length) }, () =>
                openReader(at, protocols)
              )
              sockets.push(...(await Promise.all(some)))
            }
          })
          const [reader] = sockets as [WebSocket]
          let [published, read, mostBytes] = [0, 0, 0]
          reader.on("message", () => read++)
          const flow = Effect.fnUntraced(function* (millis: number) {
            const end = Date.now() + millis
            let due = Date.now()
            while (Date.now() < end) {
              yield* gateway.publish(GROUP, JSON.stringify({ n: published++, text: "x".repeat(FRAME_CHARACTERS) }))
              if (published % EVENTS_PER_SECOND === 0) mostBytes = Math.max(mostBytes, process_.residentBytes())
              due += 1_000 / EVENTS_PER_SECOND
              yield* Effect.sleep(Math.max(0, due - Date.now()))
            }
          })
          yield* flow(WARM_UP_MILLIS)
          for (const socket of sockets.slice(1)) socket.pause()
          const before = process_.residentBytes()
          ;[published, read, mostBytes] = [0, 0, before]
          yield* flow(seconds * 1_000)
          yield* Effect.sleep(1_000)
          return { grownBytes: Math.max(mostBytes, process_.residentBytes()) - before, published, read }
        }),
        layer
      )
    )
  } finally {
    for (const socket of sockets) socket.terminate()
    await process_.kill()
  }
}

/** Connected; acknowledges what it reads, as the reliable subprotocol wants it. */
const openReader = async (url: string, protocols: readonly string[]): Promise<WebSocket> => {
  const socket = new WebSocket(url, [...protocols], { perMessageDeflate: false })
  socket.on("error", () => {})
  socket.on("message", (data) => {
    const { sequenceId } = JSON.parse(String(data)) as { readonly sequenceId?: number }
    if (sequenceId !== undefined) socket.send(JSON.stringify({ type: "sequenceAck", sequenceId }))
  })
  await once(socket, "open")
  return socket
}
