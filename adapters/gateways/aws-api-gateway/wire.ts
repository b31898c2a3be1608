/**
 * What passes over a socket of API Gateway.
 *
 * To a client a frame is sent as it was published: a text that begins with `{`. What the Lambda function answers is an
 * array. What API Gateway itself says when the function could not answer is an object of three members, and no frame.
 * The token is the second subprotocol of the handshake: no access log writes it down, and a URL here has at most 4096
 * characters.
 */
import type { Json } from "../../../src/protocol/Json.ts"

export const SUBPROTOCOL = "throughline.v1"
/** Largest message of a client: it goes out as one WebSocket frame, and API Gateway closes with 1009 above this. */
export const MAX_CLIENT_BYTES = 32 * 1024

export type FromClient =
  /** The socket is open: join the groups of the token. Before this a post would be answered with 410. */
  | { readonly action: "open" }
  | { readonly action: "ping" }
  | { readonly action: "invoke"; readonly id: number; readonly event: string; readonly data: Json }

export type FromGateway =
  | readonly ["open"]
  | readonly ["pong"]
  /** The registry does not know the connection any more. */
  | readonly ["gone"]
  | readonly ["reply", id: number, data: unknown]
  | readonly ["failed", id: number, problem: string]

/** `undefined` for what is not a message of the function. */
export const parseFromGateway = (text: string): FromGateway | undefined => {
  const message = parse(text)
  return Array.isArray(message) ? (message as unknown as FromGateway) : undefined
}
/** What API Gateway says of itself; `undefined` for everything else. */
export const parseServiceError = (text: string): string | undefined => {
  if (text.length > 1024 || !text.includes('"requestId"')) return undefined
  const message = parse(text) as Record<string, unknown> | undefined
  const isError = Object.keys(Object(message)).sort().join() === "connectionId,message,requestId"
  return isError ? String(message?.["message"]) : undefined
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
