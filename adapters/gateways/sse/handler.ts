/**
 * The gateway as a fetch handler: `Request` in, `Response` out, so it runs wherever those do, as one process.
 *
 * `GET /events` streams to a client with a token; with `?poll` it answers as soon as there is something, or after a
 * while, and ends: for networks that hold streams back. `POST /ping?name=` asks for a sign of life. The backend calls
 * `POST /publish?group=` (the body is the frame) and `POST /revoke?group=&tenant=&id=` with its bearer token.
 */
import { deriveSecrets, openTicket, sameText, type Ticket } from "../../../src/gateway/secrets.ts"
import { readBody } from "../../../src/gateway/signedCall.ts"
import { capabilities } from "./capabilities.ts"
import { makeHub, type Hub, type Sink } from "./hub.ts"

export interface SseHandlerOptions {
  /** At least 32 characters, shared with the backend. Secret. */
  readonly key: string
  /** A key to change to, or from: backends may have either. At least 32 characters. Secret. */
  readonly otherKey?: string | undefined
  /** Origins whose pages may connect; absent: any, since no cookie authenticates anyone here. */
  readonly allowedOrigins?: readonly string[]
  /** Unsent bytes above which a client is cut. Default 8 MiB. */
  readonly maxBufferedBytes?: number
  /** How often a silent stream says that it lives. Default 10 s. */
  readonly beatMillis?: number
  /** How long a poll waits for something. Default 20 s. */
  readonly pollMillis?: number
}
export interface SseHandler extends Pick<Hub, "cut" | "close"> {
  readonly fetch: (request: Request) => Promise<Response>
  readonly connections: () => number
}
/** What comes within this time after the first goes out with the same poll. */
const TOGETHER_MILLIS = 10
const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  // nginx and what is built on it hold back nothing then
  "x-accel-buffering": "no"
}

/** Throws a `TypeError` for a short key. */
export const sseHandler = (options: SseHandlerOptions): SseHandler => {
  const { allowedOrigins, beatMillis = 10_000, maxBufferedBytes = 8 * 1024 * 1024, pollMillis = 20_000 } = options
  const secrets = [deriveSecrets("sse", options.key)]
  if (options.otherKey !== undefined) secrets.push(deriveSecrets("sse", options.otherKey, "otherKey"))
  const hub = makeHub({ beatMillis })

  const stream = (ticket: Ticket, lastId: string): ReadableStream<Uint8Array> => {
    let leave = () => {}
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          let over = false
          const sink: Sink = {
            write: (bytes) => {
              if (over) return
              if (controller.desiredSize! <= 0) return sink.cut()
              controller.enqueue(bytes)
            },
            cut: () => {
              over = true
              leave()
              controller.error(new Error("cut"))
            }
          }
          leave = hub.attach(ticket, sink, lastId)
          if (over) leave()
        },
        cancel: () => leave()
      },
      new ByteLengthQueuingStrategy({ highWaterMark: maxBufferedBytes })
    )
  }
  const poll = (ticket: Ticket, lastId: string): ReadableStream<Uint8Array> => {
    let leave = () => {}
    let timer: ReturnType<typeof setTimeout> | undefined
    const over = () => {
      clearTimeout(timer)
      leave()
    }
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        const endIn = (millis: number) => {
          clearTimeout(timer)
          timer = setTimeout(() => {
            over()
            controller.close()
          }, millis)
        }
        let heard = -1
        const sink: Sink = {
          write: (bytes) => {
            controller.enqueue(bytes)
            // `open` alone is nothing; whoever comes for the first time waits for nothing else
            if (++heard > 0) endIn(TOGETHER_MILLIS)
          },
          cut: () => {
            over()
            controller.error(new Error("cut"))
          }
        }
        endIn(lastId === "" ? TOGETHER_MILLIS : pollMillis)
        leave = hub.attach(ticket, sink, lastId)
      },
      cancel: over
    })
  }
  const listen = async (request: Request, url: URL): Promise<Response> => {
    const ticket = await openTicket(secrets, bearerOf(request))
    if (ticket === undefined) return text(401, "the token is missing, expired or not of this gateway's key")
    const lastId = request.headers.get("last-event-id") ?? ""
    const body = url.searchParams.has("poll") ? poll(ticket, lastId) : stream(ticket, lastId)
    return new Response(body, { headers: STREAM_HEADERS })
  }
  const fromBackend = async (request: Request, { pathname, searchParams }: URL): Promise<Response> => {
    const given = bearerOf(request)
    if (!secrets.some(({ rest }) => sameText(given, rest)))
      return text(401, "the bearer token does not fit this gateway's key")
    const group = searchParams.get("group")
    if (!group) return text(400, "group is missing")
    if (pathname === "/revoke") {
      hub.revoke(searchParams.get("tenant") ?? "main", searchParams.get("id") ?? "", group)
      return new Response(null, { status: 204 })
    }
    const frame = await readBody(request, capabilities.maxFrameBytes)
    if (frame === undefined) return text(413, `a frame has at most ${capabilities.maxFrameBytes} bytes`)
    hub.publish(group, frame)
    return new Response(null, { status: 202 })
  }
  const route = (request: Request): Response | Promise<Response> => {
    const url = new URL(request.url)
    const { pathname } = url
    const method = pathname === "/events" || pathname === "/health" ? "GET" : "POST"
    if (!["/events", "/health", "/ping", "/publish", "/revoke"].includes(pathname)) return text(404, "unknown path")
    if (request.method === "OPTIONS") return new Response(null, { status: 204 })
    if (request.method !== method) return text(405, `only ${method}`, { allow: method })
    if (pathname === "/health") return text(200, "ok")
    if (pathname === "/events") return listen(request, url)
    if (pathname !== "/ping") return fromBackend(request, url)
    hub.ping(url.searchParams.get("name") ?? "")
    return new Response(null, { status: 204 })
  }
  return {
    connections: hub.count,
    cut: hub.cut,
    close: hub.close,
    fetch: async (request) => {
      const origin = request.headers.get("origin")
      const isAllowed = origin === null || allowedOrigins === undefined || allowedOrigins.includes(origin)
      if (!isAllowed) return text(403, "pages of this origin may not connect")
      const response = await route(request)
      if (origin !== null) {
        response.headers.set("access-control-allow-origin", origin)
        response.headers.set("access-control-allow-headers", "authorization, last-event-id")
        response.headers.set("access-control-max-age", "7200")
        response.headers.append("vary", "origin")
      }
      return response
    }
  }
}

const text = (status: number, body: string, headers: Record<string, string> = {}) =>
  new Response(body, { status, headers: { "content-type": "text/plain", ...headers } })
const bearerOf = (request: Request) => /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? ""
