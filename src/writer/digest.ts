/** The digest by which a repeated body is told from another: SHA-256 over canonical JSON (RFC 8785), base64url. */
import { createHash } from "node:crypto"
import canonicalize from "canonicalize"
import type { Json } from "../protocol/Json.ts"

export const digestOf = (value: Json): string =>
  createHash("sha256")
    .update(canonicalize(value) ?? "")
    .digest("base64url")
