/**
 * The server half for Socket.IO: options in, the `Gateway` service out. What holds the sockets is a node (`gateway.ts`), or
 * an application's own server that Throughline is attached to (`attach.ts`); both share one key.
 *
 * A frame is a POST to one node, which emits it to the room on all of them. Nothing is retried.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkUrl, frameTooLarge, messageOf, unavailable } from "../../../src/gateway/errors.ts"
import { deriveSecrets, MAX_TICKET_MILLIS, sealTicket } from "../../../src/gateway/secrets.ts"
import { signedUpstream } from "../../../src/gateway/signedCall.ts"
import { Gateway } from "../../../src/ports/Gateway.ts"
import {
  FrameTooLarge,
  GatewayError,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable
} from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import { makeSubscribe } from "./subscribe.ts"
import { ENGINE_PATH } from "./wire.ts"

export interface SocketIoGatewayServerOptions {
  /** HTTP API of one node: `http(s)://host[:port][/path]`. */
  readonly url: string
  /** The same key that the nodes were started with. Secret. */
  readonly key: string
  /** What clients connect to, where that differs: `https://host[:port]`. */
  readonly clientUrl?: string
  /** What workers that listen connect to, where that is not `url`'s host and port: `http://host[:port]`. */
  readonly workerUrl?: string
  /** Where Engine.IO listens. Default "/socket.io". */
  readonly path?: string
  /** How far the time of an upstream call may lie from now. Default 5 minutes. */
  readonly upstreamClockMillis?: number
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
}

/** The Socket.IO gateway. Throws a `TypeError` that names a wrong option. */
export const socketIoGateway = (options: SocketIoGatewayServerOptions): Layer.Layer<Gateway> => {
  const url = checkUrl("url", options.url)
  const { path = ENGINE_PATH, timeoutMillis = 10_000 } = options
  if (!/^\/[^?#]*$/.test(path)) throw new TypeError("path must be where Engine.IO listens, such as /socket.io")
  const clientUrl = checkOrigin("clientUrl", options.clientUrl ?? new URL(url).origin)
  const workerUrl = checkOrigin("workerUrl", options.workerUrl ?? new URL(url).origin)
  const secrets = deriveSecrets("socket.io", options.key)

  const post = (operation: "publish" | "revoke", to: string, body: string): Effect.Effect<void, GatewayError> =>
    Effect.tryPromise({
      try: async (interrupted) => {
        const response = await fetch(url + to, {
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
  return Layer.succeed(Gateway, {
    name: "socket.io",
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
          url: clientUrl + path,
          token: await sealTicket(secrets, { principal, groups }, expiresAt),
          expiresAt
        }),
        catch: () => unavailable("grant", "the token could not be made")
      })
    },
    upstream: signedUpstream(secrets, options.upstreamClockMillis),
    subscribe: makeSubscribe(workerUrl + path, () =>
      sealTicket(
        secrets,
        { principal: { id: "worker", tenant: "throughline-worker" }, groups: [], worker: true },
        Date.now() + MAX_TICKET_MILLIS
      )
    ),
    revoke: ({ id, tenant }, group) => post("revoke", "/revoke", JSON.stringify({ group, id, tenant }))
  })
}

const checkOrigin = (setting: string, url: string): string => {
  if (new URL(checkUrl(setting, url)).pathname === "/") return new URL(url).origin
  throw new TypeError(`${setting} must have no path; where Engine.IO listens is \`path\``)
}

const reasonOf = ({ headers, status }: Response, body: string): GatewayError["reason"] | undefined => {
  if (status < 300) return undefined
  if (status === 413)
    return new FrameTooLarge({ sizeBytes: Buffer.byteLength(body), limitBytes: capabilities.maxFrameBytes })
  // a proxy in front may throttle; a node does not
  if (status === 429)
    return new GatewayThrottled({ retryAfterMillis: (Number(headers.get("retry-after")) || 1) * 1000 })
  if (status === 401 || status === 403)
    return new GatewayRefused({ status, remedy: "give socketIoGateway() the same `key` that its nodes have" })
  if (status < 500)
    return new GatewayRefused({ status, remedy: "check that socketIoGateway()'s `url` is that of a node's HTTP API" })
  return new GatewayUnavailable({
    cause: new Error(status === 503 ? "the node cannot reach its Redis" : `the node answered ${status}`)
  })
}
