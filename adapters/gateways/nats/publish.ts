/**
 * The hot path: one frame on one subject, over one connection that is dialled when it is first needed, and again when it
 * was cut. A publish ends when the server has answered a ping that was sent behind it. Nothing is retried.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import { messageOf, unavailable } from "../../../src/gateway/errors.ts"
import { FrameTooLarge, GatewayError, GatewayRefused } from "../../../src/ports/GatewayError.ts"
import { isRefusal, type Dial } from "./connection.ts"

export interface Publisher {
  readonly publish: (subject: string, frame: string) => Effect.Effect<void, GatewayError>
  readonly close: () => Promise<void>
}
interface Open {
  readonly connection: NatsConnection
  /** What to tell when it is cut; `flush` alone would wait for ever. */
  readonly waiting: Set<(problem: string) => void>
}

export const makePublisher = (dial: Dial, timeoutMillis: number): Publisher => {
  let current: Promise<Open> | undefined
  let closed = false
  const open = (): Promise<Open> => {
    if (current !== undefined) return current
    const opening = dial().then(async (connection) => {
      const waiting: Open["waiting"] = new Set()
      void connection.closed().then(() => {
        if (current === opening) current = undefined
        for (const tell of [...waiting]) tell("the connection was cut")
      })
      if (closed) await connection.close()
      return { connection, waiting }
    })
    current = opening
    opening.catch(() => {
      if (current === opening) current = undefined
    })
    return opening
  }
  const abandon = (which: Open): void => {
    current = undefined
    void which.connection.close()
  }
  const send = (which: Open, subject: string, frame: string) =>
    Effect.callback<void, GatewayError>((resume) => {
      const { connection, waiting } = which
      const limitBytes = connection.info?.max_payload
      if (limitBytes !== undefined && Buffer.byteLength(frame) > limitBytes) {
        const reason = new FrameTooLarge({ sizeBytes: Buffer.byteLength(frame), limitBytes })
        return resume(Effect.fail(new GatewayError({ operation: "publish", reason })))
      }
      const settle = (result: Effect.Effect<void, GatewayError>): void => {
        clearTimeout(timer)
        waiting.delete(tell)
        resume(result)
      }
      const tell = (problem: string): void => settle(Effect.fail(unavailable("publish", problem)))
      const timer = setTimeout(() => {
        tell(`no answer within ${timeoutMillis} ms`)
        abandon(which)
      }, timeoutMillis)
      waiting.add(tell)
      try {
        connection.publish(subject, frame)
        connection.flush().then(
          () => settle(Effect.void),
          (cause: unknown) => tell(messageOf(cause))
        )
      } catch (cause) {
        tell(messageOf(cause))
      }
      return Effect.sync(() => {
        clearTimeout(timer)
        waiting.delete(tell)
      })
    })

  return {
    publish: (subject, frame) =>
      Effect.flatMap(Effect.tryPromise({ try: open, catch: (cause) => toGatewayError("publish", cause) }), (which) =>
        send(which, subject, frame)
      ),
    close: async () => {
      closed = true
      const last = await current?.catch(() => undefined)
      await last?.connection.close()
    }
  }
}

export const toGatewayError = (operation: GatewayError["operation"], cause: unknown): GatewayError => {
  if (!isRefusal(cause)) return unavailable(operation, messageOf(cause))
  const remedy =
    "give natsGateway() a `signingSeed` that the account's JWT at the server names, and its `account` if it is not the account's own"
  return new GatewayError({ operation, reason: new GatewayRefused({ status: 401, remedy }) })
}
