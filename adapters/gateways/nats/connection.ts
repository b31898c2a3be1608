/**
 * Connections of backend and bridge to a NATS server, each dialled once: `@nats-io` keeps which transport it uses in one
 * variable of the process, so a reconnect of its own could take the transport of somebody else's last connect.
 *
 * `stayConnected` dials again after a cut. No message is buffered while there is no connection.
 */
import { connect, errors, type Authenticator, type NatsConnection } from "@nats-io/transport-node"

export type Dial = () => Promise<NatsConnection>

const PING_MILLIS = 10_000
const FIRST_PAUSE_MILLIS = 50
const MAX_PAUSE_MILLIS = 5_000

/** Throws a `TypeError` that names `servers` for what is not a list of servers. */
export const checkServers = (servers: string | readonly string[]): readonly string[] => {
  const list = [servers].flat()
  const isServer = (url: string) =>
    URL.canParse(url) && /^(nats|tls):$/.test(new URL(url).protocol) && !/[@/?#]/.test(url.replace(/^\w+:\/\//, ""))
  if (list.length === 0 || !list.every(isServer)) throw new TypeError("servers must be nats|tls://host[:port], no user")
  return list
}
/** Throws a `TypeError` unless it is one or more tokens of a subject. */
export const checkPrefix = (prefix: string): string => {
  if (!/^[\w-]+(\.[\w-]+)*$/.test(prefix)) throw new TypeError("prefix must be a subject, without * and >")
  return prefix
}

export const dialer =
  (
    servers: readonly string[],
    authenticator: Authenticator,
    options: { readonly name: string; readonly timeoutMillis: number }
  ): Dial =>
  () =>
    connect({
      servers: [...servers],
      authenticator,
      name: options.name,
      timeout: options.timeoutMillis,
      reconnect: false,
      resolve: false,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
      pingInterval: PING_MILLIS,
      // `tls` makes it a must; without it the server decides
      ...(servers.some((url) => url.startsWith("tls:")) ? { tls: {} } : {})
    })

/** The server knows neither the user nor who vouches for it. */
export const isRefusal = (cause: unknown): boolean =>
  cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError

/** Rejects when `promise` has not settled in time, or when the connection is closed: `flush` then never settles. */
export const whileOpen = <A>(connection: NatsConnection, millis: number, promise: Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${millis} ms`)), millis)
    void connection.closed().then(() => reject(new Error("the connection was cut")))
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

export interface Line {
  /** The connection that is up, if one is. */
  readonly current: () => NatsConnection | undefined
  readonly close: () => Promise<void>
}
/**
 * Resolves when `onUp` has for the first time; rejects when that fails, or `signal` aborts. From then on it dials after each
 * cut, with growing pauses; `onUp` is called for every new connection.
 */
export const stayConnected = async (
  dial: Dial,
  onUp: (connection: NatsConnection) => Promise<void>,
  signal?: AbortSignal
): Promise<Line> => {
  let current: NatsConnection | undefined
  const ending = Promise.withResolvers<void>()
  let closed = false
  const up = async (): Promise<NatsConnection> => {
    const connection = await dial()
    try {
      if (closed || signal?.aborted) throw new Error("interrupted")
      await onUp(connection)
    } catch (cause) {
      void connection.close()
      throw cause
    }
    current = connection
    return connection
  }
  const keep = async (connection: NatsConnection): Promise<void> => {
    await connection.closed()
    current = undefined
    for (let pause = FIRST_PAUSE_MILLIS; !closed; pause = Math.min(pause * 2, MAX_PAUSE_MILLIS)) {
      const next = await up().catch(() => undefined)
      if (next !== undefined) return keep(next)
      let timer: ReturnType<typeof setTimeout> | undefined
      const slept = new Promise<void>((resolve) => (timer = setTimeout(resolve, pause * (0.5 + Math.random() / 2))))
      await Promise.race([slept, ending.promise])
      clearTimeout(timer)
    }
  }
  const first = await up()
  void keep(first)
  return {
    current: () => current,
    close: async () => {
      closed = true
      ending.resolve()
      await current?.close()
    }
  }
}
