/**
 * What every part of one emulator shares: keys, hubs, faults, counters and the log.
 */
import type { Connection } from "./connection.ts"
import { EventHandlers } from "./eventHandlers.ts"
import type { Faults } from "./faults.ts"
import { Hub } from "./hub.ts"
import type { Keys, ReconnectionTokens } from "./tokens.ts"
import { sendCloudEvent } from "./upstream.ts"
import type { CallUpstream } from "./upstreamCall.ts"

/** One line of the log; never carries a token, a payload or a URL's query. */
export type LogLine = Readonly<Record<string, unknown>>

/** Counters since the start. */
export interface Stats {
  connections: number
  recoveries: number
  recoveriesRefused: number
  restCalls: number
  restRefused: number
  delivered: number
  protocolErrors: number
  upstreamFailures: number
}

export interface Service {
  readonly keys: Keys
  readonly reconnection: ReconnectionTokens
  readonly hubs: Map<string, Hub>
  readonly faults: Faults
  readonly stats: Stats
  readonly recoveryMillis: number
  readonly call: CallUpstream
  readonly log: (line: LogLine) => void
  /** Once true, event handlers are not told of the connections that end with the emulator. */
  closing: boolean
  /** `host:port` as upstreams know this service. */
  readonly host: () => string
}

/** The hub of that name, made when it is first used; names differ by more than case. */
export const hubOf = (service: Service, name: string): Hub => {
  const key = name.toLowerCase()
  const known = service.hubs.get(key)
  if (known !== undefined) return known
  const hub = new Hub(name, new EventHandlers(name, service.call, service.log))
  service.hubs.set(key, hub)
  return hub
}

/** Sends `connected` or `disconnected`: nobody waits for the answer, a failure is only logged. */
export const notifyUpstream = (
  service: Service,
  hub: Hub,
  connection: Connection,
  name: string,
  body: unknown
): void => {
  if (service.closing || !hub.handlers.handles("sys", name)) return
  const event = {
    kind: "sys",
    name,
    contentType: "application/json; charset=utf-8",
    body: JSON.stringify(body)
  } as const
  sendCloudEvent(hub, connection, event, service.keys, service.call).then(
    (answer) => {
      if (typeof answer === "string" || answer.status > 299) reportUpstream(service, hub, name, answer)
    },
    (cause: unknown) => reportUpstream(service, hub, name, cause)
  )
}

/** Counts and logs a call of an event handler that did not succeed; returns the reason as a text. */
export const reportUpstream = (service: Service, hub: Hub, name: string, outcome: unknown): string => {
  const reason =
    outcome === "none"
      ? "no event handler is registered for it"
      : outcome === "blocked"
        ? "its event handler has not passed the OPTIONS handshake"
        : outcome instanceof Error
          ? `its event handler could not be reached (${outcome.message})`
          : `its event handler answered ${(outcome as { status: number }).status}`
  service.stats.upstreamFailures++
  service.log({ level: "warn", event: "upstream.failed", hub: hub.name, name, reason })
  return reason
}
