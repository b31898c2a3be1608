/**
 * What clients send to the backend and what it answers, over HTTP and over sockets alike. PROTOCOL.md#requests
 */
import type { Id, MessagePart, Timestamp, Verdict } from "./Event.ts"
import type { Fault } from "./Fault.ts"
import type { Json } from "./Json.ts"
import type { UserInterrupt } from "./UserInterrupt.ts"

export type Failed = { readonly ok: false; readonly error: Fault }
/** `offset` is where the log stands after it: 0 where nothing was appended. */
export type Receipt<T = unknown> = ({ readonly ok: true; readonly offset: number } & T) | Failed

/** `POST /threads/:thread/messages` */
export interface PostMessage {
  readonly id: Id
  readonly parts: readonly MessagePart[]
  readonly after?: Id
  readonly replaces?: Id
  readonly name?: string
}
export type PostMessageReceipt = Receipt<{ readonly message: Id }>

/** `POST /threads/:thread/runs`. `message` is posted in the same entry. */
export interface StartRun {
  readonly id: Id
  readonly agent: string
  readonly input?: Json
  readonly message?: PostMessage
  readonly onBusy?: OnBusy
  readonly replaces?: Id
  readonly continues?: Id
  readonly tags?: Readonly<Record<string, string>>
}
export type OnBusy = "reject" | "queue" | "replace" | "parallel"
export type StartRunReceipt = Receipt<{ readonly run: Id }>

/** `POST /threads/:thread/interrupts`, or the user event `interrupt` with `SocketInterrupt`. */
export type InterruptReceipt = Receipt<{ readonly interrupt: Id; readonly verdict: Verdict }>
/** Over the socket one connection serves many threads, so the thread is named. */
export interface SocketInterrupt {
  readonly thread: string
  readonly interrupt: UserInterrupt
}

/** `POST /threads/:thread/grants`; `threads` are further threads that the same connection shall watch. */
export interface GrantRequest {
  readonly threads?: readonly string[]
}
/** What a client needs to connect. The gateway's client half knows how to use `url` and `token`. */
export interface Grant {
  readonly gateway: string
  /** Where to connect; carries a short-lived token where the gateway wants it in the URL. Secret. */
  readonly url: string
  readonly token?: string
  /** Group names by thread. Opaque: they are an HMAC and change when access is revoked. */
  readonly groups: Readonly<Record<string, string>>
  /** After this the grant does not connect any more. */
  readonly expiresAt: Timestamp
  /** Reconnects are spread evenly over this time. */
  readonly reconnectSpreadMillis: number
  /** Whether interrupts may be sent over the socket. */
  readonly upstream: boolean
}
export type GrantReceipt = { readonly ok: true; readonly grant: Grant } | Failed

/** `GET /threads/:thread/entries?after=&id=&log=&limit=`. Entries are as they were published. */
export interface EntriesPage {
  readonly ok: true
  readonly logId: Id | ""
  readonly head: { readonly offset: number; readonly id: Id | "" }
  readonly entries: readonly unknown[]
  /** Whether the page ends before the head. */
  readonly more: boolean
}
