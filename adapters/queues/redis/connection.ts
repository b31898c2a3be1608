/**
 * The queue's two connections to a Redis server: one for commands, one that hears when there may be a job.
 *
 * Nothing is sent twice: what was under way when the connection broke fails, and so does what is asked for until
 * it is back. A server that says nothing at all for the time limit gets a new connection. Errors never hold the
 * URL, which may bear a password.
 */
import { createHash } from "node:crypto"
import { createClient } from "redis"

export interface Connection {
  /** Runs the script, sending its text only where the server does not know it: then nothing has run. */
  readonly run: (script: string, keys: readonly string[], args: readonly string[]) => Promise<unknown>
  readonly close: () => void
}
/** Commands that wait for an answer; more are refused. */
const MAX_WAITING = 16_384
const FIRST_PAUSE_MILLIS = 25
const LAST_PAUSE_MILLIS = 1_000
/** The hearing connection is mostly silent: it asks whether the server is there. */
const PING_MILLIS = 5_000

const clientFor = (url: string, timeoutMillis: number, hears: boolean) => {
  /** The first attempt is reported; later ones go on for as long as it takes. */
  const state = { opened: false }
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    maintNotifications: "disabled",
    commandOptions: { timeout: 0 },
    ...(hears ? { pingInterval: PING_MILLIS } : {}),
    socket: {
      connectTimeout: timeoutMillis,
      ...(hears ? { socketTimeout: PING_MILLIS + timeoutMillis } : {}),
      reconnectStrategy: (retries) => state.opened && Math.min(FIRST_PAUSE_MILLIS * 2 ** retries, LAST_PAUSE_MILLIS)
    }
  })
  // Every command learns of it by itself; without a listener Node would end the process.
  client.on("error", () => undefined)
  return { client, state }
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

/** `heard` is called for each message of the channel, and when the hearing connection is back after a break. */
export const openConnection = async (
  url: string,
  timeoutMillis: number,
  channel: string,
  heard: () => void
): Promise<Connection> => {
  const first = clientFor(url, timeoutMillis, false)
  const ear = clientFor(url, timeoutMillis, true)
  let client = first.client
  let answers = 0
  let closed = false
  const close = (): void => {
    closed = true
    client.destroy()
    ear.client.destroy()
  }
  const renew = (silent: typeof client): void => {
    if (closed || silent !== client) return
    const next = clientFor(url, timeoutMillis, false)
    next.state.opened = true
    client = next.client
    silent.destroy()
    client.connect().catch(() => undefined)
  }
  const send = (args: readonly string[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const asked = client
      const before = answers
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${timeoutMillis} ms`))
        if (answers === before) renew(asked)
      }, timeoutMillis)
      asked
        .sendCommand(args)
        .then((reply) => {
          answers += 1
          resolve(reply)
        }, reject)
        .finally(() => clearTimeout(timer))
    })
  try {
    await Promise.all([first.client.connect(), ear.client.connect()])
    first.state.opened = true
    ear.state.opened = true
    await ear.client.subscribe(channel, heard)
    ear.client.on("ready", heard)
  } catch (cause) {
    close()
    throw cause
  }
  return {
    run: (script, keys, args) => {
      const rest = [String(keys.length), ...keys, ...args]
      return send(["EVALSHA", shaOf(script), ...rest]).catch((cause: unknown) => {
        if (!(cause instanceof Error && cause.message.startsWith("NOSCRIPT"))) throw cause
        return send(["EVAL", script, ...rest])
      })
    },
    close
  }
}
const shas = new Map<string, string>()
const shaOf = (script: string): string => {
  const known = shas.get(script) ?? createHash("sha1").update(script).digest("hex")
  shas.set(script, known)
  return known
}
