/**
 * The backend's `/upstream/pusher` route: clients that want into their channels (`authorize.ts`), and Pusher's webhooks.
 *
 * A webhook is signed over its body, so its channel and socket id are certain; who that is says our own seal: in the event,
 * bound to both, or in the channel's name. What else is in a signed call is passed over in silence: for any answer but
 * 2XX Pusher sends all of it again. It may come late, twice, and in batches.
 */
import * as Effect from "effect/Effect"
import type Pusher from "pusher"
import { openTicket } from "../../../src/gateway/secrets.ts"
import { readBody } from "../../../src/gateway/signedCall.ts"
import type { GatewayService, UpstreamEvent, UpstreamReply } from "../../../src/ports/Gateway.ts"
import { UpstreamRejected } from "../../../src/ports/GatewayError.ts"
import { authorize } from "./authorize.ts"
import type { Rest } from "./rest.ts"
import type { Settings } from "./settings.ts"
import { openUpChannel } from "./upChannel.ts"
import { INVOKE, MAX_EVENT_BYTES, REPLY, UP_PREFIX, type Invoke, type Reply } from "./wire.ts"

/** A batch of webhooks, or a ticket with very many groups. */
const MAX_BODY_BYTES = 1024 * 1024
const MAX_ID_LENGTH = 64
const MAX_NAME_LENGTH = 128

type Handle = (event: UpstreamEvent) => Effect.Effect<UpstreamReply>
/** One event of a webhook. Pusher's `data` is text, soketi's what the client sent. */
interface Hook {
  readonly name?: unknown
  readonly channel?: unknown
  readonly event?: unknown
  readonly socket_id?: unknown
  readonly data?: unknown
}

const reject = (status: number, code: UpstreamRejected["code"], problem: string) =>
  new UpstreamRejected({ status, code, problem })

export const makeUpstream = (settings: Settings, rest: Rest): NonNullable<GatewayService["upstream"]> =>
  Effect.fnUntraced(function* (request, handle) {
    if (request.method !== "POST") return yield* reject(405, "BAD_SHAPE", "calls come as POST")
    const body = yield* Effect.tryPromise({
      try: () => readBody(request, MAX_BODY_BYTES),
      catch: () => reject(400, "BAD_SHAPE", "the body could not be read")
    })
    if (body === undefined) return yield* reject(413, "TOO_LARGE", `the body is larger than ${MAX_BODY_BYTES} bytes`)
    // a package that is missing here is missing for every publish, which says so
    const vendor = yield* Effect.orDie(rest.vendor)
    const type = request.headers.get("content-type") ?? ""
    if (type.startsWith("application/x-www-form-urlencoded")) return yield* authorize(settings, vendor, body)
    const hooks = yield* verify(settings, vendor, request.headers, body)
    yield* Effect.forEach(hooks, (hook) => take(settings, rest, hook, handle), {
      concurrency: "unbounded",
      discard: true
    })
    return new Response(null, { status: 204 })
  })

const verify = (
  { upstreamClockMillis }: Settings,
  vendor: Pusher,
  headers: Headers,
  body: string
): Effect.Effect<readonly Hook[], UpstreamRejected> => {
  const signature = headers.get("x-pusher-signature")
  if (signature === null) return Effect.fail(reject(401, "WEBHOOK_BAD_SIGNATURE", "X-Pusher-Signature is missing"))
  const webhook = vendor.webhook({
    headers: {
      "x-pusher-key": headers.get("x-pusher-key"),
      "x-pusher-signature": signature,
      "content-type": "application/json"
    },
    rawBody: body
  })
  if (!webhook.isValid()) {
    const problem = "X-Pusher-Key and X-Pusher-Signature do not fit the body, `key` and `secret`"
    return Effect.fail(reject(401, "WEBHOOK_BAD_SIGNATURE", problem))
  }
  const { events, time_ms: sentAt } = Object(webhook.getData()) as {
    readonly events?: unknown
    readonly time_ms?: unknown
  }
  if (!(Math.abs(Date.now() - Number(sentAt)) <= upstreamClockMillis)) {
    const problem = `time_ms is missing or more than ${upstreamClockMillis} ms from now`
    return Effect.fail(reject(401, "WEBHOOK_REPLAYED", problem))
  }
  return Array.isArray(events)
    ? Effect.succeed(events.map(Object) as Hook[])
    : Effect.fail(reject(400, "BAD_SHAPE", "the webhook has no list of events"))
}

const take = (settings: Settings, rest: Rest, hook: Hook, handle: Handle): Effect.Effect<void> => {
  const { channel, name } = hook
  if (typeof channel !== "string" || !channel.startsWith(UP_PREFIX)) return Effect.void
  if (name === "channel_occupied" || name === "channel_vacated") {
    const principal = openUpChannel(settings.secrets.upstream, channel)
    if (principal === undefined) return Effect.void
    const type = name === "channel_occupied" ? "connected" : "disconnected"
    return Effect.asVoid(handle({ type, connection: channel, principal }))
  }
  const invoke = name === "client_event" && hook.event === INVOKE ? toInvoke(hook.data) : undefined
  if (invoke === undefined) return Effect.void
  return Effect.gen(function* () {
    const sealed = yield* Effect.promise(() => openTicket([settings.socketSecrets], invoke.seal))
    if (sealed?.groups[0] !== hook.socket_id || sealed?.groups[1] !== channel) return
    const { data, event, id } = invoke
    const text = yield* handle({
      type: "event",
      connection: channel,
      principal: sealed.principal,
      name: event,
      data
    }).pipe(
      Effect.map((reply) => encode({ id, reply: reply ?? null })),
      Effect.catchDefect((defect) =>
        Effect.as(Effect.logError("upstream handler failed", defect), encode({ id, problem: "the backend failed" }))
      )
    )
    // a reply that is lost is asked for again, over HTTP
    yield* Effect.ignore(rest.trigger(channel, REPLY, text))
  })
}

const encode = (reply: Reply): string => {
  const text = JSON.stringify(reply)
  return Buffer.byteLength(text) <= MAX_EVENT_BYTES
    ? text
    : JSON.stringify({ id: reply.id, problem: `the reply is larger than ${MAX_EVENT_BYTES} bytes` })
}

/** `undefined` for what no client half sent. */
const toInvoke = (data: unknown): Invoke | undefined => {
  const {
    data: content = null,
    event,
    id,
    seal
  } = Object(typeof data === "string" ? parse(data) : data) as Partial<Invoke>
  if (typeof id !== "string" || id.length > MAX_ID_LENGTH) return undefined
  if (typeof event !== "string" || event === "" || event.length > MAX_NAME_LENGTH) return undefined
  return typeof seal === "string" ? { id, seal, event, data: content } : undefined
}
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
