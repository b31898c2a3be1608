/**
 * The server half for Pushpin and other GRIP proxies: options in, the `Gateway` service out. Pushpin holds the
 * connections; frames go to its control address, and it calls the backend's upstream route when a client comes, says
 * something, or goes.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { unavailable } from "../../../src/gateway/errors.ts"
import { MAX_TICKET_MILLIS, sealTicket } from "../../../src/gateway/secrets.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError, GatewayRefused } from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import { makePublish } from "./publish.ts"
import { readSettings, type PushpinGatewayOptions, type Settings } from "./settings.ts"
import { makeUpstream } from "./upstream.ts"

export type { PushpinGatewayOptions } from "./settings.ts"

/** A socket's ticket is a header, and all of a request's must fit Pushpin's `client_buffer_size`, by default 8192. */
const MAX_TOKEN_LENGTH = 7_000

/** Pushpin as the gateway. Throws a `TypeError` that names a wrong option. */
export const pushpinGateway = (options: PushpinGatewayOptions): Layer.Layer<Gateway> =>
  Layer.succeed(Gateway, make(readSettings(options)))

const make = (settings: Settings): GatewayService => {
  const { clientUrl, maxFrameBytes, maxGroups, secrets } = settings
  return {
    name: "pushpin",
    groupSecret: secrets.groups,
    capabilities: { ...capabilities, maxFrameBytes },
    publish: makePublish(settings),
    grant: ({ groups, principal, ttlMillis }) => {
      if (groups.length > maxGroups) {
        const remedy = `raise \`connection_subscription_max\` in pushpin.conf, and \`maxGroups\` with it, to ${groups.length}`
        return refuse(413, remedy)
      }
      const expiresAt = Date.now() + Math.min(ttlMillis, MAX_TICKET_MILLIS)
      return Effect.tryPromise({
        try: () => sealTicket(secrets, { principal, groups }, expiresAt),
        catch: () => unavailable("grant", "the ticket could not be made")
      }).pipe(
        Effect.flatMap((token) =>
          token.length > MAX_TOKEN_LENGTH
            ? refuse(431, `groups and claims must fit a ticket of ${MAX_TOKEN_LENGTH} bytes; keep claims small`)
            : Effect.succeed({ url: clientUrl, token, expiresAt })
        )
      )
    },
    upstream: makeUpstream(settings)
  }
}

const refuse = (status: number, remedy: string) =>
  Effect.fail(new GatewayError({ operation: "grant", reason: new GatewayRefused({ status, remedy }) }))
