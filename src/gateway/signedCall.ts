/**
 * Calls of a gateway process of our own to the backend, and their proof: each is signed over its time and body, so nothing
 * in it can be swapped; within the allowed time it can be repeated, which an interrupt's id makes harmless.
 *
 * `callBackend` is the gateway's side, `signedUpstream` the backend's.
 */
import { createHmac } from "node:crypto"
import * as Effect from "effect/Effect"
import type { GatewayService, UpstreamEvent } from "../ports/Gateway.ts"
import { UpstreamRejected } from "../ports/GatewayError.ts"
import { MAX_REQUEST_BYTES } from "../protocol/Limits.ts"
import { sameText, type GatewaySecrets } from "./secrets.ts"

/** The request a client may send, and the gateway's envelope with the principal around it. */
const MAX_BODY_BYTES = MAX_REQUEST_BYTES + 16 * 1024
/** The gateway sends one for each of its keys, with commas between them. */
const MAX_SIGNATURES = 2
const CALL_TIMEOUT_MILLIS = 10_000

export const signCall = (secrets: GatewaySecrets, time: string, body: string): string =>
  createHmac("sha256", secrets.upstream).update(`${time}.${body}`).digest("base64url")

/**
 * Resolves with what the backend replied, `null` for nothing. Rejects unless it answered 200 with JSON, or 204, in time.
 * `fetch`: where the backend is not reached over the network, or a runtime's binding is.
 */
export const callBackend = async (
  secrets: readonly GatewaySecrets[],
  url: string,
  event: UpstreamEvent,
  fetch: (request: Request) => Promise<Response> = globalThis.fetch
): Promise<unknown> => {
  const body = JSON.stringify(event)
  const time = new Date().toISOString()
  // not AbortSignal.timeout: it would keep a Durable Object awake for all of its time
  const aborter = new AbortController()
  const timer = setTimeout(() => aborter.abort(new Error("the backend did not answer in time")), CALL_TIMEOUT_MILLIS)
  try {
    const response = await fetch(
      new Request(url, {
        method: "POST",
        // an answer like any other that is not 200; workerd knows no "error"
        redirect: "manual",
        signal: aborter.signal,
        headers: {
          "content-type": "application/json",
          "throughline-time": time,
          "throughline-signature": secrets.map((each) => signCall(each, time, body)).join(",")
        },
        body
      })
    )
    if (response.status === 204) return null
    if (response.status === 200) return await response.json()
    await response.body?.cancel()
    throw new Error(`the backend answered ${response.status}`)
  } finally {
    clearTimeout(timer)
  }
}

const reject = (status: number, code: UpstreamRejected["code"], problem: string) =>
  new UpstreamRejected({ status, code, problem })

/** Verifies and decodes what `callBackend` sent; its time may lie `clockMillis` from now, by default 5 minutes. */
export const signedUpstream = (
  secrets: GatewaySecrets,
  clockMillis = 5 * 60_000
): NonNullable<GatewayService["upstream"]> =>
  Effect.fnUntraced(function* (request, handle) {
    const event = yield* Effect.tryPromise({
      try: () => verify(secrets, clockMillis, request),
      catch: (cause) =>
        cause instanceof UpstreamRejected ? cause : reject(400, "BAD_SHAPE", "the body could not be read")
    })
    const reply = yield* handle(event)
    return reply === undefined ? new Response(null, { status: 204 }) : Response.json(reply)
  })

const verify = async (secrets: GatewaySecrets, clockMillis: number, request: Request): Promise<UpstreamEvent> => {
  if (request.method !== "POST") throw reject(405, "BAD_SHAPE", "events come as POST")
  const time = request.headers.get("throughline-time") ?? ""
  const signature = request.headers.get("throughline-signature")
  if (signature === null) throw reject(401, "WEBHOOK_BAD_SIGNATURE", "throughline-signature is missing")
  const body = await readBody(request, MAX_BODY_BYTES)
  if (body === undefined) throw reject(413, "TOO_LARGE", `the body is larger than ${MAX_BODY_BYTES} bytes`)
  const signatures = signature.split(",", MAX_SIGNATURES + 1)
  const expected = signCall(secrets, time, body)
  if (signatures.length > MAX_SIGNATURES || !signatures.some((one) => sameText(one.trim(), expected))) {
    throw reject(401, "WEBHOOK_BAD_SIGNATURE", "throughline-signature does not fit time, body and our key")
  }
  if (!(Math.abs(Date.now() - Date.parse(time)) <= clockMillis)) {
    throw reject(401, "WEBHOOK_REPLAYED", `throughline-time is more than ${clockMillis} ms from now`)
  }
  // signed by our own gateway process, so its shape is ours
  return JSON.parse(body) as UpstreamEvent
}

/** The whole body, or `undefined` when it is larger than `maxBytes`, whatever Content-Length claims. */
export const readBody = async (request: Request, maxBytes: number): Promise<string | undefined> => {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return undefined
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (request.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
