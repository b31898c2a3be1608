/** What the Pusher gateway can do. Sources are in the README. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /** Pusher takes less than "10kB" of data: 9,999 bytes if that is decimal. A frame needs one of them, the rest is slack. */
  maxFrameBytes: 9_984,
  /** Pusher promises none: https://github.com/pusher/pusher-http-node/issues/73 */
  order: "none",
  delivery: "at-most-once",
  recovery: false,
  /** Where the app has client events and their webhook switched on; without them an invoke times out and goes over HTTP. */
  upstream: true,
  serverSubscribe: false,
  /** Pusher ends all connections of a user, not the membership of one in a channel. */
  revoke: false,
  presence: false,
  manyGroups: true,
  auth: "token"
}
