/**
 * Calls to event handlers: CloudEvents over HTTP in binary mode, signed, with the connection's state going round.
 *
 * Plain `node:http(s)` with kept-alive sockets, no retries and no redirects: what the handler answered is the answer.
 */
import * as http from "node:http"
import * as https from "node:https"
import { randomUUID } from "node:crypto"
import type { Connection } from "./connection.ts"
import type { Faults } from "./faults.ts"
import type { Hub } from "./hub.ts"
import type { Keys } from "./tokens.ts"

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
      const request = (secure ? https : http).request(target, {
        method,
        agent: secure ? agents["https:"] : agents["http:"],
        headers: { "WebHook-Request-Origin": origin(), "ce-awpsversion": "1.0", ...headers },
        ...(signal === undefined ? {} : { signal }),
        timeout: TIMEOUT_MILLIS
      }, (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on("data", (chunk: Buffer) => {
          size += chunk.length
          if (size > MAX_ANSWER_BYTES) request.destroy(new Error("the event handler's answer is larger than 1 MB"))
          else chunks.push(chunk)
        })
        response.on("error", reject)
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), origin: origin() })
        )
      })
      request.on("timeout", () => request.destroy(new Error(`no answer within ${TIMEOUT_MILLIS} ms`)))
      request.on("error", reject)
      request.end(body)
    })
  }
  return { call, close: () => { for (const agent of Object.values(agents)) agent.destroy() } }
}

/** Header values are printable ASCII: the rest is percent-encoded, as the CloudEvents HTTP binding has it. */
const headerText = (value: string): string =>
  value.replace(/[^\x20-\x7e]+/gu, (part) => encodeURIComponent(part.toWellFormed()))

/** What is known of a connection before and after it exists. */
export type Subject = Pick<Connection, "id" | "userId" | "subprotocol" | "connectionState">

export interface CloudEvent {
  readonly kind: "sys" | "user"
  readonly name: string
  readonly contentType: string
  readonly body: Buffer | string
}

/**
 * Sends one event to the hub's handler for it.
 *
 * - Answers: `none` when no handler is registered; `blocked` when it has not passed the handshake; its answer otherwise
 * - Fails: when the handler could not be reached or did not answer in 30 s
 */
export const sendCloudEvent = async (
  hub: Hub,
  subject: Subject,
  event: CloudEvent,
  keys: Keys,
  call: CallUpstream,
  signal?: AbortSignal
): Promise<Answer | "none" | "blocked"> => {
  const url = await hub.handlers.find(event.kind, event.name)
  if (url === undefined) return "none"
  if (url === "blocked") return "blocked"
  return call("POST", url, {
    "Content-Type": event.contentType,
    "Content-Length": Buffer.byteLength(event.body),
    "ce-specversion": "1.0",
    "ce-type": `azure.webpubsub.${event.kind}.${headerText(event.name)}`,
    "ce-source": `/hubs/${hub.name}/client/${subject.id}`,
    "ce-id": randomUUID(),
    "ce-time": new Date().toISOString(),
    "ce-signature": keys.signConnection(subject.id),
    "ce-connectionId": subject.id,
    "ce-hub": hub.name,
    "ce-eventName": headerText(event.name),
    ...(subject.userId === undefined ? {} : { "ce-userId": headerText(subject.userId) }),
    ...(subject.subprotocol === undefined ? {} : { "ce-subprotocol": subject.subprotocol }),
    ...(subject.connectionState === undefined ? {} : { "ce-connectionState": subject.connectionState })
  }, event.body, signal)
}
