/**
 * Publishes what was appended to one thread's group: at most one publish in flight, never holding up the log.
 *
 * A publish is waited for at most 250 ms and abandoned after 2 s; while one hangs, or the gateway asked to wait,
 * what piles up becomes one head frame. A failed publish is never repeated: clients fetch what they miss.
 * Rules: PROTOCOL.md#delivery
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import type * as Fiber from "effect/Fiber"
import type { GatewayService, GroupName } from "../ports/Gateway.ts"
import type { GatewayError } from "../ports/GatewayError.ts"
import type { Counters } from "./Counters.ts"

const WAIT_MILLIS = 250
const ABANDON_MILLIS = 2_000

export interface Publisher {
  /** Hands over one frame; resolves when it was sent, failed, or was waited for long enough. */
  readonly send: (frame: string) => Effect.Effect<void>
  /** Sends a head frame when nothing is in flight; for heartbeats. */
  readonly sendHead: () => void
  /** Called every few dozen milliseconds while `busy`. */
  readonly tick: (now: number) => void
  readonly busy: () => boolean
  /** When the newest frame was handed to the gateway. */
  readonly lastAt: () => number
}
export const makePublisher = (options: {
  readonly gateway: GatewayService
  readonly group: () => GroupName
  /** `undefined` while the head is not known, or there is none. */
  readonly headFrame: () => string | undefined
  readonly now: () => number
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  readonly counters: Counters
}): Publisher => {
  const { counters, gateway, now } = options
  let inFlight: { readonly fiber: Fiber.Fiber<void, GatewayError>; readonly startedAt: number } | undefined
  /** A head frame is owed: something was appended that could not be sent. */
  let owed = false
  let notBefore = 0
  let lastAt = 0
  let waiter: (() => void) | undefined

  const release = () => {
    const resume = waiter
    waiter = undefined
    resume?.()
  }
  const onExit = (exit: Exit.Exit<void, GatewayError>, isHead: boolean) => {
    inFlight = undefined
    if (Exit.isSuccess(exit)) counters.published++
    else {
      counters.publishFailed++
      const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
      if (error?.reason._tag === "GatewayThrottled") {
        notBefore = now() + error.reason.retryAfterMillis
        owed = true
      } else if (error?.reason._tag === "FrameTooLarge" && !isHead) owed = true
    }
    release()
    if (owed && inFlight === undefined && now() >= notBefore) sendHead()
  }
  const start = (frame: string, isHead: boolean) => {
    lastAt = now()
    const fiber = options.fork(gateway.publish(options.group(), frame))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return onExit(exit, isHead)
    inFlight = { fiber, startedAt: lastAt }
    fiber.addObserver((ended) => onExit(ended, isHead))
  }
  const sendHead = () => {
    if (inFlight !== undefined || now() < notBefore) {
      owed = true
      return
    }
    owed = false
    const frame = options.headFrame()
    if (frame === undefined) return
    counters.headFrames++
    start(frame, true)
  }
  const wait = Effect.callback<void>((resume) => {
    waiter = () => resume(Effect.void)
  })
  return {
    send: (frame) =>
      Effect.suspend(() => {
        if (inFlight !== undefined || now() < notBefore) {
          owed = true
          return Effect.void
        }
        // a code unit is at most three bytes, so most frames need no exact count
        const limit = gateway.capabilities.maxFrameBytes
        if (frame.length * 3 > limit && Buffer.byteLength(frame) > limit) sendHead()
        else {
          owed = false
          start(frame, false)
        }
        return inFlight === undefined ? Effect.void : wait
      }),
    sendHead,
    tick: (time) => {
      if (inFlight === undefined) {
        if (owed && time >= notBefore) sendHead()
        return
      }
      const age = time - inFlight.startedAt
      if (age >= WAIT_MILLIS) release()
      if (age >= ABANDON_MILLIS) inFlight.fiber.interruptUnsafe()
    },
    busy: () => inFlight !== undefined || owed,
    lastAt: () => lastAt
  }
}
