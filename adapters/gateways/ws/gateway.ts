/**
 * The plain gateway: a Node process that holds WebSockets, and an HTTP API for the backend. The boring baseline.
 *
 * `POST /publish?group=` (the body is the frame), `POST /revoke?group=&tenant=&id=`, `GET /health`; sockets at
 * `/connect`. One process; state is in memory and worth nothing, since the log is the truth. Clients need a token
 * that the backend sealed, the backend a bearer token; both derive from `key`.
 */
import * as http from "node:http"
import { WebSocketServer } from "ws"
import { listen } from "../../../src/gateway/nodeServer.ts"
import { deriveSecrets, openTicket, sameText } from "../../../src/gateway/secrets.ts"
import { callBackend } from "../../../src/gateway/signedCall.ts"
import { capabilities } from "./capabilities.ts"
import { makeSockets } from "./sockets.ts"
import { MAX_CLIENT_BYTES, SUBPROTOCOL } from "./wire.ts"

export interface WsGatewayOptions {
  /** At least 32 characters, shared with the backend. Secret. */
  readonly key: string
  /** A key to change to, or from: backends may have either. At least 32 characters. Secret. */
  readonly otherKey?: string | undefined
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** The backend's `/upstream/ws` route. Absent: clients interrupt over HTTP. */
  readonly upstream?: string
  /** Origins that browsers may connect from; absent: any, since no cookie authenticates anyone here. */
  readonly allowedOrigins?: readonly string[]
  /** Unsent bytes above which a client is cut. Default 8 MiB. */
  readonly maxBufferedBytes?: number
  /** A client that answers no ping within this time is cut. Default 15 s. */
  readonly heartbeatMillis?: number
}
export interface WsGateway {
  /** `http://host:port`, for `wsGateway({ url })`. */
  readonly url: string
  readonly connections: () => number
  /** Where to send events from now on. */
  readonly setUpstream: (url: string | undefined) => void
  /** Destroys every socket, as a failing network would. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

/** Rejects when the port is taken; throws a `TypeError` for a short key. */
export const startWsGateway = async (options: WsGatewayOptions): Promise<WsGateway> => {
  const secrets = [deriveSecrets("ws", options.key)]
  if (options.otherKey !== undefined) secrets.push(deriveSecrets("ws", options.otherKey, "otherKey"))
  let upstream = options.upstream
  const sockets = makeSockets({
    maxBufferedBytes: options.maxBufferedBytes ?? 8 * 1024 * 1024,
    heartbeatMillis: options.heartbeatMillis ?? 15_000,
    ask: (event) =>
      upstream === undefined
        ? Promise.reject(new Error("this gateway has no upstream"))
        : callBackend(secrets, upstream, event)
  })
  const bearers = secrets.map(({ rest }) => `Bearer ${rest}`)

  const server = http.createServer((request, response) => {
    const answer = (status: number, text?: string): void => {
      if (status === 405) response.setHeader("allow", "POST")
      if (text !== undefined) response.setHeader("content-type", "text/plain")
      response.writeHead(status).end(text)
    }
    const url = new URL(request.url ?? "/", "http://gateway")
    if (url.pathname === "/health") return answer(200, "ok")
    if (url.pathname !== "/publish" && url.pathname !== "/revoke") return answer(404, "unknown path")
    if (request.method !== "POST") return answer(405, "only POST")
    if (!bearers.some((bearer) => sameText(request.headers.authorization, bearer)))
      return answer(401, "the bearer token does not fit this gateway's key")
    const group = url.searchParams.get("group")
    if (!group) return answer(400, "group is missing")
    if (url.pathname === "/revoke") {
      sockets.revoke(url.searchParams.get("tenant") ?? "main", url.searchParams.get("id") ?? "", group)
      return answer(204)
    }
    readFrame(request, (frame) => {
      if (frame === undefined) {
        response.setHeader("connection", "close")
        return answer(413, `a frame has at most ${capabilities.maxFrameBytes} bytes`)
      }
      sockets.publish(group, frame)
      answer(202)
    })
  })
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  // Longer than what backends keep idle sockets for, so that they close them first.
  server.keepAliveTimeout = 75_000

  const acceptor = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_CLIENT_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false)
  })
  acceptor.on("wsClientError", (_error, socket) => socket.destroy())
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {})
    const refuse = (status: string): void =>
      void socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    const { origin } = request.headers
    if (options.allowedOrigins !== undefined && origin !== undefined && !options.allowedOrigins.includes(origin))
      return refuse("403 Forbidden")
    const [name, token = ""] = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((part) => part.trim())
    if (request.url?.split("?", 1)[0] !== "/connect" || name !== SUBPROTOCOL) return refuse("404 Not Found")
    void openTicket(secrets, token).then((ticket) => {
      if (ticket === undefined) refuse("401 Unauthorized")
      else acceptor.handleUpgrade(request, socket, head, (accepted) => sockets.accept(accepted, ticket))
    })
  })
  const url = await listen(server, options)
  return {
    url,
    connections: sockets.count,
    setUpstream: (next) => void (upstream = next),
    cut: sockets.cut,
    close: () =>
      new Promise((resolve) => {
        sockets.close()
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), 500).unref()
      })
  }
}

/** Calls back with the whole body, or with `undefined` when it is larger than a frame may be. */
const readFrame = (request: http.IncomingMessage, done: (frame: Buffer | undefined) => void) => {
  const chunks: Buffer[] = []
  let size = 0
  request.on("error", () => {})
  request.on("data", (chunk: Buffer) => {
    size += chunk.length
    if (size <= capabilities.maxFrameBytes) chunks.push(chunk)
  })
  request.on("end", () =>
    done(size > capabilities.maxFrameBytes ? undefined : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
  )
}
