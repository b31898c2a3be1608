/**
 * Pusher's HTTP API over the vendor's `pusher`, loaded at the first use: one event to one channel, and what came of it.
 * Nothing is retried.
 */
import * as http from "node:http"
import * as https from "node:https"
import * as Effect from "effect/Effect"
import type Pusher from "pusher"
import { unavailable } from "../../../src/gateway/errors.ts"
import { FrameTooLarge, GatewayError, GatewayRefused, GatewayThrottled } from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import type { Settings } from "./settings.ts"

export interface Rest {
  readonly vendor: Effect.Effect<Pusher, GatewayError>
  readonly trigger: (channel: string, event: string, data: string) => Effect.Effect<void, GatewayError>
  readonly close: () => void
}
/** Shorter than servers keep idle sockets, so that we close them first. */
const IDLE_SOCKET_MILLIS = 4_000
/** Pusher does not say when to come back. */
const THROTTLED_MILLIS = 1_000

const refused = (status: number, remedy: string) =>
  new GatewayError({ operation: "publish", reason: new GatewayRefused({ status, remedy }) })

export const makeRest = (settings: Settings): Rest => {
  const { restUrl, timeoutMillis } = settings
  const useTLS = restUrl.protocol === "https:"
  const agent = new (useTLS ? https : http).Agent({
    keepAlive: true,
    maxSockets: settings.maxSockets,
    timeout: IDLE_SOCKET_MILLIS
  })
  const load = async () => {
    const { default: Client } = await import("pusher")
    return new Client({
      appId: settings.appId,
      key: settings.key,
      secret: settings.secret,
      host: restUrl.hostname,
      ...(restUrl.port === "" ? {} : { port: restUrl.port }),
      useTLS,
      agent,
      timeout: timeoutMillis
    })
  }
  let loaded: ReturnType<typeof load> | undefined
  const vendor = Effect.tryPromise({
    try: () => (loaded ??= load()),
    catch: () => refused(0, "pusherGateway() needs the package `pusher`: npm install pusher@5")
  })
  const post = (pusher: Pusher, channel: string, event: string, data: string) =>
    Effect.tryPromise({
      try: async () => {
        const response = await pusher.trigger(channel, event, data)
        // read to its end, so that the socket can be used again
        const answer: unknown = await response.json().catch(() => undefined)
        if (typeof answer !== "object" || answer === null) throw unavailable("publish", "the answer is not Pusher's")
        // soketi refuses with status 200, and the right one in here
        const { code } = answer as { readonly code?: unknown }
        if (typeof code === "number" && code >= 400) throw toGatewayError({ status: code }, data)
      },
      catch: (cause) => (cause instanceof GatewayError ? cause : toGatewayError(cause, data))
    })

  return {
    vendor,
    trigger: (channel, event, data) =>
      vendor.pipe(
        Effect.flatMap((pusher) => post(pusher, channel, event, data)),
        Effect.timeoutOrElse({
          duration: timeoutMillis,
          orElse: () => Effect.fail(unavailable("publish", `no answer within ${timeoutMillis} ms`))
        })
      ),
    close: () => agent.destroy()
  }
}

/** The vendor's error holds the signed URL and the body; neither goes any further. */
const toGatewayError = (cause: unknown, data: string): GatewayError => {
  const { error, status } = cause as { readonly status?: number; readonly error?: { readonly code?: string } }
  if (status === undefined) return unavailable("publish", `no answer (${error?.code ?? "cut or timed out"})`)
  if (status === 413) {
    const sizes = { sizeBytes: Buffer.byteLength(data), limitBytes: capabilities.maxFrameBytes }
    return new GatewayError({ operation: "publish", reason: new FrameTooLarge(sizes) })
  }
  if (status === 429) {
    const reason = new GatewayThrottled({ retryAfterMillis: THROTTLED_MILLIS })
    return new GatewayError({ operation: "publish", reason })
  }
  if (status < 500 && status !== 408) return refused(status, REMEDIES[status] ?? REMEDY)
  return unavailable("publish", `Pusher answered ${status}`)
}
const REMEDY = "check that `cluster` or `restUrl` of pusherGateway() is that of the app"
const REMEDIES: Readonly<Record<number, string>> = {
  401: "give pusherGateway() the `key` and `secret` of the app, and set this machine's clock",
  403: "the app is switched off or over its quota: see the dashboard of the app in `appId`",
  404: "give pusherGateway() the `appId` of an app in that `cluster`"
}
