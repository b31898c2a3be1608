/** Tokens written by hand, to make those that the SDK would not: wrong algorithms, keys, times and claims. */
import { createHmac } from "node:crypto"

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

export const seconds = (): number => Math.floor(Date.now() / 1000)

/** A token that is right but for what `claims` and `header` change; `undefined` removes a claim. */
export const sign = (key: string, claims: Record<string, unknown>, header: Record<string, unknown> = {}): string => {
  const now = seconds()
  const content = `${encode({ alg: "HS256", typ: "JWT", ...header })}.${encode({ iat: now, exp: now + 60, ...claims })}`
  return `${content}.${createHmac(header["alg"] === "HS512" ? "sha512" : "sha256", key)
    .update(content)
    .digest("base64url")}`
}

export const bearer = (key: string, claims: Record<string, unknown>): string => `Bearer ${sign(key, claims)}`
