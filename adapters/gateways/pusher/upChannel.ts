/**
 * The name of a client's own channel. The principal is sealed in it, because webhooks that say that a channel came to be or
 * ended say nothing but its name.
 *
 * A channel's name has at most 164 characters. Claims never fit; where id and tenant do not either, the name tells nobody.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import type { Principal } from "../../../src/ports/Access.ts"
import { UP_PREFIX } from "./wire.ts"

const MAX_CHANNEL_LENGTH = 164
const IV_BYTES = 12
const TAG_BYTES = 16
const MAX_SEALED_BYTES = Math.floor(((MAX_CHANNEL_LENGTH - UP_PREFIX.length) * 3) / 4) - IV_BYTES - TAG_BYTES

/** Another name at each call. */
export const makeUpChannel = (key: Uint8Array, { id, tenant }: Principal): string => {
  const told = Buffer.from(JSON.stringify(tenant === undefined ? [id] : [id, tenant]))
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv("aes-256-gcm", key, iv)
  const sealed = [cipher.update(told.length > MAX_SEALED_BYTES ? "[]" : told), cipher.final()]
  return UP_PREFIX + Buffer.concat([iv, ...sealed, cipher.getAuthTag()]).toString("base64url")
}

/** Whose channel it is, without claims. `undefined` for a channel that another made, or that tells nobody. */
export const openUpChannel = (key: Uint8Array, channel: string): Principal | undefined => {
  if (!channel.startsWith(UP_PREFIX)) return undefined
  const bytes = Buffer.from(channel.slice(UP_PREFIX.length), "base64url")
  if (bytes.length < IV_BYTES + TAG_BYTES) return undefined
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const told = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()])
    const [id, tenant] = JSON.parse(told.toString()) as string[]
    if (id === undefined) return undefined
    return tenant === undefined ? { id } : { id, tenant }
  } catch {
    // not sealed with our key
    return undefined
  }
}
