/**
 * The service's JSON Web Tokens: HS256 over the access key as UTF-8 text (not base64-decoded), for clients and for REST.
 *
 * Verifying is asynchronous (`jose`); the REST listener therefore remembers verified tokens and verifies on first sight
 * only. Which audiences are right is the caller's decision.
 */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto"
import type { KeyObject } from "node:crypto"
import { errors, jwtVerify, SignJWT } from "jose"

export interface Claims {
  readonly userId: string | undefined
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  /** Milliseconds since 1970; the token is refused from then on. */
  readonly expiresAtMillis: number
  /** Every claim as a list of texts, as the `connect` event carries them. */
  readonly all: Readonly<Record<string, readonly string[]>>
}

export type Verdict = { readonly ok: true; readonly claims: Claims } | { readonly ok: false; readonly message: string }

const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]).map(String)

const refused = (message: string): Verdict => ({ ok: false, message })

/** What went wrong, without echoing the token. */
const reasonOf = (cause: unknown): string => {
  if (cause instanceof errors.JWTExpired) return "the token has expired"
  if (cause instanceof errors.JWTClaimValidationFailed) return `the token's claim "${cause.claim}" is not right`
  if (cause instanceof errors.JOSEAlgNotAllowed) return "the token must be signed with HS256"
  if (cause instanceof errors.JWSSignatureVerificationFailed) return "the token is not signed with this service's key"
  return "the token is not a valid JSON Web Token"
}

export class Keys {
  readonly #texts: readonly string[]
  readonly #secrets: readonly KeyObject[]

  /** `accessKeys`: the primary key first; tokens signed with any of them are accepted. */
  constructor(accessKeys: readonly string[]) {
    this.#texts = accessKeys
    this.#secrets = accessKeys.map((key) => createSecretKey(Buffer.from(key, "utf8")))
  }

  /** Checks signature, `exp`, `nbf`, `sub` and that one of `audiences` is meant. */
  async verify(token: string, audiences: string[]): Promise<Verdict> {
    let last: unknown
    for (const secret of this.#secrets) {
      try {
        const { payload } = await jwtVerify(token, secret, {
          algorithms: ["HS256"],
          audience: audiences,
          requiredClaims: ["exp"]
        })
        if (payload.sub !== undefined && typeof payload.sub !== "string")
          return refused('the claim "sub" must be a text')
        const all: Record<string, string[]> = Object.create(null)
        for (const [name, value] of Object.entries(payload)) all[name] = texts(value)
        return {
          ok: true,
          claims: {
            userId: payload.sub,
            roles: texts(payload["role"]),
            groups: texts(payload["webpubsub.group"]),
            expiresAtMillis: (payload.exp ?? 0) * 1000,
            all
          }
        }
      } catch (cause) {
        last = cause
        if (!(cause instanceof errors.JWSSignatureVerificationFailed)) break
      }
    }
    return refused(reasonOf(last))
  }

  /** A client token as the service's own `:generateToken` makes it. */
  sign(options: {
    readonly audience: string
    readonly userId: string | undefined
    readonly roles: readonly string[]
    readonly groups: readonly string[]
    readonly minutesToExpire: number
  }): Promise<string> {
    const claims: Record<string, unknown> = {}
    if (options.roles.length > 0) claims["role"] = options.roles
    if (options.groups.length > 0) claims["webpubsub.group"] = options.groups
    const token = new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setAudience(options.audience)
      .setIssuedAt()
      .setExpirationTime(`${options.minutesToExpire}m`)
    if (options.userId !== undefined) token.setSubject(options.userId)
    return token.sign(this.#secrets[0]!)
  }

  /** The `ce-signature` header: one HMAC of the connection id for each key. */
  signConnection(connectionId: string): string {
    return this.#texts
      .map((key) => `sha256=${createHmac("sha256", key).update(connectionId, "utf8").digest("hex")}`)
      .join(",")
  }
}

/** Proves the right to take a connection over again; bound to that connection, valid as long as it is kept. */
export class ReconnectionTokens {
  readonly #secret: KeyObject
  constructor(secret: Buffer) {
    this.#secret = createSecretKey(secret)
  }

  issue(connectionId: string, nonce: string): string {
    return `${nonce}.${this.#mac(connectionId, nonce)}`
  }

  verify(connectionId: string, token: string): boolean {
    const dot = token.indexOf(".")
    if (dot < 0) return false
    const given = Buffer.from(token.slice(dot + 1))
    const expected = Buffer.from(this.#mac(connectionId, token.slice(0, dot)))
    return given.length === expected.length && timingSafeEqual(given, expected)
  }

  #mac(connectionId: string, nonce: string): string {
    return createHmac("sha256", this.#secret).update(`${connectionId}\n${nonce}`).digest("base64url")
  }
}
