/**
 * The service's error bodies, and the audiences its tokens must name.
 *
 * A token names the URL as the caller knows it. Behind a port mapping or a host name that is not the address the
 * emulator is bound to, so the `Host` header counts too: the signature, not the name, is the proof.
 */
import type { IncomingMessage } from "node:http"
import type { Service } from "./service.ts"

/** The JSON text that goes with the header `x-ms-error-code`. */
export const errorBody = (code: string, message: string): string =>
  JSON.stringify({ code, message, target: null, details: [] })

const origins = (service: Service, request: IncomingMessage): string[] => {
  const hosts = new Set([service.host(), request.headers.host ?? service.host()])
  return [...hosts].flatMap((host) => [`http://${host}`, `https://${host}`])
}

export const clientAudiences = (service: Service, request: IncomingMessage, hub: string): string[] =>
  origins(service, request).flatMap((origin) => [`${origin}/client/hubs/${hub}`, `${origin}/client/?hub=${hub}`])

/** A REST token's audience is the URL of the request; the query may be left out. */
export const restAudiences = (service: Service, request: IncomingMessage): string[] => {
  const url = request.url ?? ""
  const path = url.split("?", 1)[0]!
  return origins(service, request).flatMap((origin) => (path === url ? [origin + url] : [origin + url, origin + path]))
}
