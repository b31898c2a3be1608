/**
 * As much of Cloudflare's runtime as this adapter uses, as types: a Worker's own types cannot stand beside those of Node
 * and browsers. developers.cloudflare.com/durable-objects/api/
 */
export interface Stub {
  readonly fetch: (asked: string | Request, init?: RequestInit) => Promise<Response>
}
export interface ObjectNamespace {
  readonly idFromName: (name: string) => unknown
  // a method, so that the namespace of `@cloudflare/workers-types`, which wants its own id, fits
  get(id: unknown): Stub
}
/** A binding to another Worker, or to the same. */
export interface Service {
  readonly fetch: (asked: string | Request, init?: RequestInit) => Promise<Response>
}
export interface ServerSocket {
  readonly send: (text: string) => void
  readonly close: (code: number, reason?: string) => void
  /** At most 16,384 bytes; survives hibernation, unlike everything in memory. */
  readonly serializeAttachment: (value: unknown) => void
  readonly deserializeAttachment: () => unknown
}
export interface ObjectContext {
  readonly acceptWebSocket: (socket: ServerSocket) => void
  /** May name sockets that are closing. */
  readonly getWebSockets: () => readonly ServerSocket[]
  readonly setWebSocketAutoResponse: (pair: unknown) => void
}

declare const WebSocketPair: new () => { readonly 0: unknown; readonly 1: ServerSocket }
declare const WebSocketRequestResponsePair: new (request: string, response: string) => unknown

/** Both ends of a new socket. */
export const socketPair = (): { readonly client: unknown; readonly socket: ServerSocket } => {
  const { 0: client, 1: socket } = new WebSocketPair()
  return { client, socket }
}
/** The runtime answers `request` with `response`, without waking the object. */
export const answerAsleep = (context: ObjectContext, request: string, response: string): void =>
  context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(request, response))
/** The answer that hands `client`, the other end of an accepted socket, over. */
export const upgraded = (client: unknown, subprotocol: string): Response =>
  new Response(null, {
    status: 101,
    headers: { "sec-websocket-protocol": subprotocol },
    webSocket: client
  } as ResponseInit)
