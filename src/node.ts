/**
 * Throughline on plain Node: an HTTP server for the backend's handler, and a worker for its queue.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import type { ReadableStream as NodeReadableStream } from "node:stream/web"
import type { BackendHandle } from "./server/createBackend.ts"

export interface Served {
  /** `http://host:port` */
  readonly url: string
  /** Takes no new connection, ends idle ones, and waits for requests that are being answered. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}
/**
 * Serves anything with a fetch-standard handler; a `BackendHandle` is one.
 *
 * - `port` 0: any free one. `host`: default 127.0.0.1; say "0.0.0.0" to be reached from elsewhere
 * - A request's URL is made from its Host header; put a proxy that checks it in front where that matters
 */
export const serve = (
  handler: { readonly fetch: (request: Request) => Promise<Response> },
  options: { readonly port: number; readonly host?: string }
): Promise<Served> => {
  const host = options.host ?? "127.0.0.1"
  const server = createServer((incoming, outgoing) => {
    respond(handler.fetch, incoming, outgoing).catch(() => {
      if (!outgoing.headersSent) outgoing.writeHead(500)
      outgoing.end()
    })
  })
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port, host, () => {
      const { port } = server.address() as AddressInfo
      const close = () =>
        new Promise<void>((closed) => {
          server.close(() => closed())
          server.closeIdleConnections()
        })
      resolve({ url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, close, [Symbol.asyncDispose]: close })
    })
  })
}

const respond = async (
  fetch: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const request = toRequest(incoming)
  const response = request === undefined ? new Response("bad request", { status: 400 }) : await fetch(request)
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (response.body === null) {
    outgoing.end()
    return
  }
  for await (const chunk of response.body) {
    if (outgoing.destroyed) return
    if (!outgoing.write(chunk)) await new Promise((resume) => outgoing.once("drain", resume).once("close", resume))
  }
  outgoing.end()
}

/** `undefined` for a request line or Host that makes no URL. */
const toRequest = (incoming: IncomingMessage): Request | undefined => {
  try {
    const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host ?? "localhost"}`)
    const headers = new Headers()
    for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
      headers.append(incoming.rawHeaders[at]!, incoming.rawHeaders[at + 1]!)
    }
    const method = incoming.method ?? "GET"
    if (method === "GET" || method === "HEAD") return new Request(url, { method, headers })
    const body = Readable.toWeb(incoming) as NodeReadableStream<Uint8Array>
    return new Request(url, { method, headers, body: body as unknown as BodyInit, duplex: "half" } as RequestInit)
  } catch {
    return undefined
  }
}

/**
 * Works through the backend's queue, up to `concurrency` runs at once (default 100), and sweeps late runs.
 *
 * `close` takes no more jobs and lets runs suspend at their next recorded call, to go on in another process, or end; after
 * 10 s it leaves them to the sweeper. For deployments: start the new worker, then close the old one.
 */
export const startWorker = (
  backend: Pick<BackendHandle, "consume">,
  options: { readonly concurrency?: number } = {}
): { readonly close: () => Promise<void>; readonly failed: Promise<never> } => {
  const controller = new AbortController()
  const consuming = backend.consume({ concurrency: options.concurrency ?? 100, signal: controller.signal })
  // rejects when the queue cannot be worked on at all; never resolves
  const failed = new Promise<never>((_, reject) => void consuming.catch(reject))
  failed.catch(() => {})
  return {
    failed,
    close: async () => {
      controller.abort()
      await consuming.catch(() => {})
    }
  }
}
