/** What went wrong at the server, as the port says it. */
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream"
import { LogCorrupt, LogError, LogFull, LogUnavailable } from "../../../src/ports/LogError.ts"

/** The last message on the subject is another one. */
export const isWrongSequence = (cause: unknown): boolean =>
  cause instanceof JetStreamApiError && cause.code === JetStreamApiCodes.StreamWrongLastSequence
const isFull = (cause: unknown): boolean =>
  cause instanceof JetStreamApiError &&
  /insufficient|maximum (bytes|messages)|resources? .*exceeded|limits? exceeded|no space/i.test(cause.message)

export const corrupt = (operation: string, thread: string, offset: number, problem: string): LogError =>
  new LogError({ operation, reason: new LogCorrupt({ thread, offset, problem }) })

export const toLogError = (operation: string, thread: string, cause: unknown): LogError => {
  if (cause instanceof LogError) return cause
  if (isFull(cause)) return new LogError({ operation, reason: new LogFull({ cause }) })
  if (cause instanceof SyntaxError) return corrupt(operation, thread, 0, "a record is not JSON")
  return new LogError({ operation, reason: new LogUnavailable({ cause }) })
}
