/**
 * What passes over Pusher's channels, and what both halves know of it. Imports nothing that a browser lacks.
 *
 * Frames go to `private-g-<group>`. The way back is a channel of the client's own, `private-up-<sealed>`. Members of a
 * channel may send each other events named `client-…`; no others, so what has another name is from the backend.
 */
import type { Json } from "../../../src/protocol/Json.ts"

/** `g-` keeps a group's name from making it an encrypted or a cached channel. */
export const channelOf = (group: string): string => `private-g-${group}`
export const UP_PREFIX = "private-up-"

export const FRAME = "frame"
export const REPLY = "reply"
export const INVOKE = "client-invoke"
/** Larger events are refused; Pusher's word is "less than 10kB". */
export const MAX_EVENT_BYTES = 9_999

/** `pusher-js` parses whatever is JSON. A frame arrives as it was published because this mark before it makes it none. */
const MARK = "="
export const markFrame = (frame: string): string => MARK + frame
/** `undefined` for what `markFrame` did not make. */
export const unmarkFrame = (data: unknown): string | undefined =>
  typeof data === "string" && data.startsWith(MARK) ? data.slice(MARK.length) : undefined

/** `INVOKE` of a client. */
export interface Invoke {
  readonly id: string
  /** Who speaks, sealed by the backend for this socket and this channel. */
  readonly seal: string
  readonly event: string
  readonly data: Json
}
/** `REPLY` of the backend. */
export type Reply = { readonly id: string; readonly reply: unknown } | { readonly id: string; readonly problem: string }

/** What the backend answers to a socket id and a ticket. */
export interface Authorization {
  /** The signature that Pusher wants, by channel. */
  readonly auth: Readonly<Record<string, string>>
  readonly seal: string
}

/** Where to connect and whom to ask, as the URL of a grant. */
export interface ConnectUrl {
  /** `wss://host[:port]` */
  readonly base: string
  readonly key: string
  readonly authUrl: string
  /** The client's own channel. Absent: no way back. */
  readonly up?: string | undefined
}
export const formatConnectUrl = ({ authUrl, base, key, up }: ConnectUrl): string =>
  `${base}/app/${encodeURIComponent(key)}?${new URLSearchParams({ auth: authUrl, ...(up === undefined ? {} : { up }) })}`
export const parseConnectUrl = (text: string): ConnectUrl => {
  const url = new URL(text)
  return {
    base: `${url.protocol}//${url.host}`,
    key: decodeURIComponent(url.pathname.slice("/app/".length)),
    authUrl: url.searchParams.get("auth") ?? "",
    up: url.searchParams.get("up") ?? undefined
  }
}
