/**
 * What passes over a socket between a client and its node, as Socket.IO events of one namespace.
 *
 * The token travels in the `auth` of the handshake, which is no part of a URL. What clients send is checked where it
 * arrives: these types are what our own client half says, and no promise.
 */
import type { Json } from "../../../src/protocol/Json.ts"

/** Apart from whatever else an application does with its Socket.IO server. */
export const NAMESPACE = "/throughline"
/** Where Engine.IO listens unless told otherwise. */
export const ENGINE_PATH = "/socket.io"
/** Largest message of a client: a token with many groups, or an interrupt of 64 KiB and its envelope. */
export const MAX_CLIENT_BYTES = 128 * 1024
/** Groups of one worker. */
export const MAX_GROUPS = 10_000

export type Answer<A = unknown> =
  | { readonly ok: true; readonly reply: A }
  | { readonly ok: false; readonly problem: string }

export interface FromGateway {
  /** Frames of all groups arrive from now on. */
  readonly open: () => void
  readonly frame: (frame: string, group: string) => void
}
export interface FromClient {
  readonly ping: (answer: () => void) => void
  readonly invoke: (event: string, data: Json, answer: (answer: Answer) => void) => void
  /** Workers only. */
  readonly join: (groups: readonly string[], answer: (answer: Answer<null>) => void) => void
  readonly leave: (group: string) => void
}

/** What Socket.IO's client wants to know of a grant's URL, `http(s)://host[:port]/path-of-Engine.IO`. */
export const addressOf = (url: string): { readonly uri: string; readonly path: string } => {
  const { origin, pathname } = new URL(url)
  return { uri: origin + NAMESPACE, path: pathname }
}
