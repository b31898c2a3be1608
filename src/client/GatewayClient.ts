/**
 * The client half of a gateway: one connection that brings frames, and, where the gateway has it, carries
 * interrupts back. Plain types; adapters implement it, `connection.ts` uses it.
 *
 * An adapter holds one connection at a time and does not decide when to reconnect: it reports, the client decides.
 */
import type { Grant } from "../protocol/Exchange.ts"
import type { Json } from "../protocol/Json.ts"

export interface GatewayHandlers {
  /** Frames arrive from now on. Called again when the adapter bridged a cut by itself. */
  readonly onOpen: () => void
  /** The text of one frame, as it was published. */
  readonly onFrame: (text: string) => void
  /** The connection is cut; the adapter may bridge it by itself (`onOpen` again) or give up (`onClosed`). */
  readonly onInterrupted: () => void
  /** Anything proved that the socket lives: a pong, an ack, a frame of another thread. */
  readonly onAlive: () => void
  /** The end; called once. `retryAfterMillis` where the gateway said when to come back. */
  readonly onClosed: (reason: { readonly message: string; readonly retryAfterMillis?: number }) => void
}
export interface GatewayConnection {
  /**
   * Sends a user event and answers what the backend replied. Rejects when it cannot be known whether it arrived;
   * the caller then sends the same id over HTTP. Absent: no way back over this gateway.
   */
  readonly invoke?: (event: string, data: Json, options: { readonly timeoutMillis: number }) => Promise<unknown>
  /** Asks the other side for a sign of life, answered by `onAlive`. */
  readonly ping?: () => void
  /** Closes at once; `onClosed` follows. */
  readonly close: () => void
}
export interface GatewayClient {
  /** As in `Grant.gateway`. */
  readonly name: string
  readonly connect: (grant: Grant, handlers: GatewayHandlers) => GatewayConnection
}
