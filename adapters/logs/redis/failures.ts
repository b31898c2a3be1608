/** What may go wrong with a Redis server, as the log's errors. Error codes: redis.io/docs/latest/develop/reference/protocol-spec */
import * as Schema from "effect/Schema"
import { LogCorrupt, LogError, LogFull, LogUnavailable } from "../../../src/ports/LogError.ts"

/**
 * The server removes keys when its memory is full, so a log in it would lose entries. Do not retry: change the
 * setting, or use a server of the log's own.
 */
export class EvictingServer extends Schema.TaggedError<EvictingServer>()("EvictingServer", {
  policy: Schema.String
}) {
  override get message() {
    return `open: this server's maxmemory-policy is ${this.policy}, which deletes entries of the log when memory is full; set maxmemory-policy to noeviction`
  }
}

/** The server did not answer in time, or the connection is gone. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { afterMillis: Schema.Number }) {
  override get message() {
    return `no answer within ${this.afterMillis} ms`
  }
}

export const corrupt = (operation: string, thread: string, offset: number, problem: string): LogError =>
  new LogError({ operation, reason: new LogCorrupt({ thread, offset, problem }) })

/** In a script, the code stands behind what Redis says about the script. */
const says = (cause: unknown, code: string): boolean =>
  cause instanceof Error && new RegExp(`(^|\\W)${code} `).test(cause.message)
export const isNoScript = (cause: unknown): boolean => cause instanceof Error && cause.message.startsWith("NOSCRIPT")
export const isWrongType = (cause: unknown): boolean => says(cause, "WRONGTYPE")

export const toLogError = (operation: string, thread: string, cause: unknown): LogError => {
  if (cause instanceof LogError) return cause
  if (cause instanceof SyntaxError) return corrupt(operation, thread, 0, "a record is not readable")
  if (isWrongType(cause)) return corrupt(operation, thread, 0, "a key holds something else")
  const reason = says(cause, "OOM") ? new LogFull({ cause }) : new LogUnavailable({ cause })
  return new LogError({ operation, reason })
}
