/**
 * What passes over a socket of the plain gateway.
 *
 * To a client a frame is sent as it was published: a text that begins with `{`. Everything else the gateway says is an
 * array. The token travels as a second subprotocol, where no access log writes it down.
 */
import type { Json } from "../../../src/protocol/Json.ts"

export const SUBPROTOCOL = "throughline.v1"
/** Largest message of a client: an interrupt of 64 KiB and its envelope. */
export const MAX_CLIENT_BYTES = 66 * 1024

export type FromClient =
  | { readonly type: "ping" }
  | { readonly type: "invoke"; readonly id: number; readonly event: string; readonly data: Json }
  /** Workers only. */
  | { readonly type: "join" | "leave"; readonly id: number; readonly group: string }

export type FromGateway =
  | readonly ["open"]
  | readonly ["pong"]
  | readonly ["reply", id: number, data: unknown]
  | readonly ["failed", id: number, problem: string]
  /** To workers, who listen to many groups. */
  | readonly ["frame", group: string, text: string]

/** `undefined` for what is not a message of the gateway. */
export const parseFromGateway = (text: string): FromGateway | undefined => {
  try {
    const message: unknown = JSON.parse(text)
    return Array.isArray(message) ? (message as unknown as FromGateway) : undefined
  } catch {
    return undefined
  }
}
