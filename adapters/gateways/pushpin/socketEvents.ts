/**
 * The events of one socket's call: invokes are handed on and answered to that socket, the rest is answered here.
 *
 * Invokes of one call run side by side. Whatever the backend does, the call is answered, because any other status than
 * 200 makes Pushpin cut the client.
 */
import * as Effect from "effect/Effect"
import type { Principal } from "../../../src/ports/Access.ts"
import type { UpstreamEvent, UpstreamReply } from "../../../src/ports/Gateway.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { MAX_REQUEST_BYTES } from "../../../src/protocol/Limits.ts"
import { META } from "./connectionSeal.ts"
import type { SocketEvent } from "./events.ts"
import type { Grip } from "./grip.ts"
import { SOCKET_BEAT_SECONDS, SUBPROTOCOL, type FromClient, type ToClient } from "./wire.ts"

/** The largest request, and the envelope around it. */
const MAX_MESSAGE_BYTES = MAX_REQUEST_BYTES + 2 * 1024
const INVOKES_AT_ONCE = 16
/** Pushpin sends a client's next messages when this call is answered. */
const HANDLE_WITHIN = "10 seconds"
const CLOSE = { fine: 1000, onlyText: 1003, notAllowed: 1008, tooLarge: 1009 }

/** What is certain about a call. `opening`: what the ticket that opens the connection grants, and the seal to keep. */
export interface SocketCall {
  readonly type: "socket"
  readonly grip: Grip
  readonly connection: string
  readonly principal: Principal
  readonly events: readonly SocketEvent[]
  readonly opening?: { readonly groups: readonly string[]; readonly seal: string }
}

export const answerEvents = (
  { connection, events, grip, opening, principal }: SocketCall,
  handle: (event: UpstreamEvent) => Effect.Effect<UpstreamReply>
): Effect.Effect<Response> => {
  const socket = new grip.WebSocketContext(connection, {}, [])
  const say = (message: ToClient) => socket.send(JSON.stringify(message))
  const control = (type: string, fields: Readonly<Record<string, Json>>) =>
    socket.sendControl(JSON.stringify({ type, ...fields }))

  const open = ({ groups, seal }: NonNullable<SocketCall["opening"]>) => {
    socket.accept()
    socket.meta[META] = seal
    for (const group of groups) socket.subscribe(group)
    control("keep-alive", { content: '["alive"]', timeout: SOCKET_BEAT_SECONDS })
    // takes the same way as the subscriptions, behind them: whoever hears it hears the groups
    control("send-delayed", { content: '["open"]', timeout: 1 })
    control("flush-delayed", {})
  }
  const tell = (type: "connected" | "disconnected") =>
    handle({ type, connection, principal }).pipe(
      Effect.timeoutOption(HANDLE_WITHIN),
      Effect.catchDefect((defect) => Effect.logError(`${type} could not be handled`, defect))
    )
  const invoke = ({ data, event, id }: Extract<FromClient, { type: "invoke" }>) =>
    handle({ type: "event", connection, principal, name: event, data }).pipe(
      Effect.map((reply): ToClient => ["reply", id, reply ?? null]),
      Effect.timeoutOrElse({
        duration: HANDLE_WITHIN,
        orElse: () => Effect.succeed<ToClient>(["failed", id, "the backend did not answer in time"])
      }),
      Effect.catchDefect((defect) =>
        Effect.as(Effect.logError("upstream call failed", defect), ["failed", id, "the backend failed"] as ToClient)
      ),
      Effect.map(say)
    )
  const receive = (content: Buffer): Effect.Effect<unknown> => {
    if (content.length > MAX_MESSAGE_BYTES) return Effect.sync(() => socket.close(CLOSE.tooLarge))
    const message = parseFromClient(content.toString())
    if (message === undefined) return Effect.sync(() => socket.close(CLOSE.notAllowed))
    return message.type === "invoke" ? invoke(message) : Effect.sync(() => say(["alive"]))
  }
  const answer = ({ content, type }: SocketEvent): Effect.Effect<unknown> => {
    switch (type) {
      case "OPEN":
        return opening === undefined
          ? Effect.void
          : Effect.andThen(
              Effect.sync(() => open(opening)),
              tell("connected")
            )
      case "TEXT":
        return receive(content ?? Buffer.alloc(0))
      case "BINARY":
        return Effect.sync(() => socket.close(CLOSE.onlyText))
      case "PING":
        return Effect.sync(() => socket.outEvents.push(new grip.WebSocketEvent("PONG", content ?? null)))
      case "CLOSE":
        return Effect.andThen(
          Effect.sync(() => socket.close(CLOSE.fine)),
          tell("disconnected")
        )
      case "DISCONNECT":
        return tell("disconnected")
      default:
        return Effect.void
    }
  }
  return Effect.forEach(events, answer, { concurrency: INVOKES_AT_ONCE, discard: true }).pipe(
    Effect.map(() => {
      const body = Buffer.from(grip.encodeWebSocketEvents(socket.getOutgoingEvents()))
      const headers = new Headers(socket.toHeaders())
      if (opening !== undefined) headers.set("sec-websocket-protocol", SUBPROTOCOL)
      return new Response(body, { headers })
    })
  )
}

/** `undefined` for what clients may not say. */
const parseFromClient = (text: string): FromClient | undefined => {
  let message: Partial<Record<"type" | "id" | "event" | "data", unknown>> | null
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof message !== "object" || message === null) return undefined
  const { data, event, id, type } = message
  if (type === "ping") return { type }
  if (type !== "invoke" || !Number.isSafeInteger(id)) return undefined
  if (typeof event !== "string" || event === "" || event.length > 128) return undefined
  return { type, id: id as number, event, data: (data ?? null) as Json }
}
