/**
 * A job queue in a JetStream work-queue stream. Any number of processes share it, through one durable consumer.
 *
 * A job is gone when it is completed, and the server has said so. What an acknowledged job survives is the server's to
 * decide: README.md.
 */
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream"
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream"
import { nanos, type Msg, type NatsConnection } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { JobQueue, QueueError } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService } from "../../../src/ports/JobQueue.ts"
import { checkServers, openLink } from "./connection.ts"
import type { Link, NatsServers } from "./connection.ts"
import { makeHold, type Hold } from "./hold.ts"
import { deliveryOf, pull } from "./pull.ts"

export interface NatsQueueOptions extends NatsServers {
  /** Name of the stream, and its subject; made where it is not there. Default `throughline-jobs`. */
  readonly stream?: string
  /** How long the job of a process that died stays hidden. Default 10,000; what a consumer that is there has, counts. */
  readonly ackWaitMillis?: number
  /** Copies that a stream made here has in a cluster. Default 1. */
  readonly replicas?: number
}
const CONSUMER = "workers"
/** Longest that `receive` waits before it answers an empty list. */
const WAIT_MILLIS = 1_000
const MAX_WAITING = 10_000

/** `add` where `info` finds nothing. */
const ensure = async <A>(info: () => Promise<A>, add: () => Promise<A>): Promise<A> => {
  try {
    return await info()
  } catch (cause) {
    const { ConsumerNotFound, StreamNotFound } = JetStreamApiCodes
    if (cause instanceof JetStreamApiError && [ConsumerNotFound, StreamNotFound].some((code) => code === cause.code))
      return add()
    throw cause
  }
}
const prepare = async (
  connection: NatsConnection,
  stream: string,
  options: { readonly ackWaitMillis: number; readonly timeoutMillis: number; readonly replicas: number }
): Promise<number> => {
  const manager = await jetstreamManager(connection, { timeout: options.timeoutMillis })
  const { config } = await ensure(
    () => manager.streams.info(stream),
    () =>
      manager.streams.add({
        name: stream,
        subjects: [stream],
        retention: RetentionPolicy.Workqueue,
        storage: StorageType.File,
        num_replicas: options.replicas
      })
  )
  if (config.retention !== RetentionPolicy.Workqueue || config.subjects[0] !== stream)
    throw new TypeError(`the stream ${stream} is not a work queue of this adapter: give natsQueue() another \`stream\``)
  const consumer = await ensure(
    () => manager.consumers.info(stream, CONSUMER),
    () =>
      manager.consumers.add(stream, {
        durable_name: CONSUMER,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: nanos(options.ackWaitMillis),
        max_deliver: -1,
        max_ack_pending: -1,
        max_waiting: MAX_WAITING
      })
  )
  return (consumer.config.ack_wait ?? nanos(options.ackWaitMillis)) / 1_000_000
}
const parsed = (message: Msg): unknown => {
  try {
    return message.json()
  } catch {
    return message.string()
  }
}

const make = (link: Link, stream: string, timeoutMillis: number, ackWaitMillis: () => number, holds: Set<Hold>) => {
  const attempt = <A>(operation: QueueError["operation"], work: (signal: AbortSignal) => Promise<A>) =>
    Effect.tryPromise({ try: work, catch: (cause) => new QueueError({ operation, cause }) })
  const delivery = (message: Msg, hideMillis: number): Delivery => {
    const hold = makeHold(link, message.reply as string, { ackWaitMillis: ackWaitMillis(), timeoutMillis, hideMillis })
    holds.add(hold)
    const end = (operation: "complete" | "release", word: string) =>
      attempt(operation, () => hold.end(word).finally(() => holds.delete(hold)))
    return {
      job: parsed(message),
      attempt: deliveryOf(message).attempt,
      complete: end("complete", "+ACK"),
      release: (millis) => end("release", millis > 0 ? `-NAK ${JSON.stringify({ delay: nanos(millis) })}` : "-NAK"),
      extend: (millis) => attempt("extend", () => hold.extend(millis))
    }
  }
  return JobQueue.of({
    name: "nats",
    enqueue: (job) =>
      attempt("enqueue", async () => {
        await jetstream(await link.get()).publish(stream, JSON.stringify(job), { timeout: timeoutMillis })
      }),
    receive: ({ limit, visibleAfterMillis }) =>
      attempt("receive", async (signal) => {
        for (const hold of holds) if (!hold.isMine()) holds.delete(hold)
        const options = { limit, waitMillis: WAIT_MILLIS, timeoutMillis }
        const found = await pull(await link.get(), { stream, name: CONSUMER }, options, signal)
        return found.map((message) => delivery(message, visibleAfterMillis))
      })
  } satisfies JobQueueService)
}

/**
 * A queue in a JetStream server, connected when the layer is built; fails to build where the server does not answer, or has
 * no JetStream. Throws a `TypeError` for wrong options.
 */
export const natsQueue = (options: NatsQueueOptions): Layer.Layer<JobQueue, QueueError> => {
  const { ackWaitMillis = 10_000, replicas = 1, stream = "throughline-jobs", timeoutMillis = 10_000 } = options
  checkServers(options)
  if (!/^[\w-]+$/.test(stream)) throw new TypeError("stream must be of A–Z a–z 0–9 _ -")
  if (!(ackWaitMillis >= 100)) throw new TypeError("ackWaitMillis must be at least 100")
  return Layer.effect(
    JobQueue,
    Effect.suspend(() => {
      const holds = new Set<Hold>()
      let known = ackWaitMillis
      const link = openLink({ ...options, timeoutMillis }, "throughline-queue", async (connection) => {
        known = await prepare(connection, stream, { ackWaitMillis, timeoutMillis, replicas })
      })
      const close = async () => {
        for (const hold of holds) hold.drop()
        await link.close()
      }
      const open = Effect.tryPromise({
        try: link.get,
        catch: (cause) => new QueueError({ operation: "receive", cause })
      })
      return Effect.as(
        Effect.acquireRelease(open, () => Effect.promise(close)),
        make(link, stream, timeoutMillis, () => known, holds)
      )
    })
  )
}
