/**
 * What backend and gateway process share, all derived from one key that itself never travels.
 *
 * - `connect`: encrypts the token of a grant: principal, groups, expiry (JWE, because `claims` are not for clients)
 * - `rest`: the bearer token of publish and revoke
 * - `groups`: the secret that group names are made with
 */
import { hkdfSync, timingSafeEqual } from "node:crypto"
import { EncryptJWT, jwtDecrypt } from "jose"
import type { Principal } from "../../../src/ports/Access.ts"
import type { JsonObject } from "../../../src/protocol/Json.ts"

export interface SseSecrets {
  readonly connect: Uint8Array
  readonly rest: string
  readonly groups: string
}
/** Throws a `TypeError` that names `setting` for a key of fewer than 32 characters. */
export const deriveSecrets = (key: string, setting = "key"): SseSecrets => {
  if (key.length < 32) throw new TypeError(`${setting} must have at least 32 characters; backend and gateway share it`)
  const derive = (use: string) => new Uint8Array(hkdfSync("sha256", key, "", `throughline/sse/${use}`, 32))
  const text = (use: string) => Buffer.from(derive(use)).toString("base64url")
  return { connect: derive("connect"), rest: text("rest"), groups: text("groups") }
}

/** What a connection may hear. */
export interface Ticket {
  readonly principal: Principal
  readonly groups: readonly string[]
}
const AUDIENCE = "throughline/sse"

export const sealTicket = (secrets: SseSecrets, ticket: Ticket, expiresAt: number): Promise<string> =>
  new EncryptJWT({ ticket: ticket as unknown as JsonObject })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setAudience(AUDIENCE)
    .setExpirationTime(expiresAt / 1000)
    .encrypt(secrets.connect)

/** `undefined` for anything that none of the keys sealed, or that has expired. */
export const openTicket = async (secrets: readonly SseSecrets[], token: string): Promise<Ticket | undefined> => {
  for (const { connect } of secrets) {
    try {
      const { payload } = await jwtDecrypt(token, connect, {
        audience: AUDIENCE,
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
export const sameText = (given: string | null, expected: string): boolean => {
  const a = Buffer.from(given ?? "")
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
