/** An HTTP proxy in front of Azurite that does to requests what services and networks do. */
import { once } from "node:events"
import { createServer, request } from "node:http"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export type Fault =
  | "pass"
  /** The connection breaks before the service has the request, or after it answered. */
  | "lose-request"
  | "lose-answer"
  /** No answer ever; the service has the request, or has it not. */
  | "hang"
  | "hang-after"
  /** The service gets the request when `release` says so, and its answer goes nowhere. */
  | "late"
  /** It waits for `release`, and then goes its way. */
  | "held"
  /** 503 with `Retry-After` in seconds, as Azure Storage says it is busy; 429 with a date; 500. */
  | "throttle"
  | "too-many"
  | "break"
  | "too-large"

export interface Proxy {
  readonly url: string
  /** What happens to the next requests: the first of the list each. */
  readonly faults: Fault[]
  readonly seen: { requests: number; bodyBytes: number; authorizations: Set<string> }
  /** Resolves when a request waits. */
  readonly untilHeld: () => Promise<void>
  /** Lets what waits go on; resolves when the service has answered all of it. */
  readonly release: () => Promise<void>
  readonly close: () => Promise<void>
}

const THROTTLED = '<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code></Error>'
const answerOf = (fault: Fault): ((outgoing: ServerResponse) => void) | undefined => {
  const xml = { "content-type": "application/xml", "x-ms-error-code": "ServerBusy" }
  switch (fault) {
    case "throttle":
      return (outgoing) => outgoing.writeHead(503, { ...xml, "retry-after": "1" }).end(THROTTLED)
    case "too-many":
      return (outgoing) =>
        outgoing.writeHead(429, { ...xml, "retry-after": new Date(Date.now() + 60_000).toUTCString() }).end(THROTTLED)
    case "too-large":
      return (outgoing) => outgoing.writeHead(413).end()
    case "break":
      return (outgoing) => outgoing.writeHead(500).end()
    default:
      return undefined
  }
}

export const startProxy = async (target: string): Promise<Proxy> => {
  const faults: Fault[] = []
  const seen: Proxy["seen"] = { requests: 0, bodyBytes: 0, authorizations: new Set() }
  const held: (() => Promise<void>)[] = []
  const waiting: (() => void)[] = []
  const hold = (send: () => Promise<void>): void => {
    held.push(send)
    for (const tell of waiting.splice(0)) tell()
  }
  const server = createServer(async (incoming, outgoing) => {
    const fault = faults.shift() ?? "pass"
    seen.requests += 1
    seen.authorizations.add(String(incoming.headers.authorization).split(" ")[0] ?? "")
    incoming.on("error", () => {})
    if (fault === "hang") return
    if (fault === "lose-request") return void incoming.socket.destroy()
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    seen.bodyBytes = body.length
    const answer = answerOf(fault)
    if (answer !== undefined) return answer(outgoing)
    const forward = async (): Promise<IncomingMessage> => {
      const onward = request(`${target}${incoming.url ?? ""}`, {
        method: incoming.method ?? "GET",
        headers: incoming.headers
      })
      onward.end(body)
      const [answered] = (await once(onward, "response")) as [IncomingMessage]
      return answered
    }
    const forwardOnly = async () => void (await once((await forward()).resume(), "end"))
    if (fault === "late") return hold(forwardOnly)
    if (fault === "hang-after") return forwardOnly()
    if (fault === "lose-answer") {
      await forwardOnly()
      return void incoming.socket.destroy()
    }
    const passOn = async () => {
      const answered = await forward()
      outgoing.writeHead(answered.statusCode ?? 500, answered.headers)
      answered.pipe(outgoing)
    }
    return fault === "held" ? hold(passOn) : passOn()
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  let closing: Promise<unknown> | undefined
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    seen,
    untilHeld: async () => {
      if (held.length === 0) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    release: async () => {
      for (const send of held.splice(0)) await send()
    },
    close: async () => {
      if (closing === undefined) {
        closing = once(server.close(), "close")
        server.closeAllConnections()
      }
      await closing
    }
  }
}
