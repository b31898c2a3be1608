/** Why a gateway failed, and whether trying again helps. */
import * as Schema from "effect/Schema"

/** Larger than the gateway accepts. Do not retry: send a head frame instead. */
export class FrameTooLarge extends Schema.TaggedError<FrameTooLarge>()("FrameTooLarge", {
  sizeBytes: Schema.Number,
  limitBytes: Schema.Number
}) {
  override get message() {
    return `frame is ${this.sizeBytes} bytes; this gateway accepts ${this.limitBytes}`
  }
}
/** Over the gateway's rate. Wait `retryAfterMillis`; what piles up meanwhile becomes one head frame. */
export class GatewayThrottled extends Schema.TaggedError<GatewayThrottled>()("GatewayThrottled", {
  retryAfterMillis: Schema.Number
}) {
  override get message() {
    return `the gateway asks to wait ${this.retryAfterMillis} ms`
  }
}
/** The gateway refuses our credentials. Do not retry: the key, the hub or the role is wrong. */
export class GatewayRefused extends Schema.TaggedError<GatewayRefused>()("GatewayRefused", {
  status: Schema.Number,
  remedy: Schema.String
}) {
  override get message() {
    return `the gateway refused the request (${this.status}): ${this.remedy}`
  }
}
/** No usable answer from the gateway. Nothing is lost: clients fetch from the log what they miss. */
export class GatewayUnavailable extends Schema.TaggedError<GatewayUnavailable>()("GatewayUnavailable", {
  cause: Schema.Defect()
}) {
  override get message() {
    return "the gateway did not answer"
  }
}
export class GatewayError extends Schema.TaggedError<GatewayError>()("GatewayError", {
  operation: Schema.Literals(["publish", "grant", "subscribe", "revoke"]),
  reason: Schema.Union([FrameTooLarge, GatewayThrottled, GatewayRefused, GatewayUnavailable])
}) {
  override get message() {
    return `${this.operation}: ${this.reason.message}`
  }
}
/** A call that claims to come from the gateway and does not prove it, or is malformed. Answered with `status`. */
export class UpstreamRejected extends Schema.TaggedError<UpstreamRejected>()("UpstreamRejected", {
  status: Schema.Number,
  code: Schema.Literals(["WEBHOOK_BAD_SIGNATURE", "WEBHOOK_REPLAYED", "BAD_SHAPE", "TOO_LARGE", "UNAUTHENTICATED"]),
  problem: Schema.String
}) {
  override get message() {
    return this.problem
  }
}
