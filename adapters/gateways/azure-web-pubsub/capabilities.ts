/** What Azure Web PubSub can do, as this adapter uses it. Sources: README.md beside this file. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /** The service takes 1 MB per message; the rest is room for its envelope. */
  maxFrameBytes: 1_000_000,
  /** Holds for awaited sends of one publisher to one group. */
  order: "connection",
  /** Frames may be lost; a send whose answer was lost may also arrive twice. */
  delivery: "at-most-once",
  /** The reliable subprotocol replays what a cut swallowed, within about 30 s. */
  recovery: true,
  /** Needs `upstreamKey`; without it the service reports `false`. */
  upstream: true,
  serverSubscribe: true,
  revoke: true,
  presence: false,
  manyGroups: true,
  auth: "token"
}
