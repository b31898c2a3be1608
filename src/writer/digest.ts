/**
 * The digest by which a repeated or approved body is told from another: SHA-256 over canonical JSON, base64url.
 *
 * Canonical as in RFC 8785: keys in the order of their UTF-16 units, numbers and texts as ECMAScript writes them. Written
 * here because text may hold lone surrogates (PROTOCOL.md#entry), which libraries of the RFC refuse; they stay distinct.
 */
import { createHash } from "node:crypto"
import type { Json } from "../protocol/Json.ts"

export const digestOf = (value: Json): string => createHash("sha256").update(canonical(value)).digest("base64url")

/** Values are at most 64 deep: whoever calls has checked it. */
const canonical = (value: Json): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  const members = Object.entries(value as { readonly [key: string]: Json })
  return `{${members
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`)
    .join(",")}}`
}
