/**
 * The secrets that backend and gateway process share, all derived from one key that itself never travels.
 *
 * - `connect`: encrypts the token of a grant: principal, groups, expiry (JWE, because `claims` are not for clients)
 * - `rest`: the bearer token of publish and revoke
 * - `upstream`: signs the calls of the gateway to the backend, over time and body
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto"
import { EncryptJWT, jwtDecrypt } from "jose"
import type { Principal } from "../../../src/ports/Access.ts"
import type { JsonObject } from "../../../src/protocol/Json.ts"

export interface WsSecrets {
  readonly connect: Uint8Array
  readonly rest: string
  readonly upstream: Uint8Array
  readonly groups: string
}
/** Throws a `TypeError` that names `setting` for a key of fewer than 32 characters. */
export const deriveSecrets = (key: string, setting = "key"): WsSecrets => {
  if (key.length < 32) throw new TypeError(`${setting} must have at least 32 characters; backend and gateway share it`)
  const derive = (use: string) => new Uint8Array(hkdfSync("sha256", key, "", `throughline/ws/${use}`, 32))
  return {
    connect: derive("connect"),
    rest: Buffer.from(derive("rest")).toString("base64url"),
    upstream: derive("upstream"),
    groups: Buffer.from(derive("groups")).toString("base64url")
  }
}

/** What a connection may do. A worker joins groups by itself and sends no events. */
export interface Ticket {
  readonly principal: Principal
  readonly groups: readonly string[]
  readonly worker: boolean
}
const AUDIENCE = "throughline/ws"

export const sealTicket = (secrets: WsSecrets, ticket: Ticket, expiresAt: number): Promise<string> =>
  new EncryptJWT({ ticket: ticket as unknown as JsonObject })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setAudience(AUDIENCE)
    .setExpirationTime(expiresAt / 1000)
    .encrypt(secrets.connect)

/** `undefined` for anything that this key did not seal, or that has expired. */
export const openTicket = async (secrets: WsSecrets, token: string): Promise<Ticket | undefined> => {
  try {
    const { payload } = await jwtDecrypt(token, secrets.connect, {
      audience: AUDIENCE,
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
      requiredClaims: ["exp"]
    })
    return payload["ticket"] as Ticket
  } catch {
    return undefined
  }
}

/** The gateway sends one for each of its keys, with commas between them. */
export const MAX_SIGNATURES = 2
export const signUpstream = (secrets: WsSecrets, time: string, body: string): string =>
  createHmac("sha256", secrets.upstream).update(`${time}.${body}`).digest("base64url")

/** In constant time for texts of the same length. */
export const sameText = (given: string | null | undefined, expected: string): boolean => {
  const a = Buffer.from(given ?? "")
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
