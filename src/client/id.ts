/**
 * New ids. Written here because the package `uuid` is 0.65 kB of the browser's 10, and these lines 0.2.
 */

/** UUIDv7 (RFC 9562): 48 bits of wall time, version, 74 random bits. Works in insecure contexts too. */
export const newId = (): string => {
  const time = Date.now().toString(16).padStart(12, "0")
  return `${time.replace(/.{8}/, "$&-")}-7xxx-yxxx-xxxxxxxxxxxx`.replace(/[xy]/g, (digit) => {
    const [byte] = crypto.getRandomValues(new Uint8Array(1))
    return (digit === "x" ? byte! & 15 : (byte! & 3) | 8).toString(16)
  })
}
