/**
 * Bearer tokens for the service's REST API: signed with the access key, or from Entra ID.
 *
 * The service wants a token per URL (its audience is the whole URL). Signing one costs more than sending a frame, so
 * each is kept until shortly before it expires. Bounded: the least recently made leave first.
 */
import { SignJWT } from "jose"
import type { Settings } from "./settings.ts"

const LIFETIME_MILLIS = 60 * 60_000
const REFRESH_BEFORE_MILLIS = 5 * 60_000
const MAX_TOKENS = 10_000
const ENTRA_SCOPE = "https://webpubsub.azure.com/.default"

export interface RestTokens {
  /** The `authorization` header for a request to exactly this URL, if one is at hand. */
  readonly peek: (url: string) => string | undefined
  /** Makes a new one. Rejects where Entra ID gives none. */
  readonly make: (url: string) => Promise<string>
}

export const makeRestTokens = (settings: Settings): RestTokens => {
  const { access } = settings
  const kept = new Map<string, { readonly header: string; readonly refreshAt: number }>()
  const keep = (key: string, header: string, expiresAt: number): string => {
    kept.delete(key)
    if (kept.size >= MAX_TOKENS) kept.delete(kept.keys().next().value as string)
    kept.set(key, { header, refreshAt: expiresAt - REFRESH_BEFORE_MILLIS })
    return header
  }
  const keyOf = (url: string) => (access.type === "key" ? url : "")
  const secret = access.type === "key" ? new TextEncoder().encode(access.key) : undefined

  return {
    peek: (url) => {
      const token = kept.get(keyOf(url))
      return token !== undefined && token.refreshAt > Date.now() ? token.header : undefined
    },
    make: async (url) => {
      if (access.type === "identity") {
        const token = await access.credential.getToken(ENTRA_SCOPE)
        if (token === null) throw new Error("the credential gave no token for Web PubSub")
        return keep("", `Bearer ${token.token}`, token.expiresOnTimestamp)
      }
      const expiresAt = Date.now() + LIFETIME_MILLIS
      const token = await new SignJWT({ aud: url })
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .setIssuedAt()
        .setExpirationTime(Math.floor(expiresAt / 1000))
        .sign(secret as Uint8Array)
      return keep(url, `Bearer ${token}`, expiresAt)
    }
  }
}
