/**
 * The hot path: one frame to one group, for sockets and for streams at once, through the vendor's `Publisher`. Nothing is
 * retried; what is lost, clients fetch from the log.
 *
 * Items carry no ids. With `id` and `prev-id` Pushpin would put frames in order, but a publisher without state does not
 * know the previous one, and Pushpin holds back for seconds what names a wrong one. Clients order by `offset`.
 */
import * as Effect from "effect/Effect"
import { frameTooLarge, messageOf } from "../../../src/gateway/errors.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import {
  FrameTooLarge,
  GatewayError,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable
} from "../../../src/ports/GatewayError.ts"
import { loadGrip } from "./grip.ts"
import type { Settings } from "./settings.ts"
import { encodeFrame } from "./wire.ts"

const encoder = new TextEncoder()

export const makePublish =
  ({ control, maxFrameBytes, timeoutMillis }: Settings): GatewayService["publish"] =>
  (group, frame) => {
    const error = frameTooLarge(frame, maxFrameBytes)
    if (error !== undefined) return Effect.fail(error)
    return Effect.tryPromise({
      try: async (interrupted) => {
        const { HttpStreamFormat, Publisher, WebSocketMessageFormat } = await loadGrip()
        const signal = AbortSignal.any([interrupted, AbortSignal.timeout(timeoutMillis)])
        // the package keeps of a failed `fetch` its message alone, which does not say why
        const send: typeof fetch = (url, init) =>
          fetch(url, { ...init, redirect: "error", signal }).catch((cause: unknown) => {
            throw new Error(messageOf(cause))
          })
        const publisher = new Publisher(control, { fetch: send })
        // as bytes, sent in base64: what quotes and escapes would double stays below 4/3
        const streamed = new HttpStreamFormat(encoder.encode(encodeFrame(frame)))
        await publisher.publishFormats(group, [new WebSocketMessageFormat(frame), streamed])
      },
      catch: (cause) =>
        new GatewayError({ operation: "publish", reason: reasonOf(cause as Partial<Failure>, frame, maxFrameBytes) })
    })
  }

/** The package's `PublishException`, which is no `Error`. The status is -1 where there was no answer. */
interface Failure {
  readonly context: { readonly statusCode: number; readonly headers?: Headers; readonly httpBody?: unknown }
}

const reasonOf = (cause: Partial<Failure>, frame: string, limitBytes: number): GatewayError["reason"] => {
  const { headers, httpBody, statusCode: status = -1 } = cause.context ?? {}
  if (status < 300) return new GatewayUnavailable({ cause: new Error(messageOf(cause)) })
  // `push_in_http_max_body_size` is below what `maxFrameBytes` needs
  if (status === 413 || (status === 400 && /too large/i.test(String(httpBody))))
    return new FrameTooLarge({ sizeBytes: Buffer.byteLength(frame), limitBytes })
  // a proxy in front, or Fastly, may throttle; Pushpin itself does not
  if (status === 429)
    return new GatewayThrottled({ retryAfterMillis: (Number(headers?.get("retry-after")) || 1) * 1000 })
  if (status === 401 || status === 403) {
    const remedy = "give pushpinGateway() the `controlKey` (and `controlIss`) that `controlUri` asks for"
    return new GatewayRefused({ status, remedy })
  }
  if (status < 500)
    return new GatewayRefused({
      status,
      remedy: "check that pushpinGateway()'s `controlUri` is a GRIP control address"
    })
  return new GatewayUnavailable({ cause: new Error(`the control address answered ${status}`) })
}
