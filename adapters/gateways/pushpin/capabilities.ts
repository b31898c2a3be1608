/** What Pushpin can do with its defaults, as far as this adapter uses it. Sources: README.md. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /**
   * The largest entry. A publish carries the frame twice, for sockets as JSON text (at worst twice its bytes) and for
   * streams in base64 (4/3), and may have `push_in_http_max_body_size` bytes, by default 1,000,000.
   */
  maxFrameBytes: 262_144,
  order: "connection",
  delivery: "at-most-once",
  recovery: false,
  /** Over sockets. Over streams there is no way back and interrupts go over HTTP. */
  upstream: true,
  serverSubscribe: false,
  revoke: false,
  presence: false,
  manyGroups: true,
  auth: "token"
}
