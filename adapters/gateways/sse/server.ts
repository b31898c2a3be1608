/**
 * The server half for the SSE gateway: options in, the `Gateway` service out. What holds the streams is `handler.ts`, in a
 * process of its own or mounted in one; both share one key.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkUrl, frameTooLarge, messageOf, unavailable } from "../../../src/gateway/errors.ts"
import { deriveSecrets, MAX_TICKET_MILLIS, sealTicket } from "../../../src/gateway/secrets.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import {
  FrameTooLarge,
  GatewayError,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable
} from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"

export interface SseGatewayServerOptions {
  /** The gateway's HTTP address, `http(s)://host[:port][/path]`. */
  readonly url: string
  /** The same key that the gateway was started with. Secret. */
  readonly key: string
  /** What clients connect to, where that differs: `https://host[:port][/path]`. */
  readonly clientUrl?: string
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
}

/** The SSE gateway. Throws a `TypeError` that names a wrong option. */
export const sseGateway = (options: SseGatewayServerOptions): Layer.Layer<Gateway> => {
  const url = checkUrl("url", options.url)
  const clientUrl = checkUrl("clientUrl", options.clientUrl ?? options.url)
  const secrets = deriveSecrets("sse", options.key)
  const { timeoutMillis = 10_000 } = options

  const post = (operation: "publish" | "revoke", path: string, body: string): Effect.Effect<void, GatewayError> =>
    Effect.tryPromise({
      try: async (interrupted) => {
        const response = await fetch(url + path, {
          method: "POST",
          headers: { authorization: `Bearer ${secrets.rest}`, "content-type": "text/plain" },
          body,
          redirect: "error",
          signal: AbortSignal.any([interrupted, AbortSignal.timeout(timeoutMillis)])
        })
        // read to its end, so that the connection can be used again
        await response.arrayBuffer()
        const reason = reasonOf(response, body)
        if (reason !== undefined) throw new GatewayError({ operation, reason })
      },
      catch: (cause) => (cause instanceof GatewayError ? cause : unavailable(operation, messageOf(cause)))
    })
  const service: GatewayService = {
    name: "sse",
    groupSecret: secrets.groups,
    capabilities,
    publish: (group, frame) => {
      const error = frameTooLarge(frame, capabilities.maxFrameBytes)
      if (error !== undefined) return Effect.fail(error)
      return post("publish", `/publish?group=${encodeURIComponent(group)}`, frame)
    },
    grant: ({ groups, principal, ttlMillis }) => {
      const expiresAt = Date.now() + Math.min(ttlMillis, MAX_TICKET_MILLIS)
      return Effect.tryPromise({
        try: async () => ({
          url: `${clientUrl}/events`,
          token: await sealTicket(secrets, { principal, groups }, expiresAt),
          expiresAt
        }),
        catch: () => unavailable("grant", "the token could not be made")
      })
    },
    revoke: ({ id, tenant = "main" }, group) => {
      const query = new URLSearchParams({ group, tenant, id: id.toWellFormed() })
      return post("revoke", `/revoke?${query}`, "")
    }
  }
  return Layer.succeed(Gateway, service)
}

const reasonOf = ({ headers, status }: Response, body: string): GatewayError["reason"] | undefined => {
  if (status < 300) return undefined
  if (status === 413)
    return new FrameTooLarge({ sizeBytes: Buffer.byteLength(body), limitBytes: capabilities.maxFrameBytes })
  // a proxy in front may throttle; the gateway itself does not
  if (status === 429)
    return new GatewayThrottled({ retryAfterMillis: (Number(headers.get("retry-after")) || 1) * 1000 })
  if (status === 401 || status === 403)
    return new GatewayRefused({ status, remedy: "give sseGateway() the same `key` that the gateway was started with" })
  if (status < 500) return new GatewayRefused({ status, remedy: "check that `url` is that of an SSE gateway" })
  return new GatewayUnavailable({ cause: new Error(`the gateway answered ${status}`) })
}
