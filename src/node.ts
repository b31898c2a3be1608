/**
 * Throughline on plain Node: an HTTP server for the backend's handler, and a worker for its queue.
 */
import { createServer } from "node:http"
import { listen, respond } from "./gateway/nodeServer.ts"
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
export const serve = async (
  handler: { readonly fetch: (request: Request) => Promise<Response> },
  options: { readonly port: number; readonly host?: string }
): Promise<Served> => {
  const server = createServer((incoming, outgoing) => {
    respond(handler.fetch, incoming, outgoing).catch(() => {
      if (!outgoing.headersSent) outgoing.writeHead(500)
      outgoing.end()
    })
  })
  const url = await listen(server, options)
  const close = () =>
    new Promise<void>((closed) => {
      server.close(() => closed())
      server.closeIdleConnections()
    })
  return { url, close, [Symbol.asyncDispose]: close }
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
