/**
 * Throughline in a Socket.IO server: its namespace, and an HTTP API for the backend as a fetch handler.
 *
 * `POST …/publish?group=` (the body is the frame), `POST …/revoke` (JSON), `GET …/health`, below whatever path it is
 * mounted at. `gateway.ts` makes a server for it; an application that has one attaches it to that. What a node keeps is
 * worth nothing, since the log is the truth.
 */
import type { Namespace } from "socket.io"
import { deriveSecrets, sameText, type GatewaySecrets } from "../../../src/gateway/secrets.ts"
import { callBackend, readBody } from "../../../src/gateway/signedCall.ts"
import { capabilities } from "./capabilities.ts"
import { revocationsInMemory, revocationsInRedis, type Command } from "./revocations.ts"
import { makeSockets } from "./sockets.ts"
import { NAMESPACE } from "./wire.ts"

export interface AttachOptions {
  /** At least 32 characters, shared with the backend. Secret. */
  readonly key: string
  /** A key to change to, or from: backends may have either. At least 32 characters. Secret. */
  readonly otherKey?: string | undefined
  /** The backend's `/upstream/socket.io` route. Absent: clients interrupt over HTTP. */
  readonly upstream?: string | undefined
  /**
   * One command on the connection that the server's adapter publishes on: `(...args) => redis.sendCommand(args)`, with
   * ioredis `(command, ...args) => redis.call(command, ...args)`. Absent: this is the only node.
   */
  readonly redis?: Command | undefined
  /** Unsent bytes above which a client is cut. Default 8 MiB. */
  readonly maxBufferedBytes?: number | undefined
}
export interface AttachedThroughline {
  /** The HTTP API. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Clients and workers at this node. */
  readonly connections: () => number
  /** Where to send events from now on. */
  readonly setUpstream: (url: string | undefined) => void
}
/** A Redis that says nothing for this long is away. */
const COMMAND_MILLIS = 5_000
const MAX_REVOKE_BYTES = 16 * 1024

/** `io` is a Socket.IO `Server`. Throws a `TypeError` for a short key. */
export const attachThroughline = (
  io: { readonly of: (name: string) => Namespace },
  options: AttachOptions
): AttachedThroughline => {
  const secrets = secretsOf(options)
  const bearers = secrets.map(({ rest }) => `Bearer ${rest}`)
  const command = options.redis === undefined ? undefined : within(COMMAND_MILLIS, options.redis)
  const revocations = command === undefined ? revocationsInMemory() : revocationsInRedis(command)
  let upstream = options.upstream
  const namespace = io.of(NAMESPACE)
  const sockets = makeSockets(namespace, {
    secrets,
    revocations,
    maxBufferedBytes: options.maxBufferedBytes ?? 8 * 1024 * 1024,
    ask: (event) =>
      upstream === undefined
        ? Promise.reject(new Error("this gateway has no upstream"))
        : callBackend(secrets, upstream, event)
  })

  let isAway = false
  /** Redis answers in order: what was asked of it before is done. Socket.IO itself does not tell. */
  const settled = async () => {
    try {
      await command?.("PING")
      isAway = false
    } catch (cause) {
      isAway = true
      throw cause
    }
  }
  const spread = async (send: () => void | Promise<void>) => {
    // what is sent to a Redis that is away would pile up
    if (isAway) await settled()
    await send()
    await settled()
  }
  const publish = async (request: Request, group: string | null): Promise<Response> => {
    if (!group) return text(400, "group is missing")
    const frame = await readBody(request, capabilities.maxFrameBytes)
    if (frame === undefined) return text(413, `a frame has at most ${capabilities.maxFrameBytes} bytes`)
    await spread(() => sockets.publish(group, frame))
    return new Response(null, { status: 202 })
  }
  const revoke = async (request: Request): Promise<Response> => {
    const body = await readBody(request, MAX_REVOKE_BYTES)
    const { group, id, tenant } = parseObject(body)
    if (typeof group !== "string" || typeof id !== "string") return text(400, "group or id is missing")
    const principal = { id, ...(typeof tenant === "string" ? { tenant } : {}) }
    await spread(async () => {
      await revocations.add(principal, group)
      sockets.remove(principal, group)
    })
    return new Response(null, { status: 204 })
  }
  const route = async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url)
    const action = pathname.slice(pathname.lastIndexOf("/") + 1)
    if (!["health", "publish", "revoke"].includes(action)) return text(404, "unknown path")
    const method = action === "health" ? "GET" : "POST"
    if (request.method !== method) return text(405, `only ${method}`, { allow: method })
    if (action === "health") {
      await settled()
      return text(200, "ok")
    }
    const given = request.headers.get("authorization")
    if (!bearers.some((bearer) => sameText(given, bearer)))
      return text(401, "the bearer token does not fit this gateway's key")
    return action === "publish" ? publish(request, searchParams.get("group")) : revoke(request)
  }
  return {
    fetch: (request) => route(request).catch(() => text(503, "Redis does not answer")),
    connections: () => namespace.sockets.size,
    setUpstream: (url) => void (upstream = url)
  }
}

/** Of both keys. Throws a `TypeError` for a short one. */
export const secretsOf = ({ key, otherKey }: Pick<AttachOptions, "key" | "otherKey">): readonly GatewaySecrets[] => [
  deriveSecrets("socket.io", key),
  ...(otherKey === undefined ? [] : [deriveSecrets("socket.io", otherKey, "otherKey")])
]

const within =
  (millis: number, command: Command): Command =>
  (...args) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer within ${millis} ms`)), millis)
      command(...args)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
const text = (status: number, body: string, headers: Record<string, string> = {}) =>
  new Response(body, { status, headers: { "content-type": "text/plain", ...headers } })
const parseObject = (body = ""): Partial<Record<"group" | "id" | "tenant", unknown>> => {
  try {
    return Object(JSON.parse(body))
  } catch {
    return {}
  }
}
