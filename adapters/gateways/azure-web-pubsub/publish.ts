/**
 * The hot path: one frame to one group, as a POST over kept-alive sockets with a kept token.
 *
 * The vendor's SDK signs anew and walks its pipeline at every call, many times the cost of the request itself.
 * Frames go out as `text/plain`, so that they reach clients byte for byte. Nothing is retried here but a stale socket
 * and a token that was refused once; what is lost, clients fetch from the log.
 */
import * as Effect from "effect/Effect"
import type { GatewayService, GroupName } from "../../../src/ports/Gateway.ts"
import {
  FrameTooLarge,
  GatewayError,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable
} from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import { makeRestPost, type Answer } from "./restPost.ts"
import type { RestTokens } from "./restToken.ts"
import type { Settings } from "./settings.ts"

const API_VERSION = "2024-12-01"
const DEFAULT_RETRY_AFTER_MILLIS = 1_000

type Reason = GatewayError["reason"]
const failed = (reason: Reason) => Effect.fail(new GatewayError({ operation: "publish", reason }))

/** Bytes of a frame that is too large; counted exactly only when the length alone does not tell. */
const sizeIfTooLarge = (frame: string): number | undefined => {
  const limit = capabilities.maxFrameBytes
  if (frame.length * 3 <= limit) return undefined
  const size = Buffer.byteLength(frame)
  return size > limit ? size : undefined
}

/** `Retry-After` as seconds or as a date. */
export const retryAfterMillis = (header: string | undefined, now: number): number => {
  if (header === undefined) return DEFAULT_RETRY_AFTER_MILLIS
  const millis = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(millis) ? Math.max(0, millis) : DEFAULT_RETRY_AFTER_MILLIS
}

/** What to change when the service says no. Names settings, never values of secrets. */
export const remedy = (settings: Settings, status: number): string =>
  status !== 401 && status !== 403
    ? `check that endpoint and hub "${settings.hub}" are those of your Web PubSub resource`
    : settings.access.type === "key"
      ? "check AccessKey in connectionString (was it regenerated?) and this machine's clock"
      : 'give the credential\'s identity the role "Web PubSub Service Owner" on the resource'

export const makePublish = (settings: Settings, tokens: RestTokens) => {
  const rest = makeRestPost(new URL(settings.endpoint), settings)
  const hubPath = `/api/hubs/${encodeURIComponent(settings.hub)}/groups/`

  const publish: GatewayService["publish"] = (group: GroupName, frame: string) => {
    const size = sizeIfTooLarge(frame)
    if (size !== undefined)
      return failed(new FrameTooLarge({ sizeBytes: size, limitBytes: capabilities.maxFrameBytes }))
    const path = `${hubPath}${encodeURIComponent(group)}/:send?api-version=${API_VERSION}`
    const url = settings.endpoint + path

    return Effect.callback<void, GatewayError>((resume) => {
      let cancel = () => {}
      let interrupted = false
      const unavailable = (cause: unknown) => resume(failed(new GatewayUnavailable({ cause: withoutRequest(cause) })))

      const send = (authorization: string, mayResign: boolean): void => {
        if (interrupted) return
        cancel = rest.send(path, `authorization: ${authorization}\r\ncontent-type: text/plain\r\n`, frame, (answer) => {
          if (answer instanceof Error) unavailable(answer)
          else if (answer.status < 300) resume(Effect.void)
          else if (answer.status === 401 && mayResign) resign(false)
          else resume(failed(reasonOf(settings, answer, frame)))
        })
      }
      const resign = (mayResign: boolean) => void tokens.make(url).then((fresh) => send(fresh, mayResign), unavailable)

      const authorization = tokens.peek(url)
      if (authorization !== undefined) send(authorization, true)
      else resign(true)
      return Effect.sync(() => {
        interrupted = true
        cancel()
      })
    })
  }
  return { publish, close: rest.close }
}

const reasonOf = (settings: Settings, { status, retryAfter }: Answer, frame: string): Reason => {
  if (status === 429) return new GatewayThrottled({ retryAfterMillis: retryAfterMillis(retryAfter, Date.now()) })
  if (status === 413)
    return new FrameTooLarge({ sizeBytes: Buffer.byteLength(frame), limitBytes: capabilities.maxFrameBytes })
  if (status < 500 && status !== 408) return new GatewayRefused({ status, remedy: remedy(settings, status) })
  return new GatewayUnavailable({ cause: new Error(`the service answered ${status}`) })
}

/** Socket and SDK errors drag requests and their headers along; only the sentence may leave. */
export const withoutRequest = (cause: unknown): Error =>
  new Error(cause instanceof Error ? cause.message.replace(/\s+/g, " ").slice(0, 200) : "the request failed")
