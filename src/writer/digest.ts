/**
 * The digest by which a repeated or approved body is told from another: SHA-256 over canonical JSON, base64url.
 *
 * Canonical as in RFC 8785: keys in the order of their UTF-16 units, numbers and texts as ECMAScript writes them. Written
 * here because text may hold lone surrogates (PROTOCOL.md#entry), which libraries of the RFC refuse; they stay distinct.
 */
import { createHash } from "node:crypto"
import type { Json } from "../protocol/Json.ts"

export const digestOf = (value: Json): string => createHash("sha256").update(canonical(value)).digest("base64url")

/** Values are at most 64 deep: whoever calls has checked it. Text is added up, which costs a third of joining lists. */
const canonical = (value: Json): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  let text = ""
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === "" ? "" : ","}${canonical(item)}`
    return `[${text}]`
  }
  const members = value as { readonly [key: string]: Json }
  for (const key of Object.keys(members).sort()) {
    const member = members[key]
    if (member !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonical(member)}`
  }
  return `{${text}}`
}
