/**
 * The server half for API Gateway's WebSocket APIs: options in, the `Gateway` service out. It looks up a group's
 * connections in the registry and posts the frame to each; the function that holds the other end is `lambda.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkUrl, frameTooLarge, unavailable } from "../../../src/gateway/errors.ts"
import { deriveSecrets, MAX_TICKET_MILLIS, sealTicket } from "../../../src/gateway/secrets.ts"
import { signedUpstream } from "../../../src/gateway/signedCall.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError } from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import { reasonOf } from "./failures.ts"
import { makePosts } from "./posts.ts"
import { makeRegistry } from "./registry.ts"
import { lazyDynamo, lazyPost } from "./sdk.ts"
import { checkSettings, type RegistryOptions } from "./settings.ts"

export interface AwsApiGatewayOptions extends RegistryOptions {
  /** The stage's address, what clients connect to: `wss://API.execute-api.REGION.amazonaws.com/STAGE`. */
  readonly url: string
  /** The same key that the function has. At least 32 characters. Secret. */
  readonly key: string
  /** Where frames are posted to, where that differs (with a domain of your own): `https://API.execute-api.…/STAGE`. */
  readonly callbackUrl?: string
  /** Most posts in flight. Default 64. */
  readonly maxPosts?: number
  /** A request that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
}

/** API Gateway. Throws a `TypeError` that names a wrong option. */
export const awsApiGateway = (options: AwsApiGatewayOptions): Layer.Layer<Gateway> => {
  const url = checkUrl("url", options.url, ["wss", "ws"])
  const callbackUrl = checkUrl("callbackUrl", options.callbackUrl ?? url.replace(/^ws/, "http"), ["https", "http"])
  const settings = checkSettings(options, callbackUrl)
  const secrets = deriveSecrets("aws-api-gateway", options.key)
  const { maxPosts = 64, timeoutMillis = 10_000 } = options
  if (!Number.isInteger(maxPosts) || maxPosts < 1) throw new TypeError("maxPosts must be an integer from 1")

  const make = Effect.acquireRelease(
    Effect.sync(() => ({
      dynamo: lazyDynamo(settings, { timeoutMillis }),
      post: lazyPost(settings, callbackUrl, { maxPosts, timeoutMillis })
    })),
    ({ dynamo, post }) => Effect.sync(() => (dynamo.close(), post.close()))
  ).pipe(
    Effect.map(({ dynamo, post }): GatewayService => {
      const registry = makeRegistry(dynamo, settings.table)
      const posts = makePosts(maxPosts)
      const failedAs = (operation: GatewayError["operation"]) => (cause: unknown) =>
        cause instanceof GatewayError ? cause : new GatewayError({ operation, reason: reasonOf(cause) })
      return {
        name: "aws-api-gateway",
        groupSecret: secrets.groups,
        capabilities,
        publish: (group, frame) => {
          const error = frameTooLarge(frame, capabilities.maxFrameBytes)
          if (error !== undefined) return Effect.fail(error)
          return Effect.tryPromise({
            try: async (signal) => {
              const reason = await posts.send({
                post: await post.load(),
                members: registry.members(group, signal),
                frame,
                signal,
                onGone: registry.remove
              })
              if (reason !== undefined) throw new GatewayError({ operation: "publish", reason })
            },
            catch: failedAs("publish")
          })
        },
        grant: ({ groups, principal, ttlMillis }) => {
          const expiresAt = Date.now() + Math.min(ttlMillis, MAX_TICKET_MILLIS)
          return Effect.tryPromise({
            try: async () => ({ url, token: await sealTicket(secrets, { principal, groups }, expiresAt), expiresAt }),
            catch: () => unavailable("grant", "the token could not be made")
          })
        },
        upstream: signedUpstream(secrets),
        revoke: (principal, group) =>
          Effect.tryPromise({ try: () => registry.revoke(principal, group), catch: failedAs("revoke") })
      }
    })
  )
  return Layer.effect(Gateway, make)
}
