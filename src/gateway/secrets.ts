/**
 * What the two halves of a gateway adapter share, where no vendor's token does it: secrets derived from one key that
 * itself never travels, and the sealed ticket of a grant.
 *
 * A ticket says who connects and what may be heard. It is encrypted as well as authenticated (JWE, A256GCM), because
 * `claims` are not for the client's eyes, and bound to the gateway by its audience.
 */
import { hkdfSync, timingSafeEqual } from "node:crypto"
import { EncryptJWT, jwtDecrypt } from "jose"
import type { Principal } from "../ports/Access.ts"
import type { JsonObject } from "../protocol/Json.ts"

export interface GatewaySecrets {
  /** Name of the gateway. */
  readonly gateway: string
  /** Encrypts the token of a grant. */
  readonly connect: Uint8Array
  /** The bearer token of publish and revoke. */
  readonly rest: string
  /** Signs the calls of the gateway to the backend (`signedCall.ts`). */
  readonly upstream: Uint8Array
  /** Names groups: `GatewayService.groupSecret`. */
  readonly groups: string
}
/** Throws a `TypeError` that names `setting` for a key of fewer than 32 characters. */
export const deriveSecrets = (gateway: string, key: string, setting = "key"): GatewaySecrets => {
  if (key.length < 32) throw new TypeError(`${setting} must have at least 32 characters; backend and gateway share it`)
  const derive = (use: string) => new Uint8Array(hkdfSync("sha256", key, "", `throughline/${gateway}/${use}`, 32))
  const text = (use: string) => Buffer.from(derive(use)).toString("base64url")
  return {
    gateway,
    connect: derive("connect"),
    rest: text("rest"),
    upstream: derive("upstream"),
    groups: text("groups")
  }
}

/** What a connection may do. */
export interface Ticket {
  readonly principal: Principal
  readonly groups: readonly string[]
  /** A worker joins groups by itself and sends no events. */
  readonly worker?: boolean
}
/** A ticket opens connections for at most this long, whatever was asked for; the connection outlives it. */
export const MAX_TICKET_MILLIS = 5 * 60_000

const audience = ({ gateway }: GatewaySecrets) => `throughline/${gateway}`

export const sealTicket = (secrets: GatewaySecrets, ticket: Ticket, expiresAt: number): Promise<string> =>
  new EncryptJWT({ ticket: ticket as unknown as JsonObject })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setAudience(audience(secrets))
    .setExpirationTime(expiresAt / 1000)
    .encrypt(secrets.connect)

/** `undefined` for anything that none of the keys sealed, or that has expired. */
export const openTicket = async (secrets: readonly GatewaySecrets[], token: string): Promise<Ticket | undefined> => {
  for (const each of secrets) {
    try {
      const { payload } = await jwtDecrypt(token, each.connect, {
        audience: audience(each),
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
        requiredClaims: ["exp"]
      })
      return payload["ticket"] as Ticket
    } catch {
      // sealed with the other key, or not by us
    }
  }
  return undefined
}

/** In constant time for texts of the same length. */
export const sameText = (given: string | null | undefined, expected: string): boolean => {
  const a = Buffer.from(given ?? "")
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
