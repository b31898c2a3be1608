/**
 * The service's webhooks (CloudEvents over HTTP, binary mode): verify, decode, hand on, answer.
 *
 * `ce-signature` covers only the connection's id, so it is one of four locks: the key in the URL, the signature, the
 * event's time, and our own seal, first in the client's URL (`connect`), then in `ce-connectionState` (everything
 * after). Who sent an event comes from the seal alone. What an event says is not looked at here.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import * as Effect from "effect/Effect"
import type { Principal } from "../../../src/ports/Access.ts"
import type { GatewayService, UpstreamEvent, UpstreamReply } from "../../../src/ports/Gateway.ts"
import { UpstreamRejected } from "../../../src/ports/GatewayError.ts"
import { MAX_REQUEST_BYTES } from "../../../src/protocol/Limits.ts"
import { openPrincipal, sealPrincipal, type Sealed } from "./principalSeal.ts"
import type { Settings } from "./settings.ts"

const SYSTEM = "azure.webpubsub.sys."
const USER = "azure.webpubsub.user."
const MAX_SIGNATURES = 4
const SUBPROTOCOLS = ["json.reliable.webpubsub.azure.v1", "json.webpubsub.azure.v1"]
/** The query parameter in which a grant's URL carries the sealed principal. */
export const SEAL_PARAMETER = "tl"

const reject = (status: number, code: UpstreamRejected["code"], problem: string) =>
  new UpstreamRejected({ status, code, problem })
const badShape = (problem: string) => reject(400, "BAD_SHAPE", problem)
const badSignature = (problem: string) => reject(401, "WEBHOOK_BAD_SIGNATURE", problem)
const unauthenticated = (problem: string) => reject(401, "UNAUTHENTICATED", problem)

/**
 * The user id that the service knows a principal by: `tenant:id`, one per tenant and id, at most 256 characters. It
 * travels in headers and paths, so ids with other than plain characters are encoded without `%`, which some would
 * encode again.
 */
export const userIdOf = ({ id, tenant = "main" }: Principal): string => {
  if (/^[A-Za-z0-9_.@-]{1,128}$/.test(id)) return `${tenant}:${id}`
  const encoded = Buffer.from(id.toWellFormed()).toString("base64url")
  return `${tenant}:~${encoded.length <= 180 ? encoded : `~${createHash("sha256").update(id).digest("base64url")}`}`
}

export const makeUpstream = (settings: Settings): NonNullable<GatewayService["upstream"]> =>
  Effect.fnUntraced(function* (request, handle) {
    if (request.method === "OPTIONS") return yield* validateOrigin(settings, request)
    const verified = yield* Effect.tryPromise({
      try: () => verify(settings, request),
      catch: (cause) => (cause instanceof UpstreamRejected ? cause : badShape("the body could not be read"))
    })
    if (verified instanceof Response) return verified
    return encodeReply(yield* handle(verified))
  })

/** The service asks before it sends: is this endpoint expecting events from that host? */
const validateOrigin = (settings: Settings, request: Request) => {
  const origin = request.headers.get("webhook-request-origin")
  if (origin === null || origin.trim() === "") return Effect.fail(badShape("WebHook-Request-Origin is missing"))
  const host = new URL(settings.endpoint).host.toLowerCase()
  const hostname = new URL(settings.endpoint).hostname.toLowerCase()
  // Replicas and custom domains make it a list, with or without spaces.
  const mine = origin
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .find((name) => name === host || name === hostname)
  if (mine === undefined)
    return Effect.fail(reject(403, "UNAUTHENTICATED", "WebHook-Request-Origin is not this gateway's host"))
  return Effect.succeed(new Response(null, { status: 200, headers: { "webhook-allowed-origin": mine } }))
}

const encodeReply = (reply: UpstreamReply): Response =>
  reply === undefined ? new Response(null, { status: 204 }) : Response.json(reply)

/** An event to hand on, or the answer where there is none. Throws `UpstreamRejected`. */
const verify = async (settings: Settings, request: Request): Promise<UpstreamEvent | Response> => {
  if (request.method !== "POST") throw reject(405, "BAD_SHAPE", "events come as POST")
  if (
    settings.upstreamKey !== "host" &&
    !sameText(new URL(request.url).searchParams.get("code"), settings.upstreamKey)
  ) {
    throw unauthenticated("the URL's `code` is not `upstreamKey`")
  }
  const header = (name: string) => request.headers.get(name) ?? ""
  const connection = header("ce-connectionid")
  if (connection === "") throw badShape("ce-connectionId is missing")
  if (settings.access.type === "key" && !isSigned(header("ce-signature"), settings.access.accepted, connection)) {
    throw badSignature("ce-signature does not fit the connection and our access key")
  }
  const sentAt = Date.parse(header("ce-time"))
  if (!(Math.abs(Date.now() - sentAt) <= settings.upstreamClockMillis)) {
    throw reject(401, "WEBHOOK_REPLAYED", `ce-time is missing or more than ${settings.upstreamClockMillis} ms from now`)
  }
  if (header("ce-hub").toLowerCase() !== settings.hub.toLowerCase()) throw badShape("ce-hub is another hub")
  const type = header("ce-type")
  const name = header("ce-eventname")
  const body = await readBody(request)

  if (type === `${SYSTEM}connect` && name === "connect") return connect(settings, request, connection, body)
  const { principal, worker } = await ownerOf(settings, header("ce-connectionstate"), connection)
  if (header("ce-userid") !== userIdOf(principal))
    throw unauthenticated("ce-userId is not whom this connection belongs to")
  if (
    (type === `${SYSTEM}connected` && name === "connected") ||
    (type === `${SYSTEM}disconnected` && name === "disconnected")
  ) {
    return worker ? new Response(null, { status: 204 }) : { type: name, connection, principal }
  }
  if (!type.startsWith(USER) || type.slice(USER.length) !== name || name === "") {
    throw badShape("ce-type is unknown or does not fit ce-eventName")
  }
  if (worker) throw unauthenticated("a worker's connection sends no events")
  return { type: "event", connection, principal, name, data: decodeData(header("content-type"), body) }
}

