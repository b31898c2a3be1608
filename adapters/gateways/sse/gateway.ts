/**
 * The SSE gateway as a Node HTTP server: `handler.ts` behind `node:http`, with what a server of long answers needs.
 *
 * One process; what it keeps is worth nothing, since the log is the truth.
 */
import * as http from "node:http"
import { listen, respond } from "../../../src/gateway/nodeServer.ts"
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
    respond(handler.fetch, incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  // longer than what backends keep idle sockets for, so that they close them first
  server.keepAliveTimeout = 75_000
  const url = await listen(server, options)
  return {
    url,
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
