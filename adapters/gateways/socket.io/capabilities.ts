/** What the Socket.IO gateway can do. Where each line comes from is in README.md. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /** Ours: Socket.IO limits what it takes in (`maxHttpBufferSize`), not what it sends. */
  maxFrameBytes: 1_048_576,
  /** Frames that are published at one node: one Redis connection, one stream. */
  order: "connection",
  delivery: "at-most-once",
  /** Socket.IO's connection state recovery is never used. */
  recovery: false,
  /** Where the node was started with `upstream`; without it an invoke fails and goes over HTTP. */
  upstream: true,
  serverSubscribe: true,
  revoke: true,
  presence: false,
  manyGroups: true,
  auth: "token"
}
