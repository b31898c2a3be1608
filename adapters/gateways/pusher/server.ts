/**
 * The server half for Pusher Channels: options in, the `Gateway` service out.
 *
 * A grant is a ticket that our own route exchanges for signatures once the client knows its socket's id (`authorize.ts`).
 * It names the groups' channels and, last, the client's own.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { frameTooLarge, unavailable } from "../../../src/gateway/errors.ts"
import { MAX_TICKET_MILLIS, sealTicket } from "../../../src/gateway/secrets.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { capabilities } from "./capabilities.ts"
import { makeRest, type Rest } from "./rest.ts"
import { readSettings, type PusherGatewayOptions, type Settings } from "./settings.ts"
import { makeUpChannel } from "./upChannel.ts"
import { makeUpstream } from "./upstream.ts"
import { channelOf, formatConnectUrl, FRAME, markFrame } from "./wire.ts"

export type { PusherGatewayOptions } from "./settings.ts"

/** Pusher Channels as the gateway. Throws a `TypeError` that names a wrong option. */
export const pusherGateway = (options: PusherGatewayOptions): Layer.Layer<Gateway> => {
  const settings = readSettings(options)
  return Layer.effect(
    Gateway,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => makeRest(settings)),
        (rest) => Effect.sync(rest.close)
      ),
      (rest) => Gateway.of(make(settings, rest))
    )
  )
}

const make = (settings: Settings, rest: Rest): GatewayService => {
  const { authUrl, clientUrl, key, secrets, webhooks } = settings
  return {
    name: "pusher",
    groupSecret: secrets.groups,
    capabilities,
    publish: (group, frame) => {
      const error = frameTooLarge(frame, capabilities.maxFrameBytes)
      return error === undefined ? rest.trigger(channelOf(group), FRAME, markFrame(frame)) : Effect.fail(error)
    },
    grant: ({ groups, principal, ttlMillis }) => {
      const expiresAt = Date.now() + Math.min(ttlMillis, MAX_TICKET_MILLIS)
      const up = makeUpChannel(secrets.upstream, principal)
      return Effect.tryPromise({
        try: async () => ({
          url: formatConnectUrl({ base: clientUrl, key, authUrl, up: webhooks ? up : undefined }),
          token: await sealTicket(secrets, { principal, groups: [...groups.map(channelOf), up] }, expiresAt),
          expiresAt
        }),
        catch: () => unavailable("grant", "the ticket could not be made")
      })
    },
    upstream: makeUpstream(settings, rest)
  }
}
