/**
 * One HTTP call to an event handler: plain `node:http(s)` with kept-alive sockets, no retries and no redirects.
 */
import * as http from "node:http"
import * as https from "node:https"
import type { Faults } from "./faults.ts"

const TIMEOUT_MILLIS = 30_000
const MAX_ANSWER_BYTES = 1024 * 1024

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  /** The `WebHook-Request-Origin` that was sent. */
  readonly origin: string
}

/** One HTTP call to a handler; fails when no whole answer came. */
export type CallUpstream = (
  method: "POST" | "OPTIONS",
  url: string,
  headers: http.OutgoingHttpHeaders,
  body: Buffer | string | undefined,
  signal?: AbortSignal
) => Promise<Answer>

/** Kept-alive calls that present themselves as `origin()`; `close` drops the sockets. */
export const makeUpstream = (faults: Faults, origin: () => string): { call: CallUpstream; close: () => void } => {
  const agents = {
    "http:": new http.Agent({ keepAlive: true }),
    "https:": new https.Agent({ keepAlive: true })
  }
  const call: CallUpstream = async (method, url, headers, body, signal) => {
    if (faults.upstreamDelayMillis > 0) await new Promise((resolve) => setTimeout(resolve, faults.upstreamDelayMillis))
    const target = new URL(url)
    const secure = target.protocol === "https:"
    return new Promise<Answer>((resolve, reject) => {
      const request = (secure ? https : http).request(
        target,
        {
          method,
          agent: secure ? agents["https:"] : agents["http:"],
          headers: { "WebHook-Request-Origin": origin(), "ce-awpsversion": "1.0", ...headers },
          ...(signal === undefined ? {} : { signal }),
          timeout: TIMEOUT_MILLIS
        },
        (response) => {
          const chunks: Buffer[] = []
          let size = 0
          response.on("data", (chunk: Buffer) => {
            size += chunk.length
            if (size > MAX_ANSWER_BYTES) request.destroy(new Error("the event handler's answer is larger than 1 MB"))
            else chunks.push(chunk)
          })
          response.on("error", reject)
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks),
              origin: origin()
            })
          )
        }
      )
      request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MILLIS} ms`)))
      request.on("error", reject)
      request.end(body)
    })
  }
  return {
    call,
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy()
    }
  }
}
