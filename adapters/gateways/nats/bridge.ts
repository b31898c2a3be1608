/**
 * The way back: a process that hears what clients send, and carries it to the backend's `/upstream/nats` route as signed
 * calls. Run any number; each event goes to one of them. Without any the server tells the client at once.
 *
 * Who speaks is certain: only the owner of a ticket may publish on the subject that bears the ticket's hash. Where the reply
 * goes is not: NATS checks no reply subject, so it is checked here.
 */
import { credsAuthenticator, type Msg, type NatsConnection } from "@nats-io/transport-node"
import { checkUrl } from "../../../src/gateway/errors.ts"
import { deriveSecrets, openTicket, type GatewaySecrets } from "../../../src/gateway/secrets.ts"
import { callBackend } from "../../../src/gateway/signedCall.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { checkPrefix, checkServers, dialer, stayConnected, whileOpen } from "./connection.ts"
import { connectionEvents } from "./events.ts"
import { connectionOf } from "./users.ts"
import { subjectsOf, type FromBridge, type FromClient } from "./wire.ts"

export interface NatsBridgeOptions {
  /** As in `natsGateway()`. */
  readonly servers: string | readonly string[]
  /** Text of a credentials file of a user that may subscribe `<prefix>.up.*` and publish `<prefix>.in.>`. Secret. */
  readonly credentials: string
  /** The key that backends have. Secret. */
  readonly key: string
  /** A key to change to, or from. Secret. */
  readonly otherKey?: string | undefined
  /** The backend's `/upstream/nats` route. */
  readonly upstream: string
  /** As in `natsGateway()`. */
  readonly prefix?: string
  /**
   * Text of a credentials file of a user that may subscribe `$SYS.ACCOUNT.*.CONNECT` and `.DISCONNECT`, of the system
   * account as a rule. Absent: the backend is not told who comes and goes. Secret.
   */
  readonly systemCredentials?: string | undefined
  /** Calls to the backend under way; more are refused. Default 256. */
  readonly maxInFlight?: number
}
export interface NatsBridge {
  readonly close: () => Promise<void>
}
const MAX_IN_FLIGHT_OF_ONE = 16
const TIMEOUT_MILLIS = 10_000
const QUEUE = "throughline-bridge"

/** Resolves when it hears clients. Rejects where the server does not let it; throws a `TypeError` that names a wrong option. */
export const startNatsBridge = async (options: NatsBridgeOptions): Promise<NatsBridge> => {
  const servers = checkServers(options.servers)
  const upstream = checkUrl("upstream", options.upstream)
  const prefix = checkPrefix(options.prefix ?? "throughline")
  const secrets = [deriveSecrets("nats", options.key)]
  if (options.otherKey !== undefined) secrets.push(deriveSecrets("nats", options.otherKey, "otherKey"))
  const call = (event: UpstreamEvent) => callBackend(secrets, upstream, event)
  const answer = answerer(secrets, prefix, call, options.maxInFlight ?? 256)

  const stay = (credentials: string, listen: (connection: NatsConnection) => void) =>
    stayConnected(
      dialer(servers, credsAuthenticator(new TextEncoder().encode(credentials)), {
        name: QUEUE,
        timeoutMillis: TIMEOUT_MILLIS
      }),
      async (connection) => {
        listen(connection)
        await whileOpen(connection, TIMEOUT_MILLIS, connection.flush())
      }
    )
  const line = await stay(options.credentials, (connection) =>
    connection.subscribe(subjectsOf(prefix).up("*"), {
      queue: QUEUE,
      callback: (problem, message) => void (problem === null && answer(message))
    })
  )
  const close = [line.close]
  const { systemCredentials } = options
  if (systemCredentials !== undefined) {
    const system = await stay(systemCredentials, connectionEvents(QUEUE, prefix, secrets, call)).catch(
      async (cause) => {
        await line.close()
        throw cause
      }
    )
    close.push(system.close)
  }
  return { close: async () => void (await Promise.all(close.map((end) => end()))) }
}

type Call = (event: UpstreamEvent) => Promise<unknown>

/** Answers one message of a client, or says nothing where it cannot be answered honestly. */
const answerer = (secrets: readonly GatewaySecrets[], prefix: string, call: Call, maxInFlight: number) => {
  const subjects = subjectsOf(prefix)
  const inFlight = new Map<string, number>()
  let all = 0
  const ask = async (connection: string, message: Msg): Promise<FromBridge> => {
    const { data, event, ticket } = parse(message)
    const known = ticket !== undefined && connectionOf(ticket) === connection
    const opened = known ? await openTicket(secrets, ticket) : undefined
    if (opened === undefined) return { failed: "the ticket is not one of this connection, or has expired" }
    if (event === undefined) return { failed: "event must have 1–128 characters" }
    try {
      const { principal } = opened
      return { reply: await call({ type: "event", connection, principal, name: event, data: data ?? null }) }
    } catch (cause) {
      return { failed: cause instanceof Error ? cause.message : "the backend did not answer" }
    }
  }
  return async (message: Msg): Promise<void> => {
    const connection = message.subject.slice(subjects.up("").length)
    if (!message.reply?.startsWith(`${subjects.inbox(connection)}.`)) return
    const mine = inFlight.get(connection) ?? 0
    const say = (what: FromBridge) => void message.respond(JSON.stringify(what))
    if (all >= maxInFlight || mine >= MAX_IN_FLIGHT_OF_ONE) return say({ failed: "too many invokes in flight" })
    all++
    inFlight.set(connection, mine + 1)
    try {
      say(await ask(connection, message))
    } catch {
      // larger than the server takes
      say({ failed: "the backend's reply cannot be sent" })
    } finally {
      all--
      if (inFlight.get(connection) === 1) inFlight.delete(connection)
      else inFlight.set(connection, (inFlight.get(connection) as number) - 1)
    }
  }
}

/** What of it has the right shape. */
const parse = (message: Msg): Partial<FromClient> => {
  let body: Partial<FromClient> | null
  try {
    body = message.json()
  } catch {
    return {}
  }
  const { data, event, ticket } = Object(body) as Partial<FromClient>
  return {
    data,
    ...(typeof ticket === "string" ? { ticket } : {}),
    ...(typeof event === "string" && event.length > 0 && event.length <= 128 ? { event } : {})
  }
}
