/**
 * What Postgres's and the driver's errors mean to the caller of a log. Codes: Postgres manual, appendix A.
 *
 * A cause that is handed on is made anew: the driver's own errors carry rows, parameters and the connection.
 */
import { LogCorrupt, LogError, LogFull, LogUnavailable, RecordTooLarge } from "../../../src/ports/LogError.ts"
import type { LogErrorReason } from "../../../src/ports/LogError.ts"

/** What the server or the driver said, without what it said it about. */
export class PostgresFailure extends Error {
  override readonly name = "PostgresFailure"
  /** SQLSTATE, or the code of a socket's error; `""` where there is none. */
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}
/** The server is reachable and yet not one that this release can write to. */
export class SchemaMismatch extends Error {
  override readonly name = "SchemaMismatch"
}
/** Damage that concerns the schema, or whose thread is not known. */
export const WHOLE_SCHEMA = "*"
export const corrupt = (operation: string, thread: string, offset: number, problem: string): LogError =>
  new LogError({ operation, reason: new LogCorrupt({ thread, offset, problem }) })

export const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""
/** The server said that it undid the statement because of others, not because of what it says. */
export const isRace = (cause: unknown): boolean => ["40001", "40P01"].includes(codeOf(cause))
/** Nobody answered in time: who waits behind would wait as long. */
export const isTimeout = (cause: unknown): boolean =>
  cause instanceof Error && codeOf(cause) === "" && /time.?out/i.test(cause.message)

const DAMAGE = /^(XX00[012]|23505|23502|42P01|42703|3F000|42P10|42804)$/
const FULL = /^(53100|54P01)$/
const TOO_LARGE = /^(54000|22001)$/
/** Worth asking again soon: too many connections, starting up, shutting down, a standby. */
const SOON = /^(53300|53400|57P0[123]|25006)$/
const RETRY_MILLIS = 1_000
/** What fits into a row of Postgres's index of notes; its own limit is in pages and less plain. */
const KEY_BYTES = 2_600

const reasonOf = (cause: Error, thread: string, offset: number): LogErrorReason => {
  const code = codeOf(cause)
  const failure = new PostgresFailure(messageOf(cause, code), code)
  if (DAMAGE.test(code)) return new LogCorrupt({ thread, offset, problem: failure.message })
  if (FULL.test(code)) return new LogFull({ cause: failure })
  if (TOO_LARGE.test(code)) {
    const sizeBytes = Number(/row size (\d+)/.exec(cause.message)?.[1] ?? KEY_BYTES + 1)
    return new RecordTooLarge({ what: "a thread's key with a note's key", sizeBytes, limitBytes: KEY_BYTES })
  }
  return new LogUnavailable({ cause: failure, ...(SOON.test(code) ? { retryAfterMillis: RETRY_MILLIS } : {}) })
}
/** The server's messages about data (class 22) quote it; those are replaced. */
const messageOf = (cause: Error, code: string): string =>
  code.startsWith("22") ? `the server refused a value (${code})` : cause.message

/** A thrown value as a `LogError`; a programming mistake is a defect and thrown on. */
export const toLogError = (operation: string, thread: string, cause: unknown, offset = 0): LogError => {
  if (cause instanceof LogError) return cause
  if (cause instanceof SchemaMismatch) return corrupt(operation, WHOLE_SCHEMA, 0, cause.message)
  if (cause instanceof SyntaxError) return corrupt(operation, thread, offset, "a record is not readable")
  if (!(cause instanceof Error) || cause instanceof TypeError || cause instanceof RangeError) throw cause
  return new LogError({ operation, reason: reasonOf(cause, thread, offset) })
}
