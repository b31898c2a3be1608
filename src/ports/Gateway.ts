/**
 * The port every gateway adapter implements: publish frames to a group, grant connections, and, where the
 * service has it, bring back what clients send and let a worker listen.
 *
 * A gateway delivers at most once and stores nothing. Order, recovery and replay belong to the log and the
 * client; an adapter that retries or reorders breaks them. Rules: PROTOCOL.md#delivery
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Json } from "../protocol/Json.ts"
import type { GatewayCapabilities } from "./GatewayCapabilities.ts"
import type { GatewayError, UpstreamRejected } from "./GatewayError.ts"
import type { Principal } from "./Access.ts"

/** Opaque to everyone but the backend that made it: 1–128 of `[A-Za-z0-9_-]`. */
export type GroupName = string

/** The gateway's part of a grant; the backend adds the groups by thread. */
export interface GatewayGrant {
  readonly url: string
  readonly token?: string
  readonly expiresAt: number
}
/** A verified call of the gateway: who sent it is certain, what it says is not. */
export type UpstreamEvent =
  | { readonly type: "connected" | "disconnected"; readonly connection: string; readonly principal: Principal }
  | {
      readonly type: "event"
      readonly connection: string
      readonly principal: Principal
      readonly name: string
      /** Parsed JSON, or the text where it was not JSON. Not validated. */
      readonly data: unknown
    }
/** Sent back to the one client that asked. */
export type UpstreamReply = Json | undefined

/** A worker's connection: frames of the groups it joined. */
export interface Inbox {
  /** Resolves when the group's frames arrive from now on. */
  readonly join: (group: GroupName) => Effect.Effect<void, GatewayError>
  readonly leave: (group: GroupName) => Effect.Effect<void>
}
export interface GatewayService {
  readonly name: string
  readonly capabilities: GatewayCapabilities
  /**
   * A secret that every process of the backend derives alike, from the gateway's key: group names are made with
   * it. Absent where there is no key; then the backend's own `secret` is required.
   */
  readonly groupSecret?: string
  /**
   * Sends one frame to every subscriber now in `group`. Interruption aborts the request.
   *
   * - Shape: `frame` is the JSON text of one entry or head; at most `capabilities.maxFrameBytes` in UTF-8
   * - Order: none promised; clients order by `offset`
   * - Fails: `FrameTooLarge` (do not retry), `GatewayThrottled` (wait), `GatewayUnavailable` (clients catch up by themselves)
   */
  readonly publish: (group: GroupName, frame: string) => Effect.Effect<void, GatewayError>
  /** A short-lived right to connect as `principal` and receive these groups; no other right. */
  readonly grant: (options: {
    readonly principal: Principal
    readonly groups: readonly GroupName[]
    readonly ttlMillis: number
  }) => Effect.Effect<GatewayGrant, GatewayError>
  /** Verifies and decodes one call of the gateway, hands it to `handle`, encodes the reply. Absent: no way back. */
  readonly upstream?: (
    request: Request,
    handle: (event: UpstreamEvent) => Effect.Effect<UpstreamReply>
  ) => Effect.Effect<Response, UpstreamRejected>
  /** Absent where a server cannot listen. `onReset`: frames may have been missed; read the heads. */
  readonly subscribe?: (handlers: {
    readonly onFrame: (group: GroupName, frame: string) => void
    readonly onReset: () => void
  }) => Effect.Effect<Inbox, GatewayError, Scope.Scope>
  /** Removes the principal's connections from the group. */
  readonly revoke?: (principal: Principal, group: GroupName) => Effect.Effect<void, GatewayError>
}
export class Gateway extends Context.Service<Gateway, GatewayService>()("throughline/ports/Gateway") {}
