/**
 * Calls of Pushpin to the backend: verified, decoded, handed on, answered. https://pushpin.org/docs/protocols/grip/
 *
 * A socket's events come as `application/websocket-events`. A stream is asked for with the ticket as a text body, which
 * browsers send without asking first, and is held by Pushpin. Whatever passes through Pushpin is signed, so `Grip-Sig`
 * says nothing about who sent it: that comes from a ticket or from the connection's seal.
 */
import * as Effect from "effect/Effect"
import { openTicket, type Ticket } from "../../../src/gateway/secrets.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { UpstreamRejected } from "../../../src/ports/GatewayError.ts"
import { META, openConnection, sealConnection } from "./connectionSeal.ts"
import { decodeEvents } from "./events.ts"
import { loadGrip, type Grip } from "./grip.ts"
import type { Settings } from "./settings.ts"
import { answerEvents, type SocketCall } from "./socketEvents.ts"
import { OPEN_EVENT, SIGN_OF_LIFE, STREAM_BEAT_SECONDS, SUBPROTOCOL } from "./wire.ts"

/** Pushpin collects up to 200,000 bytes of messages for one call. */
const MAX_BODY_BYTES = 256 * 1024
/** Messages of one client in one call. Who sends more while one call is answered is cut. */
const MAX_EVENTS = 64

const reject = (status: number, code: UpstreamRejected["code"], problem: string) =>
  new UpstreamRejected({ status, code, problem })

type Call = SocketCall | { readonly type: "stream"; readonly grip: Grip; readonly groups: readonly string[] }

export const makeUpstream = (settings: Settings): NonNullable<GatewayService["upstream"]> =>
  Effect.fnUntraced(function* (request, handle) {
    const call = yield* Effect.tryPromise({
      try: () => verify(settings, request),
      catch: (cause) =>
        cause instanceof UpstreamRejected ? cause : reject(400, "BAD_SHAPE", "the body could not be read")
    })
    return call.type === "stream" ? hold(call.grip, call.groups) : yield* answerEvents(call, handle)
  })

/** Throws `UpstreamRejected`. */
const verify = async (settings: Settings, request: Request): Promise<Call> => {
  if (request.method !== "POST") throw reject(405, "BAD_SHAPE", "events and streams come as POST")
  const grip = await loadGrip().catch((missing: Error) => {
    throw reject(503, "UNAUTHENTICATED", missing.message)
  })
  const signature = request.headers.get("grip-sig")
  if (signature === null) throw reject(401, "WEBHOOK_BAD_SIGNATURE", "Grip-Sig is missing: this is for Pushpin to call")
  const isSigned = await grip.validateSig(signature, settings.sigKey, settings.sigIss).catch(() => false)
  if (!isSigned) throw reject(401, "WEBHOOK_BAD_SIGNATURE", "Grip-Sig does not fit `sigKey` and `sigIss`, or is over")
  const body = await readBody(request)
  if (body === undefined) throw reject(413, "TOO_LARGE", `the body is larger than ${MAX_BODY_BYTES} bytes`)
  const type = request.headers.get("content-type") ?? ""
  // letter for letter: Pushpin keeps clients from sending just this type by themselves
  if (type === "application/websocket-events") return socketCall(settings, grip, request.headers, body)
  if (!type.startsWith("text/plain")) throw reject(415, "BAD_SHAPE", "the content type is neither events nor a ticket")
  const { groups } = await ticketOf(settings, body.toString("latin1"))
  return { type: "stream", grip, groups }
}

const ticketOf = async ({ secrets }: Settings, token: string): Promise<Ticket> => {
  const ticket = await openTicket([secrets], token)
  if (ticket === undefined) throw reject(401, "UNAUTHENTICATED", "the ticket is missing, over, or not of this `key`")
  return ticket
}

const socketCall = async (settings: Settings, grip: Grip, headers: Headers, body: Buffer): Promise<SocketCall> => {
  const connection = headers.get("connection-id") ?? ""
  if (connection === "" || connection.length > 128) throw reject(400, "BAD_SHAPE", "Connection-Id is missing or long")
  const events = decodeEvents(body, MAX_EVENTS)
  if (events === undefined) throw reject(400, "BAD_SHAPE", `the events are malformed or more than ${MAX_EVENTS}`)
  const call = { type: "socket", grip, connection, events } as const
  if (events[0]?.type !== "OPEN") {
    const principal = await openConnection(settings.secrets, connection, headers.get(`meta-${META}`) ?? "")
    if (principal === undefined) throw reject(401, "UNAUTHENTICATED", "the connection was not sealed with this `key`")
    return { ...call, principal }
  }
  const [name, token = ""] = (headers.get("sec-websocket-protocol") ?? "").split(",").map((part) => part.trim())
  if (name !== SUBPROTOCOL) throw reject(400, "BAD_SHAPE", `the subprotocol is not ${SUBPROTOCOL}`)
  const { groups, principal } = await ticketOf(settings, token)
  return {
    ...call,
    principal,
    opening: { groups, seal: await sealConnection(settings.secrets, connection, principal) }
  }
}

/** Pushpin holds the answer open and writes to it what is published. */
const hold = (grip: Grip, groups: readonly string[]): Response => {
  const instruct = new grip.GripInstruct([...groups])
  instruct.setHoldStream()
  instruct.setKeepAlive(SIGN_OF_LIFE, STREAM_BEAT_SECONDS)
  return new Response(OPEN_EVENT, {
    headers: instruct.toHeaders({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
      // no cookie authenticates anyone here, the ticket does
      "access-control-allow-origin": "*"
    })
  })
}

/** As bytes, which events count. `undefined` when there are too many, whatever Content-Length claims. */
const readBody = async (request: Request): Promise<Buffer | undefined> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (request.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
