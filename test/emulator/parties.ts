/**
 * The unmodified Azure SDKs as the emulator's tests use them, on both sides, and a raw socket for what they cannot say.
 *
 * Everything opened here is closed by `release`, to be called after each test.
 */
import { WebPubSubServiceClient } from "@azure/web-pubsub"
import type { GenerateClientTokenOptions } from "@azure/web-pubsub"
import { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from "@azure/web-pubsub-client"
import type { WebPubSubClientOptions } from "@azure/web-pubsub-client"
import { WebSocket } from "ws"
import { startEmulator } from "../../src/emulator/emulator.ts"
import type { Emulator, EmulatorOptions } from "../../src/emulator/emulator.ts"

export const HUB = "chat"

const open: (() => unknown)[] = []

/** Closes what the test opened, newest first. */
export const release = async (): Promise<void> => {
  for (const close of open.splice(0).reverse()) await close()
}
export const onRelease = (close: () => unknown): void => void open.push(close)

export const start = async (options?: EmulatorOptions): Promise<Emulator> => {
  const emulator = await startEmulator(options)
  onRelease(() => emulator.close())
  return emulator
}

export const serviceOf = (emulator: Emulator, hub = HUB): WebPubSubServiceClient =>
  new WebPubSubServiceClient(emulator.connectionString, hub, { allowInsecureConnection: true })

/** A list that can be awaited: `until` settles when the items satisfy it, without polling. */
export class Inbox<T> {
  readonly items: T[] = []
  readonly #waiting = new Set<() => void>()
  push(item: T): void {
    this.items.push(item)
    for (const check of [...this.#waiting]) check()
  }
  until(satisfied: (items: readonly T[]) => boolean): Promise<readonly T[]> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!satisfied(this.items)) return
        this.#waiting.delete(check)
        resolve(this.items)
      }
      this.#waiting.add(check)
      check()
    })
  }
  count(size: number): Promise<readonly T[]> {
    return this.until((items) => items.length >= size)
  }
}

export interface Party {
  readonly client: WebPubSubClient
  readonly connectionId: string
  /** Data of every message from a group or the server, in order. */
  readonly received: Inbox<unknown>
  readonly connected: Inbox<string>
  readonly disconnected: Inbox<string | undefined>
}

/** Azure's client, connected; `connectionId` is the first one. */
export const connect = async (
  emulator: Emulator,
  token: GenerateClientTokenOptions = {},
  protocol: "reliable" | "json" = "reliable",
  options: WebPubSubClientOptions = {}
): Promise<Party> => {
  const service = serviceOf(emulator)
  const client = new WebPubSubClient(
    { getClientAccessUrl: async () => (await service.getClientAccessToken(token)).url },
    {
      protocol: protocol === "reliable" ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol(),
      // The SDK keeps timers of these lengths after stop(); the defaults would hold the process for 40 s.
      keepAliveTimeoutInMs: 0,
      keepAliveIntervalInMs: 0,
      messageRetryOptions: { maxRetries: 0 },
      reconnectRetryOptions: { retryDelayInMs: 20 },
      ...options
    }
  )
  const received = new Inbox<unknown>()
  const connected = new Inbox<string>()
  const disconnected = new Inbox<string | undefined>()
  client.on("connected", (event) => connected.push(event.connectionId))
  client.on("disconnected", (event) => disconnected.push(event.message?.message))
  client.on("group-message", (event) => received.push(event.message.data))
  client.on("server-message", (event) => received.push(event.message.data))
  await client.start()
  onRelease(() => client.stop())
  const [connectionId] = await connected.count(1)
  return { client, connectionId: connectionId!, received, connected, disconnected }
}

export interface RawSocket {
  readonly socket: WebSocket
  readonly frames: Inbox<string>
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  send(frame: unknown): void
}

/** A bare socket of any subprotocol, or of none. Fails with the HTTP status when the handshake is refused. */
export const openSocket = (url: string, subprotocol?: string | string[]): Promise<RawSocket> =>
  new Promise((resolve, reject) => {
    const socket = subprotocol === undefined ? new WebSocket(url) : new WebSocket(url, subprotocol)
    onRelease(() => socket.terminate())
    const frames = new Inbox<string>()
    const closed = new Promise<{ code: number; reason: string }>((done) =>
      socket.on("close", (code, reason) => done({ code, reason: reason.toString() }))
    )
    socket.on("message", (data) => frames.push(String(data)))
    socket.on("unexpected-response", (_request, response) => reject(new Error(`refused with ${response.statusCode}`)))
    socket.on("error", reject)
    socket.on("open", () =>
      resolve({
        socket,
        frames,
        closed,
        send: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame))
      })
    )
  })

export const RELIABLE = "json.reliable.webpubsub.azure.v1"
export const JSON_V1 = "json.webpubsub.azure.v1"

export const rawUrl = async (emulator: Emulator, token: GenerateClientTokenOptions = {}): Promise<string> =>
  (await serviceOf(emulator).getClientAccessToken(token)).url
