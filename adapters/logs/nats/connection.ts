/**
 * The log's connection to a NATS server: dialled when it is first needed and again when it was cut; what is asked for
 * meanwhile fails. Errors never hold credentials.
 *
 * `@nats-io` keeps which transport it uses in one variable of the process, so its own reconnect, which could take somebody
 * else's, is off.
 */
import { connect, credsAuthenticator, usernamePasswordAuthenticator } from "@nats-io/transport-node"
import type { Authenticator, NatsConnection } from "@nats-io/transport-node"

export interface NatsServers {
  /** `nats://host:port`, or `tls://host:port` where the connection must be encrypted; one or more of a cluster. */
  readonly servers: string | readonly string[]
  /** Text of a credentials file. Secret. */
  readonly credentials?: string
  /** Where the server knows users by name. Secret. */
  readonly user?: { readonly name: string; readonly password: string }
  /** How long one call may take. Default 10,000. */
  readonly timeoutMillis?: number
}
export interface Link {
  /** The connection, and what `prepare` made of it. Rejects where the server cannot be reached, or `prepare` fails. */
  readonly get: () => Promise<NatsConnection>
  readonly close: () => Promise<void>
}
const PING_MILLIS = 10_000

/** Throws a `TypeError` that names the wrong setting, without its value. */
export const checkServers = ({ credentials, servers, user }: NatsServers): void => {
  const list = [servers].flat()
  const isServer = (url: string) =>
    URL.canParse(url) && /^(nats|tls):$/.test(new URL(url).protocol) && !/[@/?#]/.test(url.replace(/^\w+:\/\//, ""))
  if (list.length === 0 || !list.every(isServer)) {
    throw new TypeError("servers must be nats|tls://host[:port]; who connects is said by `credentials` or `user`")
  }
  if (credentials !== undefined && user !== undefined) throw new TypeError("give `credentials` or `user`, not both")
}
const authenticatorOf = ({ credentials, user }: NatsServers): { readonly authenticator?: Authenticator } => {
  if (credentials !== undefined) return { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) }
  if (user !== undefined) return { authenticator: usernamePasswordAuthenticator(user.name, user.password) }
  return {}
}

/** `prepare` runs once on each new connection, before anybody gets it. */
export const openLink = (
  options: NatsServers,
  name: string,
  prepare: (connection: NatsConnection) => Promise<void>
): Link => {
  const servers = [options.servers].flat()
  let current: Promise<NatsConnection> | undefined
  let closed = false
  const dial = async (): Promise<NatsConnection> => {
    const connection = await connect({
      servers,
      ...authenticatorOf(options),
      name,
      timeout: options.timeoutMillis ?? 10_000,
      reconnect: false,
      resolve: false,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
      pingInterval: PING_MILLIS,
      // `tls` makes it a must; without it the server decides
      ...(servers.some((url) => url.startsWith("tls:")) ? { tls: {} } : {})
    })
    try {
      await prepare(connection)
      if (closed) throw new Error("it is closed")
    } catch (cause) {
      await connection.close()
      throw cause
    }
    return connection
  }
  return {
    get: () => {
      if (closed) return Promise.reject(new Error("it is closed"))
      if (current !== undefined) return current
      const opening = dial()
      const forget = () => {
        if (current === opening) current = undefined
      }
      current = opening
      opening.then((connection) => connection.closed().then(forget), forget)
      return opening
    },
    close: async () => {
      closed = true
      const last = await current?.catch(() => undefined)
      await last?.close()
    }
  }
}
