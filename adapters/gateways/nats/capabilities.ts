/** What the NATS gateway can do. Sources are in the README. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /** `max_payload` of a server as it comes; `maxFrameBytes` of `natsGateway()` follows another one. */
  maxFrameBytes: 1_048_576,
  /** What one publisher sends on one subject, every subscriber gets in that order. */
  order: "connection",
  delivery: "at-most-once",
  recovery: false,
  /** Where a bridge runs (`bridge.ts`); without one an invoke fails at once and goes over HTTP. */
  upstream: true,
  serverSubscribe: true,
  /** A server takes a right back only by a new account JWT, which needs the operator's key. */
  revoke: false,
  presence: false,
  manyGroups: true,
  auth: "token"
}
