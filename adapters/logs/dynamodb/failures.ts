/**
 * What DynamoDB's answers mean. Only the name and the status of an error go on: what it says may name roles and, for a
 * wrong signature, hold the session token.
 */
import { LogCorrupt, LogError, LogUnavailable, RecordTooLarge } from "../../../src/ports/LogError.ts"

interface SdkError {
  readonly name?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}
const given = (cause: unknown) => Object(cause) as SdkError

export const isConflict = (cause: unknown): boolean => given(cause).name === "ConditionalCheckFailedException"
const isTooLarge = (cause: unknown): boolean =>
  given(cause).name === "ValidationException" && /size/i.test(given(cause).message ?? "")

export const corrupt = (operation: string, thread: string, offset: number, problem: string): LogError =>
  new LogError({ operation, reason: new LogCorrupt({ thread, offset, problem }) })
export const tooLarge = (what: string, sizeBytes: number, limitBytes: number): LogError =>
  new LogError({ operation: "append", reason: new RecordTooLarge({ what, sizeBytes, limitBytes }) })

const saysWhat = (cause: unknown): string => {
  const { $metadata, message, name } = given(cause)
  const status = $metadata?.httpStatusCode
  if (status === undefined) return (message || name || "the request failed").replace(/\s+/g, " ").slice(0, 200)
  if (name === "ResourceNotFoundException") return "there is no such table in this region, or it lacks the index"
  return `DynamoDB answered ${status} (${name})`
}
export const toLogError = (operation: string, thread: string, cause: unknown): LogError => {
  if (cause instanceof LogError) return cause
  if (cause instanceof SyntaxError) return corrupt(operation, thread, 0, "a record is not readable")
  return new LogError({ operation, reason: new LogUnavailable({ cause: new Error(saysWhat(cause)) }) })
}
/** What can never succeed is thrown; the rest says nothing about whether it is written. */
export const unknownUnlessTooLarge = (cause: unknown, sizeBytes: number, limitBytes: number) => {
  if (cause instanceof LogError && cause.reason._tag !== "LogUnavailable") throw cause
  if (isTooLarge(cause)) throw tooLarge("append", sizeBytes, limitBytes)
  return { _tag: "Unknown", cause: toLogError("append", "", cause) } as const
}
