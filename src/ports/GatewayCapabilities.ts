/**
 * What a gateway can do, as data: core reads it, conformance tests it and its absence, the README prints it.
 */
export interface GatewayCapabilities {
  /** Largest frame in UTF-8 bytes. A larger entry goes out as a head frame. */
  readonly maxFrameBytes: number
  /** What order one publisher's awaited frames keep on one connection. */
  readonly order: "connection" | "none"
  readonly delivery: "at-most-once" | "at-least-once"
  /** Whether a short cut is bridged without asking the log; only ever a hint. */
  readonly recovery: boolean
  /** Clients can send to the backend over their socket. */
  readonly upstream: boolean
  /** A server process can listen to a group. */
  readonly serverSubscribe: boolean
  readonly revoke: boolean
  readonly presence: boolean
  /** One connection can watch several groups. */
  readonly manyGroups: boolean
  /** How a client proves its right to connect. */
  readonly auth: "token" | "key" | "none"
}
