/**
 * The Worker in front of the objects: lets clients with a ticket in, and the backend with its bearer token through.
 *
 * `GET /connect?group=` upgrades to a socket of that group's object; `POST /publish?group=` (the body is the frame),
 * `POST /revoke?group=&tenant=&id=`, `GET /health`. Deploy it as it is, or give `handleGateway` the requests below a path.
 */
import { openTicket, sameText } from "../../../src/gateway/secrets.ts"
import { callObject } from "./callObject.ts"
import { capabilities } from "./capabilities.ts"
import { ADMITTED, ThroughlineGroup, type Admitted } from "./object.ts"
import { secretsOf, type GatewayWorkerEnv } from "./settings.ts"
import { SUBPROTOCOL } from "./wire.ts"

export { ThroughlineGroup, type GatewayWorkerEnv }

const text = (status: number, body: string, headers: Record<string, string> = {}) =>
  new Response(body, { status, headers: { "content-type": "text/plain", ...headers } })
/** Every group name that a backend makes, and no other object. */
const GROUP = /^[\w-]{1,128}$/

const connect = async (request: Request, url: URL, env: GatewayWorkerEnv): Promise<Response> => {
  const origin = request.headers.get("origin")
  const origins = env.THROUGHLINE_ORIGINS?.split(",").map((each) => each.trim())
  if (origin !== null && origins !== undefined && !origins.includes(origin))
    return text(403, "pages of this origin may not connect")
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return text(426, "a WebSocket connects here")
  const offered = request.headers.get("sec-websocket-protocol") ?? ""
  const [name, token = ""] = offered.split(",").map((part) => part.trim())
  if (name !== SUBPROTOCOL) return text(400, `the first subprotocol must be ${SUBPROTOCOL}`)
  const ticket = await openTicket(secretsOf(env), token)
  if (ticket === undefined) return text(401, "the ticket is not of this gateway's key, or has expired")
  const group = url.searchParams.get("group") ?? ""
  if (!ticket.groups.includes(group)) return text(403, "the ticket is not for this group")
  const admitted: Admitted = { principal: ticket.principal, lead: url.searchParams.has("lead") }
  return callObject(env.THROUGHLINE_GROUPS, group, "/connect", {
    headers: { upgrade: "websocket", [ADMITTED]: encodeURIComponent(JSON.stringify(admitted)) }
  })
}

const fromBackend = async (request: Request, url: URL, env: GatewayWorkerEnv): Promise<Response> => {
  if (request.method !== "POST") return text(405, "only POST", { allow: "POST" })
  const given = request.headers.get("authorization")
  if (!secretsOf(env).some(({ rest }) => sameText(given, `Bearer ${rest}`)))
    return text(401, "the bearer token does not fit this gateway's key")
  const group = url.searchParams.get("group") ?? ""
  if (!GROUP.test(group)) return text(400, "group is missing, or not one that a backend makes")
  if (url.pathname.endsWith("/publish")) {
    if (Number(request.headers.get("content-length")) > capabilities.maxFrameBytes)
      return text(413, `a frame has at most ${capabilities.maxFrameBytes} bytes`)
    return callObject(env.THROUGHLINE_GROUPS, group, "/publish", { method: "POST", body: request.body })
  }
  const who = new URLSearchParams({
    tenant: url.searchParams.get("tenant") ?? "main",
    id: url.searchParams.get("id") ?? ""
  })
  return callObject(env.THROUGHLINE_GROUPS, group, `/revoke?${who}`, { method: "POST" })
}

/** Answers below any path: only the last part of it is looked at. */
export const handleGateway = async (request: Request, env: GatewayWorkerEnv): Promise<Response> => {
  const url = new URL(request.url)
  try {
    if (url.pathname.endsWith("/connect")) return await connect(request, url, env)
    if (url.pathname.endsWith("/publish") || url.pathname.endsWith("/revoke"))
      return await fromBackend(request, url, env)
    return url.pathname.endsWith("/health") ? text(200, "ok") : text(404, "unknown path")
  } catch (cause) {
    // a setting is missing or too short; it says which
    if (cause instanceof TypeError) return text(500, cause.message)
    throw cause
  }
}

// oxlint-disable-next-line import/no-default-export -- what Workers look for
export default { fetch: handleGateway }
