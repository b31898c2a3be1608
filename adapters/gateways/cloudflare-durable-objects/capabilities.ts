/** What the gateway on Cloudflare Durable Objects can do. Sources are in README.md. */
import type { GatewayCapabilities } from "../../../src/ports/GatewayCapabilities.ts"

export const capabilities: GatewayCapabilities = {
  /** Ours: four times the largest entry. Cloudflare names a limit for what an object receives on a socket only. */
  maxFrameBytes: 1_048_576,
  order: "connection",
  delivery: "at-most-once",
  recovery: false,
  /** Where the Worker has `THROUGHLINE_UPSTREAM` or `THROUGHLINE_BACKEND`; without, an invoke fails and goes over HTTP. */
  upstream: true,
  serverSubscribe: false,
  revoke: true,
  presence: false,
  /** A socket per group behind one connection. */
  manyGroups: true,
  auth: "token"
}
