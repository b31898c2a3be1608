/**
 * Names of blobs in the container. Azure takes 1,024 characters, and its clients and proxies rewrite `.`, `..`, `\` and
 * trailing dots in URLs; here everything but `[A-Za-z0-9_-]` and inner dots is escaped, segment by segment, so that a
 * prefix of a key is one of its name. Of a long segment the name has the beginning and the hash.
 */
import { createHash } from "node:crypto"

const MAX_SEGMENT = 60
const HASHED_PREFIX = 16

const nameOfSegment = (segment: string): string => {
  const escaped = segment.replace(
    /^\.|\.$|[^A-Za-z0-9_.-]/g,
    (unit) => `!${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
  if (escaped.length <= MAX_SEGMENT) return escaped
  return `${escaped.slice(0, HASHED_PREFIX)}~${createHash("sha256").update(segment).digest("base64url")}`
}
/** Of a key, or of a prefix that ends in a slash. */
export const nameOf = (key: string): string => key.split("/").map(nameOfSegment).join("/")
