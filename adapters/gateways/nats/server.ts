/**
 * The server half for NATS: options in, the `Gateway` service out. Clients and backend are users of one account, each with
 * a JWT that the backend signs; what comes back from clients, `bridge.ts` carries to the backend's route.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkUrl, frameTooLarge, unavailable } from "../../../src/gateway/errors.ts"
import { deriveSecrets, MAX_TICKET_MILLIS, sealTicket, type GatewaySecrets } from "../../../src/gateway/secrets.ts"
import { signedUpstream } from "../../../src/gateway/signedCall.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError, GatewayRefused } from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import { checkPrefix, checkServers, dialer, type Dial } from "./connection.ts"
import { makePublisher, type Publisher } from "./publish.ts"
import { makeSubscribe } from "./subscribe.ts"
import { backendUser, clientToken, issuerOf, type Issuer } from "./users.ts"
import { subjectsOf } from "./wire.ts"

export interface NatsGatewayOptions {
  /** `nats://host:port`, or `tls://host:port` where the connection must be encrypted; one or more of a cluster. */
  readonly servers: string | readonly string[]
  /** What clients connect to: `wss://host[:port]`, the server's WebSocket listener. */
  readonly clientUrl: string
  /** Seed of the account, or better of one of its signing keys: `SA…`. Secret. */
  readonly signingSeed: string
  /** The account's public key, `A…`. Required where `signingSeed` is a signing key's. */
  readonly account?: string
  /** At least 32 characters, shared with the bridge. Secret. */
  readonly key: string
  /** What every subject begins with. Default `throughline`. */
  readonly prefix?: string
  /** At most the server's `max_payload`. Default 1 MiB. */
  readonly maxFrameBytes?: number
  /** The server's `max_control_line`: what a client says when it connects must fit in. Default 4096. */
  readonly maxControlLineBytes?: number
  /** How far the time of an upstream call may lie from now. Default 5 minutes. */
  readonly upstreamClockMillis?: number
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
}
/** What a client's CONNECT holds beside its JWT: the signed nonce, its public key, names and versions. */
const CONNECT_BYTES = 400
const AFTER_END_MILLIS = 60_000

/** The NATS gateway. Throws a `TypeError` that names a wrong option. */
export const natsGateway = (options: NatsGatewayOptions): Layer.Layer<Gateway> => {
  const servers = checkServers(options.servers)
  checkUrl("clientUrl", options.clientUrl, ["ws", "wss"])
  const issuer = issuerOf(options.signingSeed, options.account)
  const secrets = deriveSecrets("nats", options.key)
  const prefix = checkPrefix(options.prefix ?? "throughline")
  for (const name of ["maxFrameBytes", "maxControlLineBytes"] as const) {
    const bytes = options[name] ?? 4096
    if (!Number.isSafeInteger(bytes) || bytes < 1024) throw new TypeError(`${name} must be an integer from 1024 on`)
  }
  const { timeoutMillis = 10_000 } = options
  const dial: Dial = async () =>
    dialer(servers, await backendUser(issuer, `${prefix}.group.*`), { name: "throughline-backend", timeoutMillis })()
  return Layer.effect(
    Gateway,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => makePublisher(dial, timeoutMillis)),
        (publisher) => Effect.promise(publisher.close)
      ),
      (publisher) => Gateway.of(make({ ...options, prefix, timeoutMillis }, issuer, secrets, dial, publisher))
    )
  )
}

const make = (
  options: NatsGatewayOptions & { readonly prefix: string; readonly timeoutMillis: number },
  issuer: Issuer,
  secrets: GatewaySecrets,
  dial: Dial,
  publisher: Publisher
): GatewayService => {
  const subjects = subjectsOf(options.prefix)
  const { clientUrl, maxControlLineBytes = 4096, maxFrameBytes = capabilities.maxFrameBytes } = options
  return {
    name: "nats",
    groupSecret: secrets.groups,
    capabilities: { ...capabilities, maxFrameBytes },
    publish: (group, frame) => {
      const error = frameTooLarge(frame, maxFrameBytes)
      return error === undefined ? publisher.publish(subjects.group(group), frame) : Effect.fail(error)
    },
    grant: ({ groups, principal, ttlMillis }) => {
      const expiresAt = Date.now() + Math.min(ttlMillis, MAX_TICKET_MILLIS)
      return Effect.tryPromise({
        try: async () => {
          // it says who connects; the JWT says what may be heard, and for how long, and the end is reported after that
          const ticket = await sealTicket(secrets, { principal, groups: [] }, expiresAt + AFTER_END_MILLIS)
          const token = await clientToken(issuer, subjects, { ticket, groups, expiresAt })
          if (token.length + CONNECT_BYTES > maxControlLineBytes) throw tooLong(groups.length)
          return { url: clientUrl, token, expiresAt }
        },
        catch: (cause) => (cause instanceof GatewayError ? cause : unavailable("grant", "the token could not be made"))
      })
    },
    upstream: signedUpstream(secrets, options.upstreamClockMillis),
    subscribe: makeSubscribe(dial, subjects.group, options.timeoutMillis)
  }
}

const tooLong = (groups: number) =>
  new GatewayError({
    operation: "grant",
    reason: new GatewayRefused({
      status: 431,
      remedy: `a token for ${groups} groups is longer than the server reads: raise its max_control_line and natsGateway()'s maxControlLineBytes, watch fewer threads, or make the principal's claims smaller`
    })
  })
