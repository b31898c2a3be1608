/**
 * Who a connection belongs to, sealed by us and kept by Pushpin: it hands `Set-Meta-Throughline` of the answer to `OPEN`
 * back as `Meta-Throughline` with each later event.
 *
 * `Grip-Sig` proves only that a call passed through Pushpin, as any client's does; it covers neither headers nor body. So
 * the principal comes from the seal alone. It is bound to the connection's id, and encrypted as well as authenticated
 * (JWE, A256GCM): `claims` are not for others' eyes.
 */
import { EncryptJWT, jwtDecrypt } from "jose"
import type { GatewaySecrets } from "../../../src/gateway/secrets.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import type { JsonObject } from "../../../src/protocol/Json.ts"

export const META = "throughline"
const AUDIENCE = "throughline/pushpin/connection"

export const sealConnection = (secrets: GatewaySecrets, connection: string, principal: Principal): Promise<string> =>
  new EncryptJWT({ principal: principal as unknown as JsonObject })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setAudience(AUDIENCE)
    .setSubject(connection)
    .encrypt(secrets.upstream)

/** `undefined` for anything that we did not seal for this connection. */
export const openConnection = async (
  secrets: GatewaySecrets,
  connection: string,
  sealed: string
): Promise<Principal | undefined> => {
  try {
    const { payload } = await jwtDecrypt(sealed, secrets.upstream, {
      audience: AUDIENCE,
      subject: connection,
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"]
    })
    return payload["principal"] as Principal
  } catch {
    return undefined
  }
}
