/** Why a broker did not do what it was asked: MQTT 5's reason codes and MQTT.js's errors as reasons of `GatewayError`. */
import { messageOf } from "../../../src/gateway/errors.ts"
import {
  FrameTooLarge,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable,
  type GatewayError
} from "../../../src/ports/GatewayError.ts"

export type Reason = GatewayError["reason"]

/** MQTT 5's reason codes: a bad client id or user, no right, banned, a method that is not known. */
const REFUSALS = [0x85, 0x86, 0x87, 0x8a, 0x8c]
/** Message rate, quota, connection rate. */
const THROTTLES = [0x96, 0x97, 0x9f]

/** What MQTT.js says of a refusal; of one to subscribe it says it in the packet. */
interface Refusal {
  readonly code?: unknown
  readonly packet?: { readonly granted?: readonly number[] }
}
const REASONS = [FrameTooLarge, GatewayRefused, GatewayThrottled, GatewayUnavailable]

export const reasonOf = (cause: unknown): Reason => {
  if (REASONS.some((reason) => cause instanceof reason)) return cause as Reason
  const { packet, code = packet?.granted?.find((granted) => granted >= 0x80) } = Object(cause) as Refusal
  if (REFUSALS.includes(code as number))
    return new GatewayRefused({
      status: code as number,
      remedy:
        "check `username` and `password` of mqttGateway() or startMqttBridge(), and that user's roles at the broker: README.md, Set-up"
    })
  if (THROTTLES.includes(code as number)) return new GatewayThrottled({ retryAfterMillis: 1_000 })
  return new GatewayUnavailable({ cause: new Error(messageOf(cause)) })
}
