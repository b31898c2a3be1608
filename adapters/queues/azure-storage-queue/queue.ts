/**
 * A job queue in Azure Storage Queue. Messages are JSON text (`messageEncoding: none` in a function's `host.json`).
 *
 * The functions app is handed its messages by its host; `receive` is for workers of one's own. The service's
 * times have whole seconds. What fails again and again is the caller's to give up on: see `attempt`.
 */
import type { TokenCredential } from "@azure/core-auth"
import type { DequeuedMessageItem, QueueClient } from "@azure/storage-queue"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { JobQueue, QueueError } from "../../../src/ports/JobQueue.ts"
import type { Delivery, JobQueueService } from "../../../src/ports/JobQueue.ts"

export type StorageQueueOptions =
  /** With an account key. */
  (
    | { readonly connectionString: string }
    /** `https://<account>.queue.core.windows.net`, and a managed identity or any other token. */
    | { readonly url: string; readonly credential: TokenCredential }
  ) & {
    /** 3–63 of `[a-z0-9-]`. Created when it is first used and not there. */
    readonly queueName: string
    /** How long one request may take. Default 10,000. */
    readonly timeoutMillis?: number
  }
/** Longest that `receive` waits before it answers an empty list. Every look is a billed request. */
const WAIT_MILLIS = 10_000
const FIRST_POLL_MILLIS = 100
const LAST_POLL_MILLIS = 1_000
/** The service hands out at most 32 messages at once. */
const MAX_MESSAGES = 32

/** What is kept of a failure: what was said, not the request and its key. */
class Answer extends Error {
  readonly status: number | undefined
  constructor(cause: unknown) {
    const { code, message = "", statusCode } = (cause ?? {}) as { code?: string; message?: string; statusCode?: number }
    super([statusCode, code, message.replace(/\s+/g, " ").slice(0, 200)].filter(Boolean).join(" "))
    this.status = statusCode
  }
}
const statusOf = (cause: unknown): number | undefined => (cause instanceof Answer ? cause.status : undefined)
const seconds = (millis: number): number => Math.max(0, Math.ceil(millis / 1000))
/** Plain ASCII: XML has no place for some characters that ids may hold. */
const encode = (job: unknown): string =>
  JSON.stringify(job).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
const decode = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const make = (open: () => Promise<QueueClient>, timeoutMillis: number): JobQueueService => {
  const attempt = <A>(
    operation: QueueError["operation"],
    work: (client: QueueClient, abortSignal: AbortSignal) => Promise<A>
  ): Effect.Effect<A, QueueError> =>
    Effect.tryPromise({
      try: async (signal) => work(await open(), AbortSignal.any([signal, AbortSignal.timeout(timeoutMillis)])),
      catch: (cause) => new QueueError({ operation, cause: new Answer(cause) })
    })
  /** Runs `work`, and once more when the queue had to be created. */
  const created = <A>(
    operation: QueueError["operation"],
    work: (client: QueueClient, abortSignal: AbortSignal) => Promise<A>
  ): Effect.Effect<A, QueueError> =>
    Effect.catch(attempt(operation, work), (error) =>
      statusOf(error.cause) !== 404
        ? Effect.fail(error)
        : Effect.andThen(
            attempt(operation, (client, abortSignal) => client.createIfNotExists({ abortSignal })),
            attempt(operation, work)
          )
    )

  const delivery = (message: DequeuedMessageItem): Delivery => {
    let receipt = message.popReceipt
    /** A receipt that no longer fits means that another worker has the job: nothing is left to do for this one. */
    const ifHeld = (
      operation: QueueError["operation"],
      work: (client: QueueClient, abortSignal: AbortSignal) => Promise<unknown>
    ) =>
      Effect.catch(Effect.asVoid(attempt(operation, work)), (error) =>
        [400, 404].includes(statusOf(error.cause) ?? 0) ? Effect.void : Effect.fail(error)
      )
    const hide = (operation: QueueError["operation"]) => (millis: number) =>
      ifHeld(operation, async (client, abortSignal) => {
        const updated = await client.updateMessage(message.messageId, receipt, undefined, seconds(millis), {
          abortSignal
        })
        receipt = updated.popReceipt ?? receipt
      })
    return {
      job: decode(message.messageText),
      attempt: message.dequeueCount,
      complete: ifHeld("complete", (client, abortSignal) =>
        client.deleteMessage(message.messageId, receipt, { abortSignal })
      ),
      release: hide("release"),
      extend: hide("extend")
    }
  }
  return {
    name: "azure-storage-queue",
    enqueue: (job) =>
      Effect.asVoid(created("enqueue", (client, abortSignal) => client.sendMessage(encode(job), { abortSignal }))),
    receive: Effect.fnUntraced(function* ({ limit, visibleAfterMillis }) {
      const until = (yield* Clock.currentTimeMillis) + WAIT_MILLIS
      const numberOfMessages = Math.min(Math.max(1, limit), MAX_MESSAGES)
      const visibilityTimeout = Math.max(1, seconds(visibleAfterMillis))
      for (let pause = FIRST_POLL_MILLIS; ; pause = Math.min(pause * 2, LAST_POLL_MILLIS)) {
        const { receivedMessageItems } = yield* created("receive", (client, abortSignal) =>
          client.receiveMessages({ numberOfMessages, visibilityTimeout, abortSignal })
        )
        if (receivedMessageItems.length > 0 || (yield* Clock.currentTimeMillis) >= until)
          return receivedMessageItems.map(delivery)
        yield* Effect.sleep(pause)
      }
    })
  }
}

const checkSettings = (options: StorageQueueOptions): void => {
  if ("connectionString" in options) {
    if (!/^UseDevelopmentStorage=true|(AccountKey|SharedAccessSignature)=[^;]/i.test(options.connectionString))
      throw new TypeError("connectionString must be that of a storage account: AccountName=…;AccountKey=…")
  } else if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
    throw new TypeError("url must be that of the account's queues, such as https://ACCOUNT.queue.core.windows.net")
  }
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(options.queueName))
    throw new TypeError("queueName must be 3–63 lower-case letters and digits, with single dashes between them")
  if (options.timeoutMillis !== undefined && !(options.timeoutMillis >= 1))
    throw new TypeError("timeoutMillis must be a number from 1")
}

/**
 * A queue in an Azure Storage account, or in Azurite. The SDK is loaded at the first use. Throws a `TypeError` that names
 * a wrong option.
 */
export const storageQueue = (options: StorageQueueOptions): Layer.Layer<JobQueue> => {
  checkSettings(options)
  return Layer.sync(JobQueue, () => {
    // A doubled job is refused when it is taken, so one retry is safe here, unlike in the log.
    const retry = { retryOptions: { maxTries: 2 } }
    let opened: Promise<QueueClient> | undefined
    const open = () =>
      (opened ??= import("@azure/storage-queue").then(({ QueueServiceClient }) => {
        const service =
          "connectionString" in options
            ? QueueServiceClient.fromConnectionString(options.connectionString, retry)
            : new QueueServiceClient(options.url, options.credential, retry)
        return service.getQueueClient(options.queueName)
      }))
    return make(open, options.timeoutMillis ?? 10_000)
  })
}
