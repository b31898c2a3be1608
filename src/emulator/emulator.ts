/**
 * A local Azure Web PubSub in this process: what the unmodified Azure SDKs talk to on a laptop and in tests.
 *
 * It binds loopback, makes a random key at each start, keeps everything in memory, and is no production server.
 */
import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { CLOSE_NORMAL } from "./connection.ts"
import type { Connection, ConnectionInfo } from "./connection.ts"
import { EventHandlerRefused } from "./eventHandlers.ts"
import type { EventHandler } from "./eventHandlers.ts"
import { noFaults } from "./faults.ts"
import type { Faults } from "./faults.ts"
import { makeHandshakes } from "./handshake.ts"
import { isHubName } from "./hub.ts"
import { makeRestListener } from "./rest.ts"
import { hubOf } from "./service.ts"
import type { LogLine, Service, Stats } from "./service.ts"
import { Keys, ReconnectionTokens } from "./tokens.ts"
import { makeUpstream } from "./upstreamCall.ts"

export interface EmulatorOptions {
  /** Default `127.0.0.1`; anything but loopback needs `allowRemote`. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  readonly allowRemote?: boolean
  /** Without it the emulator refuses to start where `NODE_ENV` is `production`. */
  readonly allowProduction?: boolean
  /** Default: 32 random bytes in base64. */
  readonly accessKey?: string
  /** A second key: tokens of either are accepted, events are signed with both. */
  readonly secondaryAccessKey?: string
  readonly hubs?: Readonly<Record<string, { readonly eventHandlers: readonly EventHandler[] }>>
  /** How long a cut reliable connection is kept; default 30,000. */
  readonly recoveryMillis?: number
  readonly log?: (line: LogLine) => void
}

export type ConnectionFilter = (connection: ConnectionInfo) => boolean

export interface Emulator {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  readonly accessKey: string
  /** For `new WebPubSubServiceClient(connectionString, hub, { allowInsecureConnection: true })`. */
  readonly connectionString: string
  /** Change them while it runs; `Object.assign(emulator.faults, …)`. */
  readonly faults: Faults
  readonly stats: Readonly<Stats>
  /** Replaces a hub's event handlers. Fails with `EventHandlerRefused` when one does not agree; its events are blocked. */
  setEventHandlers(hub: string, handlers: readonly EventHandler[]): Promise<void>
  connections(hub: string): readonly ConnectionInfo[]
  /** Ends TCP connections without a close frame; reliable connections stay recoverable. Returns how many. */
  cut(filter?: ConnectionFilter): number
  /** Half-open: sockets stay, nothing is sent or read on them any more. Returns how many. */
  freeze(filter?: ConnectionFilter): number
  /** Cuts and forgets connections, as a restarted service does: their recovery is refused with 1008. Returns how many. */
  forget(filter?: ConnectionFilter): number
  /** Closes one connection as the service does: told, closed, not recoverable. False when there is none. */
  closeConnection(connectionId: string, reason?: string): boolean
  close(): Promise<void>
}

export class EmulatorRefused extends Error {
  override readonly name = "EmulatorRefused"
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)

const refuseHubName = (hub: string): void => {
  if (!isHubName(hub))
    throw new EmulatorRefused("a hub's name must begin with a letter and have at most 128 characters")
}

/** Starts listening. Fails with `EmulatorRefused` for unsafe options, or with the system's error when it cannot bind. */
export const startEmulator = async (options: EmulatorOptions = {}): Promise<Emulator> => {
  const host = options.host ?? "127.0.0.1"
  if (!isLoopback(host) && options.allowRemote !== true) {
    throw new EmulatorRefused(
      `${host} is not a loopback address: the emulator is for this machine; set allowRemote to bind it`
    )
  }
  if (process.env["NODE_ENV"] === "production" && options.allowProduction !== true) {
    throw new EmulatorRefused(
      "NODE_ENV is production: the emulator is no production server; set allowProduction to run it"
    )
  }
  const accessKey = options.accessKey ?? randomBytes(32).toString("base64")
  if (accessKey === "" || options.secondaryAccessKey === "")
    throw new EmulatorRefused("an access key must not be empty")

  for (const hub of Object.keys(options.hubs ?? {})) refuseHubName(hub)

  let port = 0
  const address = (): string => `${host.includes(":") ? `[${host}]` : host}:${port}`
  const faults = noFaults()
  const upstream = makeUpstream(faults, address)
  const service: Service = {
    keys: new Keys(options.secondaryAccessKey === undefined ? [accessKey] : [accessKey, options.secondaryAccessKey]),
    reconnection: new ReconnectionTokens(randomBytes(32)),
    hubs: new Map(),
    faults,
    stats: {
      connections: 0,
      recoveries: 0,
      recoveriesRefused: 0,
      restCalls: 0,
      restRefused: 0,
      delivered: 0,
      protocolErrors: 0,
      upstreamFailures: 0
    },
    closing: false,
    recoveryMillis: options.recoveryMillis ?? 30_000,
    call: upstream.call,
    log: options.log ?? (() => {}),
    host: address
  }

  const handshakes = makeHandshakes(service)
  // Publishers pool their sockets: a short idle timeout would reset a request that is on its way.
  const server = createServer(
    { keepAliveTimeout: 75_000, requestTimeout: 30_000, noDelay: true },
    makeRestListener(service)
  )
  server.on("upgrade", handshakes.upgrade)
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port ?? 0, host, () => {
      server.off("error", reject)
      resolve()
    })
  })
  port = (server.address() as AddressInfo).port

  const setEventHandlers = async (hub: string, handlers: readonly EventHandler[]): Promise<void> => {
    refuseHubName(hub)
    await hubOf(service, hub).handlers.set(handlers)
  }
  // A backend that starts later is asked again at its first event, so a refusal now is only logged.
  for (const [hub, { eventHandlers }] of Object.entries(options.hubs ?? {})) {
    await setEventHandlers(hub, eventHandlers).catch((cause: unknown) => {
      if (cause instanceof EventHandlerRefused) return
      server.close()
      throw cause
    })
  }

  const all = () => [...service.hubs.values()].flatMap((hub) => [...hub.connections.values()])
  const each = (
    filter: ConnectionFilter | undefined,
    online: boolean,
    act: (connection: Connection) => void
  ): number => {
    const chosen = all().filter(({ info }) => (info.online || !online) && (filter === undefined || filter(info)))
    for (const connection of chosen) act(connection)
    return chosen.length
  }

  return {
    url: `http://${address()}`,
    port,
    accessKey,
    connectionString: `Endpoint=http://${address()};AccessKey=${accessKey};Version=1.0;`,
    faults,
    stats: service.stats,
    setEventHandlers,
    connections: (hub) => [...hubOf(service, hub).connections.values()].map(({ info }) => info),
    cut: (filter) => each(filter, true, (connection) => connection.cut()),
    freeze: (filter) => each(filter, true, (connection) => connection.freeze()),
    forget: (filter) => each(filter, false, (connection) => connection.forget()),
    closeConnection: (connectionId, reason = "Closed by the operator.") => {
      const connection = all().find(({ id }) => id === connectionId)
      connection?.end(CLOSE_NORMAL, reason)
      return connection !== undefined
    },
    close: () =>
      new Promise((resolve) => {
        service.closing = true
        handshakes.close()
        upstream.close()
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
