/**
 * The server half for Azure Web PubSub: options in, the `Gateway` service out.
 *
 * Grants and revocations go through `@azure/web-pubsub`, loaded at the first one; frames do not (`publish.ts`).
 * Clients get no roles: they receive the groups of their grant and may send user events, nothing else.
 */
import { createHmac } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError, GatewayRefused, GatewayThrottled, GatewayUnavailable } from "../../../src/ports/GatewayError.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import { capabilities } from "./capabilities.ts"
import { MAX_SEALED_BYTES, sealPrincipal } from "./principalSeal.ts"
import { makePublish, remedy, retryAfterMillis, withoutRequest } from "./publish.ts"
import { makeRestTokens } from "./restToken.ts"
import { readSettings, type AzureWebPubSubOptions, type Settings } from "./settings.ts"
import { makeSubscribe } from "./subscribe.ts"
import { makeUpstream, SEAL_PARAMETER, userIdOf } from "./upstream.ts"

export type { AzureIdentityOptions, AzureKeyOptions, AzureWebPubSubOptions } from "./settings.ts"

/** A token opens connections for at most this long; the connection outlives it. */
const MAX_GRANT_MILLIS = 5 * 60_000
const WORKER: Principal = { id: "worker", tenant: "throughline-worker" }

/** Azure Web PubSub as the gateway. Throws a `TypeError` that names a wrong option. */
export const azureWebPubSub = (options: AzureWebPubSubOptions): Layer.Layer<Gateway> => {
  const settings = readSettings(options)
  return Layer.effect(
    Gateway,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => makePublish(settings, makeRestTokens(settings))),
        ({ close }) => Effect.sync(close)
      ),
      ({ publish }) => Gateway.of(make(settings, publish))
    )
  )
}

const make = (settings: Settings, publish: GatewayService["publish"]): GatewayService => {
  const client = serviceClient(settings)

  /** A client URL with a token for these groups and roles, and the sealed principal. */
  const connectUrl = async (
    principal: Principal,
    rights: { readonly groups?: readonly string[]; readonly roles?: readonly string[]; readonly ttlMillis: number }
  ): Promise<{ url: string; expiresAt: number }> => {
    const ttlMillis = Math.min(rights.ttlMillis, MAX_GRANT_MILLIS)
    const expiresAt = Date.now() + ttlMillis
    const worker = rights.roles !== undefined
    const sealed = await sealPrincipal(settings.sealKey, settings.hub, { principal, worker }, { in: "url", expiresAt })
    if (sealed.length > MAX_SEALED_BYTES) throw new ClaimsTooLarge()
    const minutes = ttlMillis / 60_000
    const { url } = await (
      await client()
    ).getClientAccessToken({
      userId: userIdOf(principal),
      // Entra ID makes tokens by the minute.
      expirationTimeInMinutes: settings.access.type === "key" ? minutes : Math.max(1, Math.ceil(minutes)),
      ...(rights.groups === undefined ? {} : { groups: [...rights.groups] }),
      ...(rights.roles === undefined ? {} : { roles: [...rights.roles] })
    })
    return { url: `${url}&${SEAL_PARAMETER}=${sealed}`, expiresAt }
  }

  return {
    name: "azure-web-pubsub",
    // names groups; another use of the derived key, so that neither tells the other
    groupSecret: createHmac("sha256", settings.sealKey).update("throughline/groups").digest("base64url"),
    capabilities: settings.upstreamKey === undefined ? { ...capabilities, upstream: false } : capabilities,
    publish,
    grant: ({ principal, groups, ttlMillis }) =>
      Effect.tryPromise({
        try: () => connectUrl(principal, { groups, ttlMillis }),
        catch: toGatewayError(settings, "grant")
      }),
    ...(settings.upstreamKey === undefined ? {} : { upstream: makeUpstream(settings) }),
    subscribe: makeSubscribe(
      async () => (await connectUrl(WORKER, { roles: ["webpubsub.joinLeaveGroup"], ttlMillis: MAX_GRANT_MILLIS })).url
    ),
    revoke: (principal, group) =>
      Effect.tryPromise({
        try: async (abortSignal) => (await client()).group(group).removeUser(userIdOf(principal), { abortSignal }),
        catch: toGatewayError(settings, "revoke")
      })
  }
}

class ClaimsTooLarge extends Error {}

/** The vendor's client, once. It is a megabyte of modules, and a function that only publishes never needs it. */
const serviceClient = (settings: Settings) => {
  const load = async () => {
    const { AzureKeyCredential, WebPubSubServiceClient } = await import("@azure/web-pubsub")
    const { access, endpoint, hub } = settings
    const options = { allowInsecureConnection: endpoint.startsWith("http:") }
    return access.type === "key"
      ? new WebPubSubServiceClient(endpoint, new AzureKeyCredential(access.key), hub, options)
      : new WebPubSubServiceClient(endpoint, access.credential, hub, options)
  }
  let loaded: ReturnType<typeof load> | undefined
  return () => (loaded ??= load())
}

const toGatewayError = (settings: Settings, operation: "grant" | "revoke") => (cause: unknown) => {
  const { statusCode: status, response } = cause as {
    statusCode?: number
    response?: { headers?: { get(name: string): string | undefined } }
  }
  const reason =
    cause instanceof ClaimsTooLarge
      ? new GatewayRefused({
          status: 431,
          remedy: `id and claims must fit a URL of ${MAX_SEALED_BYTES} bytes; keep claims small`
        })
      : status === 429
        ? new GatewayThrottled({
            retryAfterMillis: retryAfterMillis(response?.headers?.get("retry-after"), Date.now())
          })
        : status !== undefined && status < 500 && status !== 408
          ? new GatewayRefused({ status, remedy: remedy(settings, status) })
          : new GatewayUnavailable({ cause: withoutRequest(cause) })
  return new GatewayError({ operation, reason })
}
