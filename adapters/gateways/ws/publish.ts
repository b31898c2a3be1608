/**
 * The hot path: one frame to one group, as a POST over kept-alive sockets. Nothing is retried but a stale socket;
 * what is lost, clients fetch from the log.
 */
import * as http from "node:http"
import * as https from "node:https"
import * as Effect from "effect/Effect"
import {
  FrameTooLarge,
  GatewayError,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable
} from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"

type Operation = "publish" | "revoke"

export interface Rest {
  readonly post: (operation: Operation, path: string, body: string) => Effect.Effect<void, GatewayError>
  readonly close: () => void
}

/** `url` is the gateway's `http(s)://host:port`. */
export const makeRest = (
  url: URL,
  bearer: string,
  options: { readonly maxSockets: number; readonly timeoutMillis: number }
): Rest => {
  const transport = url.protocol === "https:" ? https : http
  const agent = new transport.Agent({ keepAlive: true, maxSockets: options.maxSockets, timeout: options.timeoutMillis })
  const base = {
    agent,
    method: "POST",
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port,
    headers: { authorization: `Bearer ${bearer}`, "content-type": "text/plain" }
  }
  const prefix = url.pathname.replace(/\/+$/, "")

  return {
    post: (operation, path, body) =>
      Effect.callback<void, GatewayError>((resume) => {
        let request: http.ClientRequest | undefined
        let interrupted = false
        const fail = (reason: GatewayError["reason"]) => resume(Effect.fail(new GatewayError({ operation, reason })))
        const send = (mayReconnect: boolean): void => {
          if (interrupted) return
          const current = transport.request({ ...base, path: prefix + path })
          request = current
          current.on("response", (response) => {
            // Drained, so that the socket can be used again.
            response.resume()
            if ((response.statusCode as number) < 300) resume(Effect.void)
            else fail(reasonOf(response, body))
          })
          current.on("timeout", () => current.destroy(new Error(`no answer within ${options.timeoutMillis} ms`)))
          current.on("error", (cause: NodeJS.ErrnoException) => {
            // The gateway closed an idle socket just as it was used: the request was not taken.
            if (mayReconnect && current.reusedSocket && cause.code === "ECONNRESET") send(false)
            else fail(new GatewayUnavailable({ cause: new Error(cause.message) }))
          })
          current.end(body)
        }
        send(true)
        return Effect.sync(() => {
          interrupted = true
          request?.destroy()
        })
      }),
    close: () => agent.destroy()
  }
}

const reasonOf = (response: http.IncomingMessage, body: string): GatewayError["reason"] => {
  const status = response.statusCode as number
  if (status === 413)
    return new FrameTooLarge({ sizeBytes: Buffer.byteLength(body), limitBytes: capabilities.maxFrameBytes })
  // A proxy in front may throttle; the gateway itself does not.
  if (status === 429)
    return new GatewayThrottled({ retryAfterMillis: (Number(response.headers["retry-after"]) || 1) * 1000 })
  if (status === 401 || status === 403) {
    return new GatewayRefused({
      status,
      remedy: "give wsGateway() the same `key` that the gateway process was started with"
    })
  }
  if (status < 500) return new GatewayRefused({ status, remedy: "check that `url` is that of a ws gateway process" })
  return new GatewayUnavailable({ cause: new Error(`the gateway answered ${status}`) })
}
