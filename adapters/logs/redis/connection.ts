/**
 * One connection to a Redis server: what is asked for in one turn of the event loop shares a round trip.
 *
 * Nothing is ever sent twice: what was under way when the connection broke fails, and so does what is asked for
 * until it is back. A server that says nothing at all for the time limit gets a new connection. Errors never hold
 * the URL, which may bear a password.
 */
import { createClient } from "redis"
import { isNoScript, NoAnswer } from "./failures.ts"
import type { Script } from "./scripts.ts"

export interface Connection {
  readonly command: (...args: readonly string[]) => Promise<unknown>
  /** Runs the script, sending its text only where the server does not know it: then nothing has run. */
  readonly run: (script: Script, keys: readonly string[], args: readonly string[]) => Promise<unknown>
  readonly close: () => void
}
/** A command that waits for its answer; `answers`: how many had come when it was asked. */
interface Asked {
  readonly at: number
  readonly answers: number
  readonly client: object
  readonly reject: (cause: unknown) => void
}
/** Commands that wait for an answer; more are refused. */
const MAX_WAITING = 65_536
const FIRST_PAUSE_MILLIS = 25
const LAST_PAUSE_MILLIS = 1_000

const clientFor = (url: string, timeoutMillis: number) => {
  /** The first attempt is reported; later ones go on for as long as it takes. */
  let opened = false
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    maintNotifications: "disabled",
    // The client's own limit makes a signal for every command, and ends when the command is sent.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout: timeoutMillis,
      reconnectStrategy: (retries) => opened && Math.min(FIRST_PAUSE_MILLIS * 2 ** retries, LAST_PAUSE_MILLIS)
    }
  })
  // Every command learns of it by itself; without a listener Node would end the process.
  client.on("error", () => undefined)
  return {
    client,
    connect: async () => {
      await client.connect()
      opened = true
    },
    reconnect: () => {
      opened = true
      client.connect().catch(() => undefined)
    }
  }
}

const isRedisUrl = (text: string): boolean => {
  if (text.startsWith("unix://")) return text.length > "unix://".length
  try {
    const { hostname, password, pathname, protocol, username } = new URL(text)
    decodeURIComponent(username + password)
    return /^rediss?:$/.test(protocol) && hostname !== "" && /^\/?\d*$/.test(pathname)
  } catch {
    return false
  }
}
/** Throws for what cannot be a Redis URL, without naming it. */
export const checkUrl = (url: string): void => {
  if (isRedisUrl(url)) return
  throw new TypeError(
    "url must be redis:// or rediss:// with host, port and perhaps a database's number, or unix:// with a path; user and password percent-encoded"
  )
}
export const openConnection = async (url: string, timeoutMillis: number): Promise<Connection> => {
  const first = clientFor(url, timeoutMillis)
  let client = first.client
  let closed = false
  let answers = 0
  const waiting = new Set<Asked>()
  let watch: NodeJS.Timeout | undefined

  const renew = (): void => {
    const silent = client
    const next = clientFor(url, timeoutMillis)
    client = next.client
    silent.destroy()
    next.reconnect()
  }
  /** One timer for all that wait: the oldest is the first of the set. */
  const look = (): void => {
    watch = undefined
    const now = performance.now()
    for (const asked of waiting) {
      if (closed) return
      const left = asked.at + timeoutMillis - now
      if (left > 0) {
        watch = setTimeout(look, left)
        return
      }
      waiting.delete(asked)
      asked.reject(new NoAnswer({ afterMillis: timeoutMillis }))
      if (answers === asked.answers && asked.client === client) renew()
    }
  }
  const send = (args: readonly string[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const asked: Asked = { at: performance.now(), answers, client, reject }
      waiting.add(asked)
      watch ??= setTimeout(look, timeoutMillis)
      client.sendCommand(args).then(
        (reply) => {
          answers += 1
          waiting.delete(asked)
          resolve(reply)
        },
        (cause: unknown) => {
          waiting.delete(asked)
          reject(cause)
        }
      )
    })
  try {
    await first.connect()
  } catch (cause) {
    client.destroy()
    throw cause
  }
  return {
    command: (...args) => send(args),
    run: ({ sha, source }, keys, args) => {
      const count = String(keys.length)
      return send(["EVALSHA", sha, count, ...keys, ...args]).catch((cause: unknown) => {
        if (!isNoScript(cause)) throw cause
        return send(["EVAL", source, count, ...keys, ...args])
      })
    },
    close: () => {
      closed = true
      clearTimeout(watch)
      client.destroy()
    }
  }
}