/** `sha256=<hex>`, one per key of the service. Compared in constant time, each length checked first. */
const isSigned = (signature: string, keys: readonly string[], connection: string): boolean => {
  const candidates = signature.split(",", MAX_SIGNATURES + 1)
  if (candidates.length > MAX_SIGNATURES) return false
  let found = false
  for (const key of keys) {
    const expected = `sha256=${createHmac("sha256", key).update(connection).digest("hex")}`
    for (const candidate of candidates) found = sameText(candidate.trim(), expected) || found
  }
  return found
}

const sameText = (given: string | null, expected: string | undefined): boolean => {
  if (given === null || expected === undefined) return false
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Reads at most `MAX_REQUEST_BYTES`, whatever Content-Length claims. */
const readBody = async (request: Request): Promise<string> => {
  const tooLarge = reject(413, "TOO_LARGE", `the body is larger than ${MAX_REQUEST_BYTES} bytes`)
  if (Number(request.headers.get("content-length") ?? 0) > MAX_REQUEST_BYTES) throw tooLarge
  if (request.body === null) return ""
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > MAX_REQUEST_BYTES) throw tooLarge
    chunks.push(chunk)
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw badShape("the body is not UTF-8")
  }
}

/** The state's own format is JSON in base64, so that the service's other handlers can read theirs beside ours. */
const encodeState = (seal: string): string => Buffer.from(JSON.stringify({ [SEAL_PARAMETER]: seal })).toString("base64")
const decodeState = (state: string): string => {
  try {
    const seal: unknown = JSON.parse(Buffer.from(state, "base64").toString())?.[SEAL_PARAMETER]
    return typeof seal === "string" ? seal : ""
  } catch {
    return ""
  }
}

const ownerOf = async (settings: Settings, state: string, connection: string): Promise<Sealed> => {
  const sealed = await openPrincipal(settings.openKeys, settings.hub, decodeState(state), {
    in: "connection",
    connection
  })
  if (sealed === undefined) throw unauthenticated("ce-connectionState is missing or was not sealed by this backend")
  return sealed
}

/** Lets a client in that brings a sealed principal, and binds the principal to the connection. */
const connect = async (settings: Settings, request: Request, connection: string, body: string): Promise<Response> => {
  const { query, subprotocols } = connectBody(body)
  const sealed = await openPrincipal(settings.openKeys, settings.hub, query, { in: "url" })
  if (sealed === undefined)
    throw unauthenticated(
      `the client's URL has no valid \`${SEAL_PARAMETER}\`: it did not come from a grant, or too late`
    )
  if (request.headers.get("ce-userid") !== userIdOf(sealed.principal))
    throw unauthenticated("the token is for another user than the grant")
  const subprotocol = SUBPROTOCOLS.find((name) => subprotocols.includes(name))
  const state = await sealPrincipal(settings.sealKey, settings.hub, sealed, { in: "connection", connection })
  return Response.json(subprotocol === undefined ? {} : { subprotocol }, {
    headers: { "ce-connectionstate": encodeState(state) }
  })
}

/** The two fields of a `connect` body that are used. */
const connectBody = (body: string): { query: string; subprotocols: readonly unknown[] } => {
  let parsed: { query?: Record<string, unknown>; subprotocols?: unknown } | null
  try {
    parsed = JSON.parse(body)
  } catch {
    throw badShape("the body of `connect` is not JSON")
  }
  const values = parsed?.query?.[SEAL_PARAMETER]
  const seal: unknown = Array.isArray(values) && values.length === 1 ? values[0] : ""
  return {
    query: typeof seal === "string" ? seal : "",
    subprotocols: Array.isArray(parsed?.subprotocols) ? parsed.subprotocols : []
  }
}

const decodeData = (contentType: string, body: string): unknown => {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase()
  if (type === "text/plain") return body
  if (type !== "application/json") throw badShape("Content-Type must be application/json or text/plain")
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
