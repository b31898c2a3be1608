/** What the plain WebSocket gateway can do. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  maxFrameBytes: 1_048_576,
  order: "connection",
  delivery: "at-most-once",
  recovery: false,
  /** Where the gateway process was started with `upstream`; without it an invoke fails and goes over HTTP. */
  upstream: true,
  serverSubscribe: true,
  revoke: true,
  presence: false,
  manyGroups: true,
  auth: "token"
}
