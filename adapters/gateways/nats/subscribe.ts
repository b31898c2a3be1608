/**
 * A server process that listens: one connection, kept up for as long as its scope.
 *
 * After a cut it joins its groups again, and reports a reset, because frames may have been missed.
 */
import type { NatsConnection, Subscription } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { stayConnected, whileOpen, type Dial } from "./connection.ts"
import { toGatewayError } from "./publish.ts"

type Handlers = Parameters<NonNullable<GatewayService["subscribe"]>>[0]

export const makeSubscribe =
  (dial: Dial, subjectOf: (group: string) => string, timeoutMillis: number): NonNullable<GatewayService["subscribe"]> =>
  (handlers) =>
    Effect.acquireRelease(
      Effect.tryPromise({ try: (signal) => open(dial, subjectOf, timeoutMillis, handlers, signal), catch: problemOf }),
      (inbox) => Effect.promise(inbox.close)
    ).pipe(
      Effect.map((inbox) => ({
        join: (group) => Effect.tryPromise({ try: () => inbox.join(group), catch: problemOf }),
        leave: (group) => Effect.sync(() => inbox.leave(group))
      }))
    )
const problemOf = (cause: unknown) => toGatewayError("subscribe", cause)

const open = async (
  dial: Dial,
  subjectOf: (group: string) => string,
  timeoutMillis: number,
  handlers: Handlers,
  signal: AbortSignal
) => {
  /** Groups that somebody wants, and, while there is a connection, what brings their frames. */
  const wanted = new Map<string, Subscription | undefined>()
  let everUp = false
  let closed = false
  const listen = (connection: NatsConnection, group: string): void => {
    const subscription = connection.subscribe(subjectOf(group), {
      callback: (problem, message) => {
        if (problem === null && !closed && wanted.get(group) === subscription) handlers.onFrame(group, message.string())
      }
    })
    wanted.set(group, subscription)
  }
  const line = await stayConnected(
    dial,
    async (connection) => {
      for (const group of wanted.keys()) listen(connection, group)
      await whileOpen(connection, timeoutMillis, connection.flush())
      if (everUp && !closed) handlers.onReset()
      everUp = true
    },
    signal
  )
  return {
    /** While the connection is cut it resolves at once: the reset that follows says when frames come. */
    join: async (group: string) => {
      if (closed) throw new Error("the subscription is closed")
      const connection = line.current()
      if (connection === undefined) return void wanted.set(group, undefined)
      if (wanted.get(group) === undefined) listen(connection, group)
      await whileOpen(connection, timeoutMillis, connection.flush())
    },
    leave: (group: string) => {
      wanted.get(group)?.unsubscribe()
      wanted.delete(group)
    },
    close: async () => {
      closed = true
      await line.close()
    }
  }
}
