/**
 * The server half for Cloudflare Durable Objects: options in, the `Gateway` service out.
 *
 * A backend anywhere reaches the objects through their Worker (`url`); one that is a Worker itself may have the binding
 * (`namespace`) and reach them without it. Both share one key with the Worker.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkUrl, frameTooLarge, messageOf, unavailable } from "../../../src/gateway/errors.ts"
import { deriveSecrets, MAX_TICKET_MILLIS, sealTicket } from "../../../src/gateway/secrets.ts"
import { signedUpstream } from "../../../src/gateway/signedCall.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import {
  FrameTooLarge,
  GatewayError,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable
} from "../../../src/ports/GatewayError.ts"
import { callObject } from "./callObject.ts"
import { capabilities } from "./capabilities.ts"
import { NAME } from "./wire.ts"
import type { ObjectNamespace } from "./workers.ts"

interface Common {
  /** At least 32 characters; the Worker has the same as `THROUGHLINE_KEY`. Secret. */
  readonly key: string
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
  /** How far the time of an upstream call may lie from now. Default 5 minutes. */
  readonly upstreamClockMillis?: number
}
export type DurableObjectsGatewayOptions = Common &
  (
    | {
        /** Where the Worker answers, `https://host[/path]`. */
        readonly url: string
        /** Where clients reach it, if elsewhere: `https://host[/path]`. */
        readonly clientUrl?: string
        readonly namespace?: never
      }
    | {
        /** `env.THROUGHLINE_GROUPS`, in a Worker that has the binding. */
        readonly namespace: ObjectNamespace
        /** Where clients reach the Worker, `https://host[/path]`. */
        readonly clientUrl: string
        readonly url?: never
      }
  )
type Query = Readonly<Record<string, string>>
type Post = (path: "publish" | "revoke", group: string, query: Query, init: RequestInit) => Promise<Response>

/** Must fit, with what is added, into the 16,384 bytes that an object keeps about a socket. */
const MAX_PRINCIPAL_BYTES = 12 * 1024

/** The gateway on Durable Objects. Throws a `TypeError` that names a wrong option. */
export const durableObjectsGateway = (options: DurableObjectsGatewayOptions): Layer.Layer<Gateway> => {
  const { namespace, timeoutMillis = 10_000 } = options
  const url = namespace === undefined ? checkUrl("url", options.url) : undefined
  const clientUrl = checkUrl("clientUrl", options.clientUrl ?? url ?? "")
  const secrets = deriveSecrets(NAME, options.key)
  const post = namespace === undefined ? overHttp(url!, secrets.rest) : byBinding(namespace)

  const call = (operation: "publish" | "revoke", group: string, query: Query, body = "") =>
    Effect.tryPromise({
      try: async (interrupted) => {
        const signal = AbortSignal.any([interrupted, AbortSignal.timeout(timeoutMillis)])
        const response = await post(operation, group, query, { method: "POST", body, signal })
        // read to its end, so that the connection can be used again
        await response.arrayBuffer()
        const reason = reasonOf(response, body)
        if (reason !== undefined) throw new GatewayError({ operation, reason })
      },
      catch: (cause) => (cause instanceof GatewayError ? cause : unavailable(operation, messageOf(cause)))
    })
  const service: GatewayService = {
    name: NAME,
    groupSecret: secrets.groups,
    capabilities,
    publish: (group, frame) => {
      const error = frameTooLarge(frame, capabilities.maxFrameBytes)
      return error === undefined ? call("publish", group, {}, frame) : Effect.fail(error)
    },
    grant: ({ groups, principal, ttlMillis }) => {
      if (Buffer.byteLength(JSON.stringify(principal)) > MAX_PRINCIPAL_BYTES) {
        const remedy = `let \`authenticate\` keep less in \`claims\`: a principal has at most ${MAX_PRINCIPAL_BYTES} bytes here`
        return Effect.fail(
          new GatewayError({ operation: "grant", reason: new GatewayRefused({ status: 431, remedy }) })
        )
      }
      const expiresAt = Date.now() + Math.min(ttlMillis, MAX_TICKET_MILLIS)
      return Effect.tryPromise({
        try: async () => ({
          url: `${clientUrl.replace(/^http/, "ws")}/connect`,
          token: await sealTicket(secrets, { principal, groups }, expiresAt),
          expiresAt
        }),
        catch: () => unavailable("grant", "the token could not be made")
      })
    },
    upstream: signedUpstream(secrets, options.upstreamClockMillis),
    revoke: ({ id, tenant = "main" }, group) => call("revoke", group, { tenant, id: id.toWellFormed() })
  }
  return Layer.succeed(Gateway, service)
}

const overHttp =
  (url: string, bearer: string): Post =>
  (path, group, query, init) =>
    fetch(`${url}/${path}?${new URLSearchParams({ group, ...query })}`, {
      ...init,
      headers: { authorization: `Bearer ${bearer}`, "content-type": "text/plain" },
      // to be told, not followed; Workers know no "error"
      redirect: "manual"
    })
const byBinding =
  (namespace: ObjectNamespace): Post =>
  (path, group, query, init) =>
    callObject(namespace, group, `/${path}?${new URLSearchParams(query)}`, init)

const reasonOf = ({ headers, status }: Response, body: string): GatewayError["reason"] | undefined => {
  if (status >= 200 && status < 300) return undefined
  if (status === 413)
    return new FrameTooLarge({ sizeBytes: Buffer.byteLength(body), limitBytes: capabilities.maxFrameBytes })
  // the object has too much to do, or Cloudflare's own limits
  if (status === 429)
    return new GatewayThrottled({ retryAfterMillis: (Number(headers.get("retry-after")) || 1) * 1000 })
  if (status === 401 || status === 403) {
    const remedy = "give durableObjectsGateway() as `key` what the Worker has as THROUGHLINE_KEY"
    return new GatewayRefused({ status, remedy })
  }
  if (status < 500)
    return new GatewayRefused({
      status,
      remedy: "check that durableObjectsGateway()'s `url` is where the Worker answers"
    })
  return new GatewayUnavailable({ cause: new Error(`the Worker answered ${status}`) })
}
