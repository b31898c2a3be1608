/** What the MQTT gateway can do, with Mosquitto's dynamic security plugin. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /**
   * Ours; MQTT itself ends at 256 MiB. Mosquitto's WebSockets, as Debian builds them, send 4 KiB in 100 ms while the broker is
   * otherwise idle (measured; eclipse/mosquitto#2252): more than this, clients have sooner from the backend. A broker that
   * takes less says so as it is connected to (Maximum Packet Size), and that holds.
   */
  maxFrameBytes: 65_536,
  /** MQTT 5, 4.6: messages of one publisher to one topic stay in order. */
  order: "connection",
  /** Clients subscribe with QoS 0. */
  delivery: "at-most-once",
  recovery: false,
  /** Where a bridge runs; without one an invoke fails at once and goes over HTTP. */
  upstream: true,
  serverSubscribe: true,
  /** With the dynamic security plugin; a `credentials` function of one's own has none. */
  revoke: true,
  presence: false,
  manyGroups: true,
  auth: "token"
}
