/** The errors that an agent's function meets or throws on purpose. */

/**
 * Why `run.signal` aborted, as its `reason`, and why a call of the run rejects afterwards.
 *
 * - `CANCELLED`: a person stopped the run; finish tidily, what is said within the grace is kept
 * - `EPOCH_FENCED`, `RUN_TERMINAL`: another worker has the run, or it has ended; nothing said now is kept
 * - `DEADLINE_EXCEEDED`: the run or its host ran out of time
 * - `SUSPENDED`: the run goes on in a later epoch, from its first line; nothing said now is kept
 */
export class RunAborted extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = "RunAborted"
    this.code = code
  }
}
/** Throw this to say to the people who watch why the run or a tool failed; other errors are logged, not shown. */
export class AgentError extends Error {
  /** Whether the same run may succeed later. */
  readonly retryable: boolean
  constructor(message: string, options?: { readonly retryable?: boolean; readonly cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.name = "AgentError"
    this.retryable = options?.retryable ?? false
  }
}
/** A recorded call began under an earlier worker that died; nobody knows whether it took effect. */
export class OutcomeUnknown extends Error {
  readonly code = "OUTCOME_UNKNOWN"
  /** The idempotency key that the call was given: ask the service with it. */
  readonly key: string
  constructor(name: string, key: string) {
    super(`"${name}" began before its worker died; look up what became of it by its key, or declare it idempotent`)
    this.name = "OutcomeUnknown"
    this.key = key
  }
}
/** What a tool was to be called with is not what was approved, or the approval was used before. Nothing was done. */
export class ApprovalMismatch extends Error {
  readonly code = "APPROVAL_MISMATCH"
  constructor(name: string) {
    super(`"${name}" is not called: what was approved is something else, or was used before`)
    this.name = "ApprovalMismatch"
  }
}
/** A person did not allow the call: refused, out of time, or withdrawn. Shown to the people who watch. */
export class Denied extends AgentError {
  readonly why: "denied" | "expired" | "withdrawn"
  constructor(name: string, why: "denied" | "expired" | "withdrawn", reason?: string) {
    super(`"${name}" was not allowed: ${reason ?? why}`)
    this.name = "Denied"
    this.why = why
  }
}
/** A resumed run made another call than the one that was recorded at the same place. */
export class ReplayDiverged extends Error {
  readonly code = "REPLAY_DIVERGED"
  constructor(name: string) {
    super(`"${name}" was recorded with another input; a resumed run must make the same calls in the same order`)
    this.name = "ReplayDiverged"
  }
}
