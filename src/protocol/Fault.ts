/**
 * The one shape of every error that leaves the backend, and the catalogue of its codes. PROTOCOL.md#errors
 *
 * A fault says what happened and what to do, and whether the same request can help later. It never carries a
 * stack, a secret, or more than 64 characters of what was sent.
 */
export interface Fault {
  readonly code: FaultCode | (string & {})
  readonly message: string
  readonly retryable: boolean
  /** JSON path of the field that broke the rule, such as `events[2].part`. */
  readonly path?: string
  readonly limit?: number
  readonly expected?: string
  readonly got?: string
  readonly retryAfterMillis?: number
  /** Where the log is now, for `OFFSET_AHEAD`, `OFFSET_EXPIRED` and `LOG_CHANGED`. */
  readonly head?: { readonly logId: string; readonly offset: number; readonly id: string }
}

/** `status` is the HTTP status of a response that carries the fault; over a socket it is always 200. */
interface FaultKind {
  readonly status: number
  readonly retryable: boolean
  /** When it is answered, in one sentence; printed into docs/errors.md. */
  readonly when: string
}
const kind = (status: number, retryable: boolean, when: string): FaultKind => ({ status, retryable, when })

export const FAULTS = {
  BAD_JSON: kind(400, false, "The text is not JSON."),
  BAD_SHAPE: kind(400, false, "A field is missing or has the wrong type; `path` names it."),
  BAD_NUMBER: kind(400, false, "A number is not an integer in its range, written in plain ASCII digits."),
  BAD_ID: kind(400, false, "An id is empty, too long, or has a character that ids may not have."),
  BAD_PATCH: kind(400, false, "A JSON Patch does not apply: a missing path, a bad index, a failed test."),
  BAD_INPUT: kind(400, false, "The input does not fit the agent's schema; `path` names the field."),
  BAD_OUTPUT: kind(500, false, "The agent's result does not fit its own schema."),
  FORBIDDEN_KEY: kind(400, false, "A key such as `__proto__` is never accepted."),
  TOO_LARGE: kind(413, false, "The value is larger than `limit` bytes; shorten it or store a reference."),
  TOO_DEEP: kind(400, false, "The value is nested deeper than `limit`."),
  TOO_MANY: kind(400, false, "An array or object has more than `limit` members, or too much is open at once."),
  UNKNOWN_TYPE: kind(400, false, "The event or interrupt is of a kind that this route does not accept."),
  UNSUPPORTED_VERSION: kind(400, false, "The protocol version is not one that this side speaks."),
  UNAUTHENTICATED: kind(401, false, "The request does not say who sends it, or not validly; sign in again."),
  FORBIDDEN: kind(403, false, "The sender may see the thread, but may not do this."),
  ORIGIN_REFUSED: kind(403, false, "The page's origin is not on the list of allowed origins."),
  NOT_FOUND: kind(404, false, "There is no such thread, run, route or agent, or the sender may not know of it."),
  METHOD_NOT_ALLOWED: kind(405, false, "The route exists for other methods; see the Allow header."),
  REQUEST_TIMEOUT: kind(408, true, "The body did not arrive in time."),
  UNSUPPORTED_MEDIA_TYPE: kind(415, false, "The body must be application/json."),
  DUPLICATE_DIFFERENT: kind(409, false, "The id was used before with another body; take a new id."),
  RUN_EXISTS: kind(409, false, "A run with this id exists and was started with another body."),
  RUN_BUSY: kind(409, true, "The thread has an unfinished run and the agent takes one at a time."),
  RUN_TERMINAL: kind(409, false, "The run has ended."),
  RUN_NOT_WAITING: kind(409, false, "The run does not wait for a worker; the job is old or delivered twice."),
  EPOCH_FENCED: kind(409, false, "Another worker has taken the run; this one must stop."),
  ASK_CLOSED: kind(409, false, "The ask is not open (any more)."),
  APPROVAL_MISMATCH: kind(409, false, "What was approved is not what was asked."),
  APPROVAL_EXPIRED: kind(409, false, "The ask expired before the answer came."),
  APPROVAL_ALREADY_DECIDED: kind(409, false, "The ask was decided before."),
  OFFSET_AHEAD: kind(409, true, "The offset lies beyond the log's head; `head` says where that is."),
  OFFSET_EXPIRED: kind(410, false, "The offset lies before what the log still holds; take the view instead."),
  LOG_CHANGED: kind(409, false, "The log has another history than the one asked for; take the view instead."),
  RATE_LIMITED: kind(429, true, "Too many requests; wait `retryAfterMillis`."),
  WEBHOOK_BAD_SIGNATURE: kind(401, false, "The webhook is not signed by the gateway."),
  WEBHOOK_REPLAYED: kind(401, false, "The webhook's time is too far from now."),
  TOKEN_WRONG_AUDIENCE: kind(401, false, "The token is for another endpoint or hub."),
  TOKEN_EXPIRED: kind(401, false, "The token has expired; ask for a new one."),
  STORE_UNAVAILABLE: kind(503, true, "The log did not answer; nothing is known to be lost."),
  STORE_FULL: kind(507, true, "The log has no room left."),
  STORE_CORRUPT: kind(500, false, "The log's records of this thread do not fit together; it is not served."),
  GATEWAY_UNAVAILABLE: kind(503, true, "The gateway did not answer."),
  OUTCOME_UNKNOWN: kind(503, true, "No answer came in time; send the same id again to learn the verdict."),
  WORKER_LOST: kind(500, true, "The worker died and the run could not be given to another."),
  DEADLINE_EXCEEDED: kind(500, false, "The run took longer than its deadline."),
  AGENT_FAILED: kind(500, false, "The agent's function failed."),
  REPLAY_DIVERGED: kind(500, false, "The resumed run made another call than the recorded one."),
  INTERNAL: kind(500, false, "Something failed that should not; the server's log has the cause.")
} as const satisfies Record<string, FaultKind>
export type FaultCode = keyof typeof FAULTS

/** Builds a fault whose `retryable` is the catalogue's. */
export const fault = (code: FaultCode, message: string, details?: Partial<Omit<Fault, "code" | "message">>): Fault => ({
  code,
  message,
  retryable: FAULTS[code].retryable,
  ...details
})

/** Raw text as an error may quote it: at most 64 characters, control characters escaped. */
export const quote = (value: unknown): string => {
  const text = typeof value === "string" ? value : String(JSON.stringify(value))
  const json = JSON.stringify(text.length > 64 ? `${text.slice(0, 63)}…` : text)
  return json.slice(1, -1)
}
