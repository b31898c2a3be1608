/**
 * An object's calls to the backend, signed as `src/gateway/signedCall.ts` verifies them. Its `callBackend` does not run
 * here: Workers refuse `redirect: "error"`, and a binding has a `fetch` of its own.
 */
import type { GatewaySecrets } from "../../../src/gateway/secrets.ts"
import { signCall } from "../../../src/gateway/signedCall.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import type { Backend } from "./settings.ts"

const CALL_TIMEOUT_MILLIS = 10_000

/** Resolves with what the backend replied, `null` for nothing. Rejects unless it answered 200 with JSON, or 204. */
export const askBackend = async (
  secrets: readonly GatewaySecrets[],
  backend: Backend,
  event: UpstreamEvent
): Promise<unknown> => {
  const body = JSON.stringify(event)
  const time = new Date().toISOString()
  // not AbortSignal.timeout: it would keep the object awake for all of its time
  const aborter = new AbortController()
  const timer = setTimeout(() => aborter.abort(new Error("the backend did not answer in time")), CALL_TIMEOUT_MILLIS)
  try {
    const response = await backend.fetch(backend.url, {
      method: "POST",
      redirect: "manual",
      signal: aborter.signal,
      headers: {
        "content-type": "application/json",
        "throughline-time": time,
        "throughline-signature": secrets.map((each) => signCall(each, time, body)).join(",")
      },
      body
    })
    if (response.status === 204) return null
    if (response.status === 200) return await response.json()
    await response.body?.cancel()
    throw new Error(`the backend answered ${response.status}`)
  } finally {
    clearTimeout(timer)
  }
}
