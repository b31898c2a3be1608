/**
 * Calls of the gateway process to the backend: verify, decode, hand on, answer. Each is signed over its time and body,
 * so nothing in it can be swapped; within the allowed time it can be repeated, which an interrupt's id makes harmless.
 */
import * as Effect from "effect/Effect"
import type { GatewayService, UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { UpstreamRejected } from "../../../src/ports/GatewayError.ts"
import { MAX_REQUEST_BYTES } from "../../../src/protocol/Limits.ts"
import { MAX_SIGNATURES, sameText, signUpstream, type WsSecrets } from "./token.ts"

/** The request a client may send, and the gateway's envelope with the principal around it. */
const MAX_BODY_BYTES = MAX_REQUEST_BYTES + 16 * 1024

const reject = (status: number, code: UpstreamRejected["code"], problem: string) =>
  new UpstreamRejected({ status, code, problem })

export const makeUpstream = (secrets: WsSecrets, clockMillis: number): NonNullable<GatewayService["upstream"]> =>
  Effect.fnUntraced(function* (request, handle) {
    const event = yield* Effect.tryPromise({
      try: () => verify(secrets, clockMillis, request),
      catch: (cause) =>
        cause instanceof UpstreamRejected ? cause : reject(400, "BAD_SHAPE", "the body could not be read")
    })
    const reply = yield* handle(event)
    return reply === undefined ? new Response(null, { status: 204 }) : Response.json(reply)
  })

const verify = async (secrets: WsSecrets, clockMillis: number, request: Request): Promise<UpstreamEvent> => {
  if (request.method !== "POST") throw reject(405, "BAD_SHAPE", "events come as POST")
  const time = request.headers.get("throughline-time") ?? ""
  const signature = request.headers.get("throughline-signature")
  if (signature === null) throw reject(401, "WEBHOOK_BAD_SIGNATURE", "throughline-signature is missing")
  const body = await readBody(request)
  const signatures = signature.split(",", MAX_SIGNATURES + 1)
  const expected = signUpstream(secrets, time, body)
  if (signatures.length > MAX_SIGNATURES || !signatures.some((one) => sameText(one.trim(), expected))) {
    throw reject(401, "WEBHOOK_BAD_SIGNATURE", "throughline-signature does not fit time, body and our key")
  }
  if (!(Math.abs(Date.now() - Date.parse(time)) <= clockMillis)) {
    throw reject(401, "WEBHOOK_REPLAYED", `throughline-time is more than ${clockMillis} ms from now`)
  }
  // Signed by our own gateway process, so its shape is ours.
  return JSON.parse(body) as UpstreamEvent
}

/** Reads at most `MAX_BODY_BYTES`, whatever Content-Length claims. */
const readBody = async (request: Request): Promise<string> => {
  const tooLarge = reject(413, "TOO_LARGE", `the body is larger than ${MAX_BODY_BYTES} bytes`)
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (request.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > MAX_BODY_BYTES) throw tooLarge
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
