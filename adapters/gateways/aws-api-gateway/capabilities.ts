/** What API Gateway's WebSocket APIs can do with the registry of this adapter. Sources: README.md */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /** "Message payload size | 128 KB", not to be raised. */
  maxFrameBytes: 128 * 1024,
  /** Posts to one connection are sent one after the other; AWS promises no order between them. */
  order: "none",
  delivery: "at-most-once",
  recovery: false,
  upstream: true,
  serverSubscribe: false,
  revoke: true,
  presence: false,
  manyGroups: true,
  auth: "token"
}
