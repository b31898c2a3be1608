/**
 * The Redis that the nodes of a gateway share: one client for the vendor's streams adapter, its copies, and commands.
 *
 * A Redis that says nothing for 15 s gets a new connection. Errors never hold the URL, which may bear a password.
 */
import { createAdapter } from "@socket.io/redis-streams-adapter"
import { createClient } from "redis"
import type { Command } from "./revocations.ts"

export interface SharedRedis {
  /** For `new Server({ adapter })`. */
  readonly adapter: ReturnType<typeof createAdapter>
  readonly command: Command
  /** After the server has closed: its adapter reads on until then. */
  readonly close: () => void
}
/** Entries that the stream keeps: a node that is further behind misses some. */
const STREAM_ENTRIES = 2_000
const CONNECT_MILLIS = 5_000
const PING_MILLIS = 5_000
const SILENCE_MILLIS = 15_000
const LAST_PAUSE_MILLIS = 1_000

/** Rejects when nobody answers at `url` now; later the connection is made anew for as long as it takes. */
export const openRedis = async (url: string, stream: string): Promise<SharedRedis> => {
  let opened = false
  const client = createClient({
    url,
    RESP: 2,
    maintNotifications: "disabled",
    commandsQueueMaxLength: 4_096,
    pingInterval: PING_MILLIS,
    socket: {
      connectTimeout: CONNECT_MILLIS,
      socketTimeout: SILENCE_MILLIS,
      reconnectStrategy: (retries) => opened && Math.min(25 * 2 ** retries, LAST_PAUSE_MILLIS)
    }
  })
  // every command learns of it by itself; without a listener Node would end the process
  client.on("error", () => {})
  try {
    await client.connect()
  } catch (cause) {
    client.destroy()
    throw new Error(`redis cannot be reached: ${(cause as { readonly code?: string }).code ?? "it refused"}`)
  }
  opened = true
  const copies = readFrom(client, await lastIdOf(client, stream))
  return {
    adapter: createAdapter(client, {
      streamName: stream,
      channelPrefix: stream,
      maxLen: STREAM_ENTRIES,
      onlyPlaintext: true
    }),
    command: (...args) => (client.isReady ? client.sendCommand(args) : Promise.reject(new Error("not connected"))),
    close: () => {
      for (const each of [...copies, client]) each.destroy()
    }
  }
}

type Client = ReturnType<typeof createClient>

const lastIdOf = async (client: Pick<Client, "sendCommand">, stream: string): Promise<string> => {
  const [last] = (await client.sendCommand(["XREVRANGE", stream, "+", "-", "COUNT", "1"])) as [string][]
  return last?.[0] ?? "0-0"
}

/**
 * The adapter reads on copies of the client, from `$`: from the moment at which the command arrives. Frames between the
 * start of the node, or the end of a read that brought none, and the next would be lost; so `$` is what it was at first.
 */
const readFrom = (client: Pick<Client, "duplicate">, id: string): { readonly destroy: () => void }[] => {
  const copies: Client[] = []
  const duplicate = client.duplicate.bind(client)
  const copyAndRead = () => {
    const copy = duplicate() as unknown as Client
    const read = copy.xRead.bind(copy)
    const xRead = (streams: { readonly key: string; readonly id: string }[], settings: object) =>
      read(
        streams.map((one) => (one.id === "$" ? { ...one, id } : one)),
        settings
      )
    copies.push(copy)
    return Object.assign(copy, { xRead })
  }
  Object.assign(client, { duplicate: copyAndRead })
  return copies
}
