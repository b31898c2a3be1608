/**
 * Readers that stop reading: raw sockets that are connected like any client's and paused, while events flow. What
 * they cost the process that holds the sockets, which must not be memory.
 */
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import type { Layer } from "effect/Layer"
import { WebSocket } from "ws"
import { azureWebPubSub } from "../../adapters/gateways/azure-web-pubsub/server.ts"
import { wsGateway } from "../../adapters/gateways/ws/server.ts"
import { SUBPROTOCOL } from "../../adapters/gateways/ws/wire.ts"
import { Gateway } from "../../src/ports/Gateway.ts"
import { ROOT, start, type Running } from "./process.ts"
import type { Programs } from "./programs.ts"
import { HUB, type GatewaySettings } from "./settings.ts"

export interface ReadersOptions {
  readonly gateway: GatewaySettings["kind"]
  readonly readers: number
  readonly seconds: number
}
export interface ReadersReport {
  /** Most that the process kept more after its readers stopped, its garbage collected. */
  readonly keptBytes: number
  /** By how much its resident memory grew, engine included. */
  readonly residentBytes: number
  readonly published: number
  /** Of the one reader that goes on. */
  readonly read: number
}
const EVENTS_PER_SECOND = 50
const FRAME_CHARACTERS = 400
const WARM_UP_MILLIS = 3_000
const GROUP = "everyone"
const MEASURED = { NODE_OPTIONS: `--import=${pathToFileURL(join(ROOT, "test/processes/kept.ts"))}` }
/** Between two looks at what is kept: each stops the process for as long as it collects. */
const LOOK_SECONDS = 2
const KEY = "a-key-for-the-readers-of-this-test-alone"

export const stopReading = async (programs: Programs, options: ReadersOptions): Promise<ReadersReport> => {
  const { readers, seconds } = options
  const process_ = start(
    options.gateway === "ws"
      ? { file: programs.wsGateway, args: [], env: { ...MEASURED, THROUGHLINE_WS_KEY: KEY } }
      : { file: programs.emulator, args: ["--with-parent", `--access-key=${KEY}`], env: MEASURED }
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
          let [published, read, most] = [0, 0, 0]
          const look = Effect.promise(async () => (most = Math.max(most, await keptBytes(process_))))
          reader.on("message", () => read++)
          const flow = Effect.fnUntraced(function* (millis: number) {
            const end = Date.now() + millis
            let due = Date.now()
            while (Date.now() < end) {
              yield* gateway.publish(GROUP, JSON.stringify({ n: published++, text: "x".repeat(FRAME_CHARACTERS) }))
              if (published % (LOOK_SECONDS * EVENTS_PER_SECOND) === 0) yield* look
              due += 1_000 / EVENTS_PER_SECOND
              yield* Effect.sleep(Math.max(0, due - Date.now()))
            }
          })
          yield* flow(WARM_UP_MILLIS)
          for (const socket of sockets.slice(1)) socket.pause()
          const resident = process_.residentBytes()
          const kept = yield* Effect.promise(() => keptBytes(process_))
          ;[published, read, most] = [0, 0, kept]
          yield* flow(seconds * 1_000)
          yield* Effect.sleep(1_000)
          yield* look
          return { keptBytes: most - kept, residentBytes: process_.residentBytes() - resident, published, read }
        }),
        layer
      )
    )
  } finally {
    for (const socket of sockets) socket.terminate()
    await process_.kill()
  }
}

/** What `kept.ts` answers. */
const keptBytes = async (process: Running): Promise<number> => {
  const said = () => process.said().match(/\{"kept":\d+\}/g) ?? []
  const before = said().length
  process.signal("SIGUSR2")
  while (said().length === before) await sleep(5)
  return (JSON.parse(said().at(-1)!) as { readonly kept: number }).kept
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
