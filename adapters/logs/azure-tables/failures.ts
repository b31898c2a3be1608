/** What the service's answers mean. Nothing else of this adapter looks at status codes, and no error carries a request. */
import { LogError, LogUnavailable } from "../../../src/ports/LogError.ts"

interface Answer {
  readonly statusCode?: number
  readonly code?: string
  readonly response?: { readonly headers?: { get(name: string): string | undefined } }
}
const answerOf = (cause: unknown): Answer => (typeof cause === "object" && cause !== null ? (cause as Answer) : {})
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "")

export const isNotFound = (cause: unknown): boolean => answerOf(cause).statusCode === 404
/** Azurite gives table errors no code: only the status is sure. */
export const isConflict = (cause: unknown): boolean => [404, 409, 412].includes(answerOf(cause).statusCode ?? 0)
/** The batch failed at its second operation: the head was as expected, the entry was there already. */
export const isEntryThere = (cause: unknown): boolean =>
  answerOf(cause).statusCode === 409 && messageOf(cause).startsWith("1:")
/** Nothing was written, and never will be. Source: learn.microsoft.com/rest/api/storageservices/table-service-error-codes */
export const isTooLarge = (cause: unknown): boolean =>
  answerOf(cause).statusCode === 413 ||
  /^(EntityTooLarge|PropertyValueTooLarge|RequestBodyTooLarge|ContentLengthExceeded)$/.test(answerOf(cause).code ?? "")

const retryAfterMillis = ({ response }: Answer): number | undefined => {
  const header = response?.headers?.get("retry-after")
  if (header === undefined) return undefined
  const millis = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(millis) ? Math.max(0, millis) : undefined
}
export const unavailable = (operation: string, cause: unknown): LogError => {
  if (cause instanceof LogError) return cause
  const wait = retryAfterMillis(answerOf(cause))
  const { code, statusCode } = answerOf(cause)
  const said = [statusCode, code, messageOf(cause).replace(/\s+/g, " ").slice(0, 200)].filter(Boolean).join(" ")
  return new LogError({
    operation,
    reason: new LogUnavailable({
      ...(wait === undefined ? {} : { retryAfterMillis: wait }),
      cause: new Error(said === "" ? "the request failed" : said)
    })
  })
}
