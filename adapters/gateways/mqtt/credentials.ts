/** Where the rights of clients come from: the interface that a broker's own way of granting them implements. */
import type { Principal } from "../../../src/ports/Access.ts"

/** What a client may do until `expiresAt`, and nothing else. Topics are names, without wildcards. */
export interface MqttRights {
  /** The client connects with this id. Unique, and made anew for each grant. */
  readonly clientId: string
  readonly subscribe: readonly string[]
  readonly publish: readonly string[]
  readonly expiresAt: number
  readonly principal: Principal
}
export interface MqttLogin {
  readonly username: string
  readonly password: string
}
/** May reject; what it rejects with reaches the backend's log, so it must hold no secret. */
export type MqttCredentials = (rights: MqttRights) => Promise<MqttLogin>
