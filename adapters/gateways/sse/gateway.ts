/**
 * The SSE gateway as a Node HTTP server: `handler.ts` behind `node:http`, with what a server of long answers needs.
 *
 * One process; what it keeps is worth nothing, since the log is the truth.
 */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { sseHandler, type SseHandlerOptions } from "./handler.ts"

export interface SseGatewayOptions extends SseHandlerOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
}
export interface SseGateway {
  /** `http://host:port`, for `sseGateway({ url })`. */
  readonly url: string
  readonly connections: () => number
  /** Destroys every stream, as a failing network would. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

/** Rejects when the port is taken; throws a `TypeError` for a short key. */
export const startSseGateway = async (options: SseGatewayOptions): Promise<SseGateway> => {
  const handler = sseHandler(options)
  const server = http.createServer((incoming, outgoing) => {
    // who goes away is not told why
    answer(handler.fetch, incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  // longer than what backends keep idle sockets for, so that they close them first
  server.keepAliveTimeout = 75_000
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve)
  })
  const { address, family, port } = server.address() as AddressInfo
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    connections: handler.connections,
    cut: handler.cut,
    close: () =>
      new Promise((resolve) => {
        handler.close()
        handler.cut()
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

const answer = async (
  fetch: (request: Request) => Promise<Response>,
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse
): Promise<void> => {
  const { headers, method = "GET", url = "/" } = incoming
  const response = await fetch(
    new Request(`http://gateway${url}`, {
      method,
      headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
      ...(method === "POST" ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: "half" } : {})
    } as RequestInit)
  )
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (response.body === null) return void outgoing.end()
  outgoing.flushHeaders()
  await pipeline(Readable.fromWeb(response.body as never), outgoing)
}
