/**
 * What passes over a socket between a client and the object of its group.
 *
 * To a client a frame is sent as it was published: a text that begins with `{`. Everything else the object says is an
 * array. The token travels as a second subprotocol, where no access log writes it down.
 */
import type { Json } from "../../../src/protocol/Json.ts"

export const NAME = "cloudflare-durable-objects"
export const SUBPROTOCOL = "throughline.v1"
/** Largest message of a client: an interrupt of 64 KiB and its envelope. */
export const MAX_CLIENT_BYTES = 66 * 1024
/** Answered by the runtime with `PONG` for exactly this text, while the object sleeps. */
export const PING = '{"type":"ping"}'
export const PONG = '["pong"]'

export type FromClient =
  | { readonly type: "invoke"; readonly id: number; readonly event: string; readonly data: Json }
  /** Everything up to the mark was read. */
  | { readonly type: "read"; readonly id: number }

export type FromObject =
  | readonly ["open"]
  | readonly ["pong"]
  | readonly ["reply", id: number, data: unknown]
  | readonly ["failed", id: number, problem: string]
  /** To be answered with `read` when everything before it was. */
  | readonly ["mark", id: number]

/** `undefined` for what is not a message of the object. */
export const parseFromObject = (text: string): FromObject | undefined => {
  try {
    const message: unknown = JSON.parse(text)
    return Array.isArray(message) ? (message as unknown as FromObject) : undefined
  } catch {
    return undefined
  }
}

/** The message, or what is wrong with it. */
export const parseFromClient = (raw: string): FromClient | string => {
  let message: Partial<Record<"type" | "id" | "event" | "data", unknown>> | null
  try {
    message = JSON.parse(raw)
  } catch {
    return "BAD_JSON: the message is not JSON"
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return "BAD_SHAPE: expected an object"
  const { type, id, event, data } = message
  if (type !== "invoke" && type !== "read") return "UNKNOWN_TYPE: a client sends `ping`, `invoke` and `read`"
  if (!Number.isSafeInteger(id) || (id as number) < 0) return "BAD_NUMBER: id must be an integer from 0"
  if (type === "read") return { type, id: id as number }
  if (typeof event !== "string" || event === "" || event.length > 128)
    return "BAD_SHAPE: event must have 1–128 characters"
  return { type, id: id as number, event, data: (data ?? null) as Json }
}
