/**
 * Requests to the backend: credentials, time limits, the one error shape, and retries that keep the same body.
 *
 * Never rejects: what went wrong is a fault. Every request that is repeated carries its own id, so a repeat
 * gets the first one's answer. PROTOCOL.md#requests
 */
import type { Failed } from "../protocol/Exchange.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { Environment } from "./environment.ts"

export type Fetch = (url: string, init: RequestInit) => Promise<Response>
export type Token = () => Promise<string> | string

export type Answer = { readonly ok: true; readonly body: object } | Failed
/**
 * `path` is what follows `/threads/:thread/`. With a `body` it is a POST. `attempts`: how often it is sent at
 * most; 1 for callers that repeat it in their own time, default 4.
 */
export type Request = (thread: string, path: string, body?: object, attempts?: number) => Promise<Answer>

/** For one attempt. */
const TIMEOUT_MILLIS = 10_000
/** Who is told to wait longer gives the answer to the caller instead. */
const MAX_WAIT_MILLIS = 20_000

/** As `fault` of the protocol, without its catalogue, which a browser does not need. */
export const failure = (code: string, message: string, retryable = false): Failed => ({
  ok: false,
  error: { code, message, retryable }
})
/** The answer is not what the route promises. */
export const badAnswer = (expected: string): Failed => failure("BAD_SHAPE", `the answer is not ${expected}`)

/**
 * - `endpoint`: where the backend is mounted, such as `/api`
 * - `token`: asked before every request, and once more after a 401
 */
export const createRequest = (options: {
  readonly endpoint: string
  readonly token?: Token | undefined
  readonly fetch: Fetch
  readonly environment: Environment
}): Request => {
  const { environment, fetch, token } = options
  const threads = `${options.endpoint.replace(/\/+$/, "")}/threads/`

  const unanswered = (error: unknown) => failure("OUTCOME_UNKNOWN", `no answer: ${String(error)}`, true)

  return async (thread, path, body, attempts = 4) => {
    let text: string | undefined
    try {
      text = body && JSON.stringify(body)
    } catch (error) {
      return failure("BAD_SHAPE", String(error))
    }
    let renewed = !token
    for (let sent = 1; ; sent++) {
      const abort = new AbortController()
      let status = 0
      const send = async (): Promise<Answer> => {
        const headers: Record<string, string> = text ? { "content-type": "application/json" } : {}
        if (token) headers["authorization"] = `Bearer ${await token()}`
        const response = await fetch(`${threads}${encodeURIComponent(thread)}/${path}`, {
          headers,
          signal: abort.signal,
          ...(text && { method: "POST", body: text })
        })
        status = response.status
        // A proxy's page is no JSON and told by its status.
        const answer = (await response.json().catch(() => undefined)) as { ok?: unknown; error?: Fault } | undefined
        if (response.ok && answer && answer.ok !== false) return { ok: true, body: answer }
        const retryable = status >= 500 || status === 429 || status === 408
        const { error } =
          typeof answer?.error?.code === "string"
            ? (answer as Failed)
            : failure(
                status === 401 ? "UNAUTHENTICATED" : retryable ? "OUTCOME_UNKNOWN" : "NOT_FOUND",
                `HTTP ${status} is not from the backend`,
                retryable
              )
        const retryAfterMillis = Number(response.headers.get("retry-after")) * 1_000
        return { ok: false, error: retryAfterMillis > 0 ? { retryAfterMillis, ...error } : error }
      }
      let timer: unknown
      // A fetch or a token that never settles must not hold the client.
      const answer = await new Promise<Answer>((resolve) => {
        timer = environment.setTimeout(() => {
          resolve(unanswered("timeout"))
          abort.abort()
        }, TIMEOUT_MILLIS)
        void send().catch(unanswered).then(resolve)
      })
      environment.clearTimeout(timer)
      if (answer.ok) return answer
      const { retryAfterMillis = 0, retryable } = answer.error
      if (status === 401 && !renewed) {
        // The token may have expired on the way.
        renewed = true
        continue
      }
      // A conflict is the caller's to decide about, also where it may pass.
      if (!retryable || status === 409 || sent >= attempts || retryAfterMillis > MAX_WAIT_MILLIS) return answer
      const wait = retryAfterMillis + environment.random() * Math.min(4_000, 200 * 2 ** sent)
      await new Promise<void>((resolve) => environment.setTimeout(resolve, wait))
    }
  }
}
