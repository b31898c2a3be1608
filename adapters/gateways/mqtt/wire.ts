/**
 * What passes through the broker, and on which topics. No code of either end.
 *
 * `<prefix>/g/<group>` carries frames as they were published. A client sends on `<prefix>/up/<client>/<seal>`, which the broker
 * lets nobody else publish to; `seal` is its principal, encrypted by the backend. Answers come on `<prefix>/down/<client>`
 * with the correlation data of what they answer.
 */
import type { Json } from "../../../src/protocol/Json.ts"

export const NAME = "mqtt"
/** Largest message of a client: an interrupt of 64 KiB and its envelope. */
export const MAX_CLIENT_BYTES = 66 * 1024
/** MQTT 5: nobody is subscribed to what was published. */
export const NO_SUBSCRIBERS = 16

export const topics = (prefix: string) => ({
  group: (group: string) => `${prefix}/g/${encodeURIComponent(group)}`,
  up: (client: string, seal: string) => `${prefix}/up/${client}/${seal}`,
  down: (client: string) => `${prefix}/down/${client}`,
  /** Shared, so that each event reaches one of the bridges. */
  everyUp: `$share/throughline/${prefix}/up/+/+`
})

/** The token of a grant, as JSON. */
export interface Token {
  readonly clientId: string
  readonly username: string
  readonly password: string
  readonly prefix: string
  readonly up: string
}
export type FromClient =
  | { readonly type: "connected" | "disconnected" }
  | { readonly type: "event"; readonly name: string; readonly data: Json }

export type FromBridge = readonly ["reply", data: unknown] | readonly ["failed", problem: string]
