/**
 * The server half for the plain WebSocket gateway: options in, the `Gateway` service out. The process that holds the
 * sockets is `gateway.ts`; both share one key.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Principal } from "../../../src/ports/Access.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { checkUrl, frameTooLarge, unavailable } from "../../../src/gateway/errors.ts"
import {
  deriveSecrets,
  MAX_TICKET_MILLIS,
  sealTicket,
  type GatewaySecrets,
  type Ticket
} from "../../../src/gateway/secrets.ts"
import { signedUpstream } from "../../../src/gateway/signedCall.ts"
import { capabilities } from "./capabilities.ts"
import { makeRest, type Rest } from "./publish.ts"
import { makeSubscribe } from "./subscribe.ts"

export interface WsGatewayServerOptions {
  /** The gateway process's HTTP address, `http://host:port`. */
  readonly url: string
  /** The same key that the gateway process was started with. Secret. */
  readonly key: string
  /** What clients connect to, where that differs: `wss://host[:port]`. */
  readonly clientUrl?: string
  /** How far the time of an upstream call may lie from now. Default 5 minutes. */
  readonly upstreamClockMillis?: number
  /** Most requests in flight. Default 64. */
  readonly maxSockets?: number
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
}

const WORKER: Principal = { id: "worker", tenant: "throughline-worker" }

/** The plain gateway. Throws a `TypeError` that names a wrong option. */
export const wsGateway = (options: WsGatewayServerOptions): Layer.Layer<Gateway> => {
  checkUrl("url", options.url)
  if (options.clientUrl !== undefined) checkUrl("clientUrl", options.clientUrl, ["ws", "wss"])
  const secrets = deriveSecrets("ws", options.key)
  return Layer.effect(
    Gateway,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() =>
          makeRest(new URL(options.url), secrets.rest, {
            maxSockets: options.maxSockets ?? 64,
            timeoutMillis: options.timeoutMillis ?? 10_000
          })
        ),
        (rest) => Effect.sync(rest.close)
      ),
      (rest) => Gateway.of(make(options, secrets, rest))
    )
  )
}

const make = (options: WsGatewayServerOptions, secrets: GatewaySecrets, rest: Rest): GatewayService => {
  const connectUrl = (base: string) => `${base.replace(/^http/, "ws").replace(/\/+$/, "")}/connect`
  const seal = (ticket: Ticket, expiresAt: number) => sealTicket(secrets, ticket, expiresAt)
  const withGroup = (path: string, group: string) => `${path}?group=${encodeURIComponent(group)}`

  return {
    name: "ws",
    groupSecret: secrets.groups,
    capabilities,
    publish: (group, frame) => {
      const error = frameTooLarge(frame, capabilities.maxFrameBytes)
      return error === undefined ? rest.post("publish", withGroup("/publish", group), frame) : Effect.fail(error)
    },
    grant: ({ principal, groups, ttlMillis }) => {
      const expiresAt = Date.now() + Math.min(ttlMillis, MAX_TICKET_MILLIS)
      return Effect.tryPromise({
        try: async () => ({
          url: connectUrl(options.clientUrl ?? options.url),
          token: await seal({ principal, groups }, expiresAt),
          expiresAt
        }),
        catch: () => unavailable("grant", "the token could not be made")
      })
    },
    upstream: signedUpstream(secrets, options.upstreamClockMillis),
    subscribe: makeSubscribe(connectUrl(options.url), () =>
      seal({ principal: WORKER, groups: [], worker: true }, Date.now() + MAX_TICKET_MILLIS)
    ),
    revoke: ({ id, tenant = "main" }, group) =>
      rest.post(
        "revoke",
        `${withGroup("/revoke", group)}&tenant=${encodeURIComponent(tenant)}&id=${encodeURIComponent(id.toWellFormed())}`,
        ""
      )
  }
}
