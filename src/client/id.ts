/**
 * New ids. Written here because the package `uuid` is 0.65 kB of the browser's 10, and these lines 0.2.
 */

/** UUIDv7 (RFC 9562): 48 bits of wall time, version, 74 random bits. Works in insecure contexts too. */
export const newId = (): string => {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => byte.toString(16).padStart(2, "0")).join(
    ""
  )
  const time = Date.now().toString(16).padStart(12, "0")
  const variant = "89ab"[Number.parseInt(hex[3]!, 16) & 3]!
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(8)}`
}
