/** What the service's answers mean: again later, never, or nothing there. No error carries the request and its key. */
import { BlobError, BlobRefused, BlobUnavailable } from "../../../src/ports/BlobStore.ts"

interface Answer {
  readonly statusCode?: number
  readonly code?: string
  readonly name?: string
  readonly response?: { readonly headers?: { get(name: string): string | undefined } }
}
const answerOf = (cause: unknown): Answer => (typeof cause === "object" && cause !== null ? (cause as Answer) : {})

/** A blob or its container. */
export const isNotFound = (cause: unknown): boolean => answerOf(cause).statusCode === 404
export const isNoContainer = (cause: unknown): boolean => answerOf(cause).code === "ContainerNotFound"

const remedyOf = ({ code, name, statusCode }: Answer, usesKey: boolean): string | undefined => {
  // deleted a moment ago: it can be made again in half a minute
  if (code === "ContainerBeingDeleted") return undefined
  if (statusCode === 401 || statusCode === 403)
    return usesKey
      ? "check the key in connectionString (was it regenerated?) and this machine's clock"
      : 'give the credential\'s identity the role "Storage Blob Data Contributor" on the account'
  if (statusCode === undefined)
    return /^(CredentialUnavailable|AuthenticationRequired)Error$/.test(name ?? "")
      ? "this machine has no identity that the credential can use: assign one, or use a connectionString"
      : undefined
  if (statusCode === 408 || statusCode === 429 || statusCode >= 500) return undefined
  return `check connection and container: the service answered ${statusCode}${code === undefined ? "" : ` ${code}`}`
}
const retryAfterMillis = ({ response }: Answer): number | undefined => {
  const header = response?.headers?.get("retry-after")
  if (header === undefined) return undefined
  const millis = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(millis) ? Math.max(0, millis) : undefined
}

export const toBlobError = (operation: BlobError["operation"], thrown: unknown, usesKey: boolean): BlobError => {
  if (thrown instanceof BlobError) return thrown
  const answer = answerOf(thrown)
  const cause = new Error(thrown instanceof Error ? thrown.message.replace(/\s+/g, " ").slice(0, 200) : "it failed")
  const remedy = remedyOf(answer, usesKey)
  if (remedy !== undefined) return new BlobError({ operation, reason: new BlobRefused({ remedy, cause }) })
  const wait = retryAfterMillis(answer)
  return new BlobError({
    operation,
    reason: new BlobUnavailable({ ...(wait === undefined ? {} : { retryAfterMillis: wait }), cause })
  })
}
