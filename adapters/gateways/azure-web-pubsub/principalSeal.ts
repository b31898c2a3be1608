/**
 * Sealed principals: who a connection belongs to, in a form that only this backend can make and read.
 *
 * The service signs nothing but the connection's id, so its webhooks cannot be trusted to say who sent them. A grant
 * carries a sealed principal in the client's URL; the `connect` event hands it back, and from then on it travels in
 * `ce-connectionState`, bound to the connection. Encrypted as well as authenticated (JWE, A256GCM), because
 * `claims` are not for the client's eyes.
 */
import { EncryptJWT, jwtDecrypt } from "jose"
import type { Principal } from "../../../src/ports/Access.ts"
import type { JsonObject } from "../../../src/protocol/Json.ts"

/** Where a sealed principal is valid: in a client's URL, or in the state of one connection. */
export type SealUse =
  | { readonly in: "url"; readonly expiresAt: number }
  | { readonly in: "connection"; readonly connection: string }

/** A worker's own connection is not a person's: its events go no further. */
export interface Sealed {
  readonly principal: Principal
  readonly worker: boolean
}

/** Encoded principals above this do not fit a connection's URL. */
export const MAX_SEALED_BYTES = 4_000

const audience = (hub: string, use: "url" | "connection") => `throughline/${hub}/${use}`

export const sealPrincipal = (key: Uint8Array, hub: string, sealed: Sealed, use: SealUse): Promise<string> => {
  const { id, tenant, claims } = sealed.principal
  const token = new EncryptJWT({
    id,
    ...(tenant === undefined ? {} : { tenant }),
    ...(claims === undefined ? {} : { claims }),
    ...(sealed.worker ? { worker: true } : {})
  })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setAudience(audience(hub, use.in))
  // A fraction of a second is a valid NumericDate, and short grants stay exact.
  return (use.in === "url" ? token.setExpirationTime(use.expiresAt / 1000) : token.setSubject(use.connection)).encrypt(
    key
  )
}

type OpenUse = { readonly in: "url" } | { readonly in: "connection"; readonly connection: string }

/** `undefined` for anything that none of `keys` sealed for this hub, this use and this connection, or has expired. */
export const openPrincipal = async (
  keys: readonly Uint8Array[],
  hub: string,
  token: string,
  use: OpenUse
): Promise<Sealed | undefined> => {
  if (token.length > MAX_SEALED_BYTES) return undefined
  for (const key of keys) {
    const sealed = await openWith(key, hub, token, use)
    if (sealed !== undefined) return sealed
  }
  return undefined
}

const openWith = async (key: Uint8Array, hub: string, token: string, use: OpenUse): Promise<Sealed | undefined> => {
  try {
    const { payload } = await jwtDecrypt(token, key, {
      audience: audience(hub, use.in),
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
      requiredClaims: use.in === "url" ? ["exp"] : [],
      ...(use.in === "connection" ? { subject: use.connection } : {})
    })
    const { id, tenant, claims } = payload
    if (typeof id !== "string") return undefined
    return {
      principal: {
        id,
        ...(typeof tenant === "string" ? { tenant } : {}),
        ...(claims === undefined ? {} : { claims: claims as JsonObject })
      },
      worker: payload["worker"] === true
    }
  } catch {
    return undefined
  }
}
