/**
 * A Socket.IO server of Throughline's own: a Node process that holds sockets, one of several where they share a Redis.
 *
 * Sockets at `/socket.io`, namespace `/throughline`; the HTTP API for the backend is `attach.ts`.
 */
import * as http from "node:http"
import type { Socket } from "node:net"
import { Server } from "socket.io"
import { listen, respond } from "../../../src/gateway/nodeServer.ts"
import { attachThroughline, secretsOf, type AttachOptions } from "./attach.ts"
import type { SharedRedis } from "./redis.ts"
import { ENGINE_PATH, MAX_CLIENT_BYTES } from "./wire.ts"

export interface SocketIoGatewayOptions extends Omit<AttachOptions, "redis"> {
  /** `redis://…` of the Redis that the nodes share. Secret. Absent: this is the only node. */
  readonly redis?: string | undefined
  /** Name of the stream in Redis, and beginning of its channels. Default "throughline:socket.io". */
  readonly stream?: string | undefined
  /** Default 0: any free port. */
  readonly port?: number | undefined
  /** Default 127.0.0.1. */
  readonly host?: string | undefined
  /** Origins that browsers may connect from; absent: any, since no cookie authenticates anyone here. */
  readonly allowedOrigins?: readonly string[] | undefined
  /** Allows HTTP long polling, which needs sticky sessions where there are several nodes. Default false. */
  readonly polling?: boolean | undefined
  /** A client that answers no ping within this time is cut; pings are as far apart. Default 15 s. */
  readonly heartbeatMillis?: number | undefined
}
export interface SocketIoGateway {
  /** `http://host:port`, for `socketIoGateway({ url })`. */
  readonly url: string
  /** Clients and workers at this node. */
  readonly connections: () => number
  /** Where to send events from now on. */
  readonly setUpstream: (url: string | undefined) => void
  /** Destroys every socket, as a failing network would. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

/** Rejects when the port is taken, a package is missing or Redis is away; throws a `TypeError` for a short key. */
export const startSocketIoGateway = async (options: SocketIoGatewayOptions): Promise<SocketIoGateway> => {
  const { allowedOrigins, heartbeatMillis = 15_000, stream = "throughline:socket.io" } = options
  secretsOf(options)
  const server = http.createServer()
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  // longer than what backends keep idle sockets for, so that they close them first
  server.keepAliveTimeout = 75_000
  const lines = new Set<Socket>()
  server.on("connection", (line) => {
    lines.add(line)
    line.on("close", () => lines.delete(line))
  })
  const cut = () => {
    for (const line of lines) line.destroy()
  }
  const io = new Server({
    path: ENGINE_PATH,
    transports: options.polling ? ["polling", "websocket"] : ["websocket"],
    maxHttpBufferSize: MAX_CLIENT_BYTES,
    pingInterval: heartbeatMillis,
    pingTimeout: heartbeatMillis,
    connectTimeout: 10_000,
    serveClient: false,
    cors: { origin: allowedOrigins === undefined ? true : [...allowedOrigins] },
    allowRequest: ({ headers: { origin } }, answer) =>
      answer(null, origin === undefined || allowedOrigins === undefined || allowedOrigins.includes(origin))
  })
  const redis = options.redis === undefined ? undefined : await shareRedis(options.redis, stream)
  const close = async () => {
    // who says no goodbye is not waited for
    const impatient = setTimeout(cut, 200)
    await io.close()
    clearTimeout(impatient)
    redis?.close()
  }
  if (redis !== undefined) io.adapter(redis.adapter)
  io.use((_socket, next) => next(new Error("connect to the namespace /throughline")))
  const { connections, fetch, setUpstream } = attachThroughline(io, { ...options, redis: redis?.command })
  server.on("request", (incoming, outgoing) => void respond(fetch, incoming, outgoing).catch(() => outgoing.destroy()))
  // takes what is for Engine.IO from the listener before
  io.attach(server)
  try {
    return { url: await listen(server, options), connections, setUpstream, cut, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

/** The packages are needed only here. */
const shareRedis = async (url: string, stream: string): Promise<SharedRedis> => {
  const { openRedis } = await import("./redis.ts").catch(() => {
    throw new Error("several nodes need: npm install redis @socket.io/redis-streams-adapter")
  })
  return openRedis(url, stream)
}
