/** What the SSE gateway can do. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  maxFrameBytes: 1_048_576,
  order: "connection",
  delivery: "at-most-once",
  /** By `Last-Event-ID`, as far as the gateway still has what was sent meanwhile. */
  recovery: true,
  upstream: false,
  serverSubscribe: false,
  revoke: true,
  presence: false,
  manyGroups: true,
  auth: "token"
}
