/** Why a log failed, and whether trying again helps. */
import * as Schema from "effect/Schema"

/** No answer from the store. Reads and knocks are safe to retry. */
export class LogUnavailable extends Schema.TaggedError<LogUnavailable>()("LogUnavailable", {
  retryAfterMillis: Schema.optionalKey(Schema.Number),
  cause: Schema.Defect()
}) {
  override get message() {
    return "the log did not answer"
  }
}
/** The store has no room. Retry later. */
export class LogFull extends Schema.TaggedError<LogFull>()("LogFull", { cause: Schema.Defect() }) {
  override get message() {
    return "the log has no room left"
  }
}
/** One value is larger than the store accepts. Do not retry. */
export class RecordTooLarge extends Schema.TaggedError<RecordTooLarge>()("RecordTooLarge", {
  what: Schema.String,
  sizeBytes: Schema.Number,
  limitBytes: Schema.Number
}) {
  override get message() {
    return `${this.what} is ${this.sizeBytes} bytes; this log accepts ${this.limitBytes}`
  }
}
/** Entries after the asked offset were trimmed. Take the snapshot, then read after `firstOffset - 1`. */
export class OffsetExpired extends Schema.TaggedError<OffsetExpired>()("OffsetExpired", {
  firstOffset: Schema.Number
}) {
  override get message() {
    return `the log begins at offset ${this.firstOffset}`
  }
}
/** Records of the thread do not fit together. Do not retry; the thread is not served until it is restored. */
export class LogCorrupt extends Schema.TaggedError<LogCorrupt>()("LogCorrupt", {
  thread: Schema.String,
  offset: Schema.Number,
  problem: Schema.String
}) {
  override get message() {
    return `log of thread ${this.thread} is corrupt at offset ${this.offset}: ${this.problem}`
  }
}
export type LogErrorReason = LogUnavailable | LogFull | RecordTooLarge | OffsetExpired | LogCorrupt
export class LogError extends Schema.TaggedError<LogError>()("LogError", {
  operation: Schema.String,
  reason: Schema.Union([LogUnavailable, LogFull, RecordTooLarge, OffsetExpired, LogCorrupt])
}) {
  override get message() {
    return `${this.operation}: ${this.reason.message}`
  }
}
