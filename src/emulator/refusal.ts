/**
 * A refused WebSocket handshake: an HTTP answer with the service's error body, before any upgrade.
 */
import type { Duplex } from "node:stream"
import { STATUS_CODES } from "node:http"
import { errorBody } from "./answers.ts"

export class Refusal extends Error {
  override readonly name = "Refusal"
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Answers and closes the socket. */
export const refuse = (socket: Duplex, refusal: Refusal): void => {
  if (socket.destroyed) return
  const body = errorBody(refusal.code, refusal.message)
  socket.end(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? "Refused"}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `x-ms-error-code: ${refusal.code}\r\n\r\n${body}`
  )
}
