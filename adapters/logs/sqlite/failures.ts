/** What SQLite's errors mean to the caller of a log. Codes: sqlite.org/rescode.html */
import { LogCorrupt, LogError, LogFull, LogUnavailable } from "../../../src/ports/LogError.ts"
import { SchemaMismatch } from "./schema.ts"

const CORRUPT = 11
const FULL = 13
const CONSTRAINT = 19
const NOT_A_DATABASE = 26
const SHORT_READ = 522

const codeOf = (cause: unknown): number =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode : 0
const isSqlite = (cause: unknown): boolean => codeOf(cause) !== 0

/** Damage that concerns the file, or whose thread is not known. */
export const WHOLE_FILE = "*"
export const corrupt = (operation: string, thread: string, offset: number, problem: string): LogError =>
  new LogError({ operation, reason: new LogCorrupt({ thread, offset, problem }) })

/**
 * A thrown value as a `LogError`; anything that is neither ours nor SQLite's is a defect and thrown on.
 * A number beyond 2^53 is never written, so reading one is damage.
 */
export const toLogError = (operation: string, thread: string, cause: unknown, offset = 0): LogError => {
  if (cause instanceof LogError) return cause
  if (cause instanceof SchemaMismatch) return corrupt(operation, WHOLE_FILE, 0, cause.message)
  if (cause instanceof RangeError) return corrupt(operation, thread, offset, "a number that was never written")
  if (!isSqlite(cause)) throw cause
  const code = codeOf(cause)
  const text = cause instanceof Error ? cause.message : ""
  if (code === SHORT_READ) return corrupt(operation, thread, offset, "the file is cut short")
  switch (code & 0xff) {
    case CORRUPT:
    case NOT_A_DATABASE:
    case CONSTRAINT:
      return corrupt(operation, thread, offset, text)
    case FULL:
      return new LogError({ operation, reason: new LogFull({ cause }) })
    default:
      return new LogError({ operation, reason: new LogUnavailable({ cause }) })
  }
}
