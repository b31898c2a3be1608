/**
 * The digest by which a repeated or approved body is told from another: SHA-256 over canonical JSON, base64url.
 *
 * Canonical as in RFC 8785: keys in the order of their UTF-16 units, numbers and texts as ECMAScript writes them. Written
 * here because text may hold lone surrogates (PROTOCOL.md#entry), which libraries of the RFC refuse; they stay distinct.
 *
 * Plain ASCII goes straight into bytes and the rest by way of `JSON.stringify`: text put together of thousands of pieces
 * costs three times as much, and leaves it to the collector.
 */
import { createHash, type Hash } from "node:crypto"
import type { Json } from "../protocol/Json.ts"

export const digestOf = (value: Json): string => {
  hash = createHash("sha256")
  used = 0
  write(value)
  flush()
  return hash.digest("base64url")
}

/** Of the digest that is being made: one at a time, since it is made without a pause. */
let hash: Hash
const bytes = new Uint8Array(8_192)
let used = 0
/** Longer text is not looked at unit by unit. */
const SHORT = 256
const QUOTE = 34
const BACKSLASH = 92

const flush = () => {
  hash.update(bytes.subarray(0, used))
  used = 0
}
/** A token as it is. */
const put = (token: string) => {
  if (used + token.length > bytes.length) flush()
  for (let at = 0; at < token.length; at++) bytes[used++] = token.charCodeAt(at)
}
const putText = (text: string) => {
  if (text.length <= SHORT) {
    if (used + text.length + 2 > bytes.length) flush()
    let end = used
    bytes[end++] = QUOTE
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      if (unit < 32 || unit > 126 || unit === QUOTE || unit === BACKSLASH) return putWritten(text)
      bytes[end++] = unit
    }
    bytes[end++] = QUOTE
    used = end
    return
  }
  putWritten(text)
}
const putWritten = (text: string) => {
  flush()
  hash.update(JSON.stringify(text))
}

/** Values are at most 64 deep: whoever calls has checked it. */
const write = (value: Json): void => {
  if (typeof value === "string") return putText(value)
  if (typeof value !== "object" || value === null) return put(String(value))
  let separator = ""
  if (Array.isArray(value)) {
    put("[")
    for (const item of value) {
      put(separator)
      write(item)
      separator = ","
    }
    return put("]")
  }
  const members = value as { readonly [key: string]: Json }
  put("{")
  for (const key of sorted(Object.keys(members))) {
    const member = members[key]
    if (member === undefined) continue
    put(separator)
    putText(key)
    put(":")
    write(member)
    separator = ","
  }
  put("}")
}
const sorted = (keys: string[]): readonly string[] => {
  for (let n = 1; n < keys.length; n++) if (keys[n - 1]! > keys[n]!) return keys.sort()
  return keys
}
