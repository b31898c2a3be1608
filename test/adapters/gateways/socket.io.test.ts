import { spawn } from "node:child_process"
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Server } from "socket.io"
import { io, type Socket } from "socket.io-client"
import { afterEach, describe, expect, it, vi } from "vitest"
import { WebSocketServer, type WebSocket } from "ws"
import { attachThroughline } from "../../../adapters/gateways/socket.io/attach.ts"
import { socketIoClient } from "../../../adapters/gateways/socket.io/client.ts"
import { startSocketIoGateway } from "../../../adapters/gateways/socket.io/gateway.ts"
import { openRedis } from "../../../adapters/gateways/socket.io/redis.ts"
import { socketIoGateway } from "../../../adapters/gateways/socket.io/server.ts"
import { makeSubscribe } from "../../../adapters/gateways/socket.io/subscribe.ts"
import { NAMESPACE } from "../../../adapters/gateways/socket.io/wire.ts"
import type { GatewayConnection } from "../../../src/client/GatewayClient.ts"
import { listen, respond } from "../../../src/gateway/nodeServer.ts"
import { deriveSecrets, sealTicket, type Ticket } from "../../../src/gateway/secrets.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { build } from "./environments/environment.ts"
import { SOCKET_IO_KEY, socketIoMissing, startSocketIo } from "./environments/socket.io.ts"
import { startRedis } from "../redis.ts"

const secrets = deriveSecrets("socket.io", SOCKET_IO_KEY)
const closers: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const close of closers.splice(0).reverse()) await close()
})
const start = async (...options: Parameters<typeof startSocketIo>) => {
  const env = await startSocketIo(...options)
  closers.push(env.close)
  return env
}
/** One node without Redis. */
const startNode = async (options: Partial<Parameters<typeof startSocketIoGateway>[0]> = {}) => {
  const node = await startSocketIoGateway({ key: SOCKET_IO_KEY, ...options })
  closers.push(node.close)
  return node
}
const gatewayAt = async (url: string, options: Partial<Parameters<typeof socketIoGateway>[0]> = {}) => {
  const { gateway, close } = await build(socketIoGateway({ url, key: SOCKET_IO_KEY, ...options }))
  closers.push(close)
  return gateway
}
const seal = (ticket: Partial<Ticket> = {}, { by = secrets, inMillis = 60_000 } = {}) =>
  sealTicket(by, { principal: { id: "ann" }, groups: ["g"], ...ticket }, Date.now() + inMillis)
const publish = (gateway: GatewayService, group: string, frame: string) =>
  Effect.runPromise(gateway.publish(group, frame))
const failure = async <E>(effect: Effect.Effect<unknown, E>): Promise<E> => Effect.runPromise(Effect.flip(effect))

interface Raw {
  readonly socket: Socket
  readonly frames: string[]
  /** Resolves when it is let in; rejects with why not. */
  readonly opened: Promise<void>
  readonly ended: Promise<string>
  /** Resolves when it has heard the frame. */
  readonly heard: (frame: string) => Promise<void>
}
/** The vendor's client as anybody may use it. */
const dial = (
  url: string,
  token: unknown,
  { namespace = NAMESPACE, ...options }: Partial<Parameters<typeof io>[1]> & { readonly namespace?: string } = {}
): Raw => {
  const socket = io(url + namespace, {
    auth: { token },
    transports: ["websocket"],
    reconnection: false,
    forceNew: true,
    ...options
  })
  closers.push(() => socket.disconnect())
  const frames: string[] = []
  socket.on("frame", (frame: string) => frames.push(frame))
  const opened = new Promise<void>((resolve, reject) => {
    socket.on("open", resolve)
    socket.on("connect_error", reject)
  })
  opened.catch(() => {})
  const ended = new Promise<string>((resolve) => socket.on("disconnect", resolve))
  const heard = async (frame: string) => {
    while (!frames.includes(frame)) await once(socket as never, "frame")
  }
  return { socket, frames, opened, ended, heard }
}
const CLIENT = {
  gateway: "socket.io",
  groups: {},
  expiresAt: new Date().toISOString(),
  reconnectSpreadMillis: 0,
  upstream: true
}
/** Our client half; resolves with why it ended. */
const connect = (url: string, token: string, onOpen: (connection: GatewayConnection) => void = () => {}) =>
  new Promise<string>((resolve) => {
    const connection: GatewayConnection = socketIoClient().connect(
      { ...CLIENT, url, token },
      {
        onOpen: () => onOpen(connection),
        onFrame: () => {},
        onInterrupted: () => {},
        onAlive: () => {},
        onClosed: ({ message }) => resolve(message)
      }
    )
    closers.push(connection.close)
  })

interface AppEvents {
  readonly hello: (name: string, answer: (text: string) => void) => void
}
/** An application that has a Socket.IO server, with everything on. */
const startApp = async (options: Partial<Parameters<typeof attachThroughline>[1]> = {}) => {
  const server = http.createServer()
  const app = new Server<AppEvents, { readonly news: (text: string) => void }>(server, {
    connectionStateRecovery: { maxDisconnectionDuration: 60_000, skipMiddlewares: true }
  })
  app.on("connection", (socket) => socket.on("hello", (name, answer) => answer(`hello ${name}`)))
  const throughline = attachThroughline(app, { key: SOCKET_IO_KEY, ...options })
  server.on("request", (incoming, outgoing) => {
    if (incoming.url?.startsWith("/throughline/")) void respond(throughline.fetch, incoming, outgoing)
    else if (!incoming.url?.startsWith("/socket.io/")) outgoing.writeHead(418).end()
  })
  const url = await listen(server, {})
  closers.push(() => app.close())
  return { app, server, url, gateway: await gatewayAt(`${url}/throughline`), throughline }
}

describe("a node of the Socket.IO gateway", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["no token", async () => undefined],
    ["garbage", async () => "garbage"],
    ["a token that is no text", async () => ({ toString: "x", length: 3 })],
    ["a token of another key", () => seal({ worker: true }, { by: deriveSecrets("socket.io", "x".repeat(32)) })],
    ["a token of another gateway", () => seal({}, { by: deriveSecrets("ws", SOCKET_IO_KEY) })],
    ["an expired token", () => seal({}, { inMillis: -1_000 })],
    [
      "an unencrypted token",
      async () =>
        `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"ticket":{}}').toString("base64url")}.`
    ]
  ])("refuses a socket with %s, and says why without the token", async (_what, token) => {
    const node = await startNode()
    await expect(dial(node.url, await token()).opened).rejects.toThrow(
      /^the token is missing, expired or not of this gateway's key$/
    )
    expect(node.connections()).toBe(0)
  })

  it("has no other namespace", async () => {
    const node = await startNode()
    const token = await seal()
    await expect(dial(node.url, token, { namespace: "/" }).opened).rejects.toThrow(/connect to the namespace/)
    await expect(dial(node.url, token, { namespace: "/other" }).opened).rejects.toThrow(/Invalid namespace/)
  })

  it("keeps claims from the client that carries them", async () => {
    const gateway = await gatewayAt("http://127.0.0.1:1")
    const { token = "", url } = await Effect.runPromise(
      gateway.grant({ principal: { id: "ann", claims: { secret: "canary" } }, groups: ["g"], ttlMillis: 1_000 })
    )
    const parts = token.split(".").map((part) => Buffer.from(part, "base64url").toString())
    expect(parts.join()).not.toMatch(/canary/)
    expect(url).toBe("http://127.0.0.1:1/socket.io")
  })

  it("lets in only browsers of the origins it was given", async () => {
    const node = await startNode({ allowedOrigins: ["https://app.example"] })
    const from = async (origin?: string) =>
      dial(node.url, await seal(), origin === undefined ? {} : { extraHeaders: { origin } }).opened
    await expect(from("https://evil.example")).rejects.toThrow()
    await from("https://app.example")
    await from()
  })

  it("takes long polling only where it was allowed", async () => {
    const polling = { transports: ["polling"] }
    const [strict, lax] = [await startNode(), await startNode({ polling: true })]
    await expect(dial(strict.url, await seal(), polling).opened).rejects.toThrow()
    const polls = dial(lax.url, await seal(), polling)
    await polls.opened
    await publish(await gatewayAt(lax.url), "g", "{}")
    await polls.heard("{}")
  })

  it("lets a client do nothing but hear its groups and send its events", async () => {
    const node = await startNode()
    const gateway = await gatewayAt(node.url)
    const [bad, good] = [
      dial(node.url, await seal()),
      dial(node.url, await seal({ principal: { id: "bob" }, groups: ["g", "other"] }))
    ]
    await Promise.all([bad.opened, good.opened])
    const { socket } = bad
    for (const [event, ...values] of [
      ["join", ["other", "group:other"], () => {}],
      ["join", "other"],
      ["leave", "g"],
      ["frame", "{}", "g"],
      ["publish", "g", "{}"],
      ["open"],
      ["ping", 1],
      ["invoke"],
      ["invoke", 1, 2, 3],
      ["invoke", "interrupt", { deep: Buffer.from("binary") }],
      ["error", "x"],
      ["x".repeat(1_000), null]
    ] as [string, ...unknown[]][])
      socket.emit(event, ...values)
    // an answer says that all before was looked at
    for (const name of ["", "x".repeat(129), 7])
      expect(await socket.emitWithAck("invoke", name, 1)).toEqual({
        ok: false,
        problem: expect.stringContaining("128 characters")
      })
    await publish(gateway, "other", '{"to":"other"}')
    await publish(gateway, "g", '{"to":"g"}')
    await Promise.all([bad.heard('{"to":"g"}'), good.heard('{"to":"g"}')])
    expect(bad.frames).toEqual(['{"to":"g"}'])
    expect(good.frames).toEqual(['{"to":"other"}', '{"to":"g"}'])
  })

  it.each<[string, (socket: Socket) => void]>([
    ["above the limit", (socket) => socket.emit("invoke", "interrupt", "x".repeat(200_000))],
    ["that is no packet", (socket) => socket.io.engine.write("9nonsense")],
    ["for the event of a refusal", (socket) => socket.io.engine.write(`2${NAMESPACE},["connect_error"]`)],
    ["with too many attachments", (socket) => socket.io.engine.write(`599999-${NAMESPACE},["invoke"]`)]
  ])("closes a client that sends a message %s, and goes on", async (_what, send) => {
    const node = await startNode()
    const [bad, good] = [dial(node.url, await seal()), dial(node.url, await seal())]
    await Promise.all([bad.opened, good.opened])
    send(bad.socket)
    await bad.ended
    await publish(await gatewayAt(node.url), "g", "{}")
    await good.heard("{}")
  })

  it("has at most 16 events of one client under way", async () => {
    const silent = http.createServer(() => {}).listen(0, "127.0.0.1")
    closers.push(() => void silent.close().closeAllConnections())
    await once(silent, "listening")
    const node = await startNode({ upstream: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` })
    const { opened, socket } = dial(node.url, await seal())
    await opened
    for (let n = 0; n < 16; n++) socket.emit("invoke", "interrupt", n, () => {})
    expect(await socket.emitWithAck("invoke", "interrupt", 16)).toEqual({
      ok: false,
      problem: "too many invokes in flight"
    })
  })

  it("says so where it has no upstream, and so does the client half", async () => {
    const node = await startNode()
    const problem = await new Promise((resolve) => {
      void seal().then((token) =>
        connect(`${node.url}/socket.io`, token, ({ invoke }) =>
          invoke!("interrupt", null, { timeoutMillis: 5_000 }).catch(resolve)
        )
      )
    })
    expect(problem).toMatchObject({ message: "this gateway has no upstream" })
  })

  it.each([
    ["a WebSocket", { transports: ["websocket"] }],
    ["long polling", { transports: ["polling"] }]
  ])("cuts a client that does not read its %s, and keeps serving the others", async (_what, options) => {
    const node = await startNode({ maxBufferedBytes: 100_000, polling: true })
    const gateway = await gatewayAt(node.url)
    const [slow, quick] = [dial(node.url, await seal(), options), dial(node.url, await seal())]
    await Promise.all([slow.opened, quick.opened])
    stopReading(slow.socket)
    const frame = JSON.stringify({ text: "x".repeat(50_000) })
    let published = 0
    for (; node.connections() === 2 && published < 2_000; published++) await publish(gateway, "g", frame)
    expect(node.connections()).toBe(1)
    await publish(gateway, "g", "{}")
    await quick.heard("{}")
    expect(quick.frames.filter((text) => text === frame)).toHaveLength(published)
  })

  it("does not cut a client that reads, however much it is sent", async () => {
    const node = await startNode({ maxBufferedBytes: 100_000 })
    const gateway = await gatewayAt(node.url)
    const reads = dial(node.url, await seal())
    await reads.opened
    for (let n = 0; n < 50; n++) {
      const frame = JSON.stringify({ n, text: "x".repeat(60_000) })
      await publish(gateway, "g", frame)
      await reads.heard(frame)
    }
  })

  it("cuts a client that answers no ping", async () => {
    const node = await startNode({ heartbeatMillis: 100 })
    const silent = dial(node.url, await seal())
    await silent.opened
    Object.assign(silent.socket.io.engine, { _sendPacket: () => {} })
    await expect.poll(() => node.connections()).toBe(0)
  })

  it("answers its HTTP API's bad calls", async () => {
    const { url } = await startNode()
    const post = (path: string, init: RequestInit = {}) =>
      fetch(url + path, {
        method: "POST",
        body: "{}",
        headers: { authorization: `Bearer ${secrets.rest}` },
        ...init
      }).then(({ status }) => status)
    expect(await post("/publish?group=g")).toBe(202)
    expect(await post("/below/a/path/publish?group=g")).toBe(202)
    expect(await post("/publish?group=g", { headers: {} })).toBe(401)
    expect(await post("/publish?group=g", { headers: { authorization: `Bearer ${SOCKET_IO_KEY}` } })).toBe(401)
    expect(await post("/publish?group=g", { headers: { authorization: `Bearer ${await seal()}` } })).toBe(401)
    expect(await post("/publish")).toBe(400)
    expect(await post("/other")).toBe(404)
    expect(await post("/publish?group=g", { method: "PUT" })).toBe(405)
    expect(await post("/publish?group=g", { body: "x".repeat(1_048_577) })).toBe(413)
    expect(await post("/revoke", { headers: {} })).toBe(401)
    for (const body of ["", "nonsense", "null", '{"group":"g"}', '{"id":"ann"}', "x".repeat(20_000)])
      expect(await post("/revoke", { body })).toBe(400)
    expect(await fetch(`${url}/health`).then(({ status }) => status)).toBe(200)
  })

  it("serves backends with either of its keys", async () => {
    const node = await startNode({ otherKey: "another".repeat(6) })
    const heard = dial(node.url, await seal())
    const other = await gatewayAt(node.url, { key: "another".repeat(6) })
    const { token } = await Effect.runPromise(
      other.grant({ principal: { id: "bob" }, groups: ["g"], ttlMillis: 60_000 })
    )
    await Promise.all([heard.opened, dial(node.url, token).opened])
    await publish(other, "g", "{}")
    await heard.heard("{}")
  })

  it("refuses a short key and a taken port at the start", async () => {
    const { url } = await startNode()
    await expect(startSocketIoGateway({ key: "short" })).rejects.toThrow(/^key must have at least 32 characters/)
    await expect(startSocketIoGateway({ key: SOCKET_IO_KEY, otherKey: "short" })).rejects.toThrow(/^otherKey/)
    await expect(startSocketIoGateway({ key: SOCKET_IO_KEY, port: Number(new URL(url).port) })).rejects.toThrow(
      /EADDRINUSE/
    )
  })

  it("refuses to start without the Redis it was given, and keeps the password", async () => {
    const problem = await startSocketIoGateway({ key: SOCKET_IO_KEY, redis: "redis://:hunter2@127.0.0.1:1" }).catch(
      (cause: Error) => cause.message
    )
    expect(problem).toMatch(/^redis cannot be reached/)
    expect(problem).not.toMatch(/hunter2/)
  })
})

describe("the backend's half for Socket.IO", () => {
  it.each<[string, Partial<Parameters<typeof socketIoGateway>[0]>, RegExp]>([
    ["a short key", { key: "short" }, /^key/],
    ["no url", { url: "127.0.0.1" }, /^url/],
    ["a url for sockets", { url: "ws://127.0.0.1" }, /^url/],
    ["a clientUrl for sockets", { clientUrl: "wss://127.0.0.1" }, /^clientUrl/],
    ["a clientUrl with a path", { clientUrl: "https://127.0.0.1/socket.io" }, /^clientUrl.*`path`/],
    ["a relative path", { path: "socket.io" }, /^path/]
  ])("refuses %s at once", (_what, options, problem) => {
    expect(() => socketIoGateway({ url: "http://127.0.0.1:1", key: SOCKET_IO_KEY, ...options })).toThrow(problem)
    expect(() => socketIoGateway({ url: "http://127.0.0.1:1", key: SOCKET_IO_KEY, ...options })).toThrow(TypeError)
  })

  it.each<[number, Record<string, string>, object]>([
    [401, {}, { _tag: "GatewayRefused", status: 401, remedy: expect.stringMatching(/socketIoGateway.*`key`/) }],
    [404, {}, { _tag: "GatewayRefused", status: 404, remedy: expect.stringMatching(/socketIoGateway.*`url`/) }],
    [413, {}, { _tag: "FrameTooLarge", sizeBytes: 2, limitBytes: 1_048_576 }],
    [429, { "retry-after": "3" }, { _tag: "GatewayThrottled", retryAfterMillis: 3_000 }],
    [
      503,
      {},
      { _tag: "GatewayUnavailable", cause: expect.objectContaining({ message: expect.stringMatching(/Redis/) }) }
    ],
    [302, { location: "http://127.0.0.1:1/" }, { _tag: "GatewayUnavailable" }]
  ])("makes a typed error of a %i, without a secret", async (status, headers, reason) => {
    const server = http.createServer((_request, response) => void response.writeHead(status, headers).end("nonsense"))
    closers.push(() => void server.close().closeAllConnections())
    const gateway = await gatewayAt(await listen(server, {}))
    const error = await failure(gateway.publish("g", "{}"))
    expect(error.reason).toMatchObject(reason)
    expect(JSON.stringify(error) + error.message).not.toContain(secrets.rest)
  })

  it("fails in time where nobody answers, and at once where nobody is there", async () => {
    const server = http.createServer(() => {})
    closers.push(() => void server.close().closeAllConnections())
    const silent = await gatewayAt(await listen(server, {}), { timeoutMillis: 50 })
    expect((await failure(silent.publish("g", "{}"))).reason._tag).toBe("GatewayUnavailable")
    const nobody = await gatewayAt("http://127.0.0.1:1")
    expect((await failure(nobody.publish("g", "{}"))).reason._tag).toBe("GatewayUnavailable")
    expect((await failure(nobody.revoke!({ id: "ann" }, "g"))).operation).toBe("revoke")
  })

  const listening = async (gateway: Pick<GatewayService, "subscribe">, heard: string[] = []) => {
    const scope = await Effect.runPromise(Scope.make())
    closers.push(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    return gateway.subscribe!({
      onFrame: (_group, frame) => heard.push(frame),
      onReset: () => heard.push("reset")
    }).pipe(Scope.provide(scope))
  }
  it("says that listening needs the vendor's client where it is not installed", async () => {
    const subscribe = makeSubscribe("http://127.0.0.1:1/socket.io", seal, () =>
      Promise.reject(new Error("Cannot find package 'socket.io-client'"))
    )
    const error = await failure(await listening({ subscribe }))
    expect(error.operation).toBe("subscribe")
    expect(error.reason).toMatchObject({ cause: { message: "listening needs: npm install socket.io-client" } })
  })

  it("cannot listen where nobody is there, or with another key", async () => {
    const node = await startNode()
    expect((await failure(await listening(await gatewayAt("http://127.0.0.1:1")))).operation).toBe("subscribe")
    const error = await failure(await listening(await gatewayAt(node.url, { key: "another".repeat(6) })))
    expect(error.reason).toMatchObject({ cause: { message: expect.stringMatching(/^the token is/) } })
    expect(node.connections()).toBe(0)
  })

  it("joins more groups than one message names again after a cut", async () => {
    const node = await startNode()
    const gateway = await gatewayAt(node.url)
    const heard: string[] = []
    const inbox = await Effect.runPromise(await listening(gateway, heard))
    const groups = Array.from({ length: 3_000 }, (_, n) => `${n}-${"x".repeat(100)}`)
    await Promise.all(groups.map((group) => Effect.runPromise(inbox.join(group))))
    node.cut()
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual(["reset"])
    await publish(gateway, groups.at(-1)!, "{}")
    await expect.poll(() => heard).toEqual(["reset", "{}"])
  })

  it("has a worker join so many groups, and send no events", async () => {
    const node = await startNode()
    const worker = dial(node.url, await seal({ worker: true, groups: [] }))
    await worker.opened
    worker.socket.emit("invoke", "interrupt", null, () => worker.frames.push("answered"))
    expect(await worker.socket.emitWithAck("join", ["a", "b"])).toEqual({ ok: true, reply: null })
    expect(
      await worker.socket.emitWithAck(
        "join",
        Array.from({ length: 9_999 }, (_, n) => `${n}`)
      )
    ).toEqual({ ok: false, problem: "too many groups" })
    expect(worker.frames).toEqual([])
  })
})

describe("the client's half for Socket.IO", () => {
  it("ends when it is refused, with the reason, and keeps nothing open", async () => {
    const { server, url } = await startApp()
    const lines: Duplex[] = []
    server.on("upgrade", (_request, line) => lines.push(line))
    expect(await connect(`${url}/socket.io`, "garbage")).toMatch(/^the token is missing/)
    await expect.poll(() => lines.map(({ destroyed }) => destroyed)).toEqual([true])
    expect(await connect("http://127.0.0.1:1/socket.io", "garbage")).toMatch(/./)
  })

  it("ends when the transport opens and nothing more comes", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
    closers.push(() => server.close())
    await once(server, "listening")
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    const ended = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}/socket.io`, await seal())
    const [socket] = (await once(server, "connection")) as [WebSocket]
    socket.send('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000,"maxPayload":1000}')
    // the request for the namespace says that it is open
    await once(socket, "message")
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await ended).toBe("not open within 10000 ms")
  })
})

describe.skipIf(socketIoMissing !== undefined)("several nodes of the Socket.IO gateway", () => {
  it("take the principal out everywhere, and whoever comes again with a token from before", async () => {
    const { gateway, service } = await start()
    const { backendNode, clientNode, redis } = service
    const principal = { id: 'ann:"é', tenant: "acme" }
    const token = await seal({ principal, groups: ["left", "kept"] })
    const others = await Promise.all(
      [{ id: principal.id }, { id: "bob", tenant: "acme" }].map((other) =>
        seal({ principal: other, groups: ["left", "kept"] })
      )
    )
    const before = [dial(backendNode.url, token), dial(clientNode.url, token)]
    const stay = others.map((other) => dial(clientNode.url, other))
    await Promise.all([...before, ...stay].map(({ opened }) => opened))
    await Effect.runPromise(gateway.revoke!(principal, "left"))
    const later = await startNode({ redis: redis.url })
    const after = [backendNode, clientNode, later].map(({ url }) => dial(url, token))
    await Promise.all(after.map(({ opened }) => opened))
    await publish(gateway, "left", '{"to":"left"}')
    await publish(gateway, "kept", '{"to":"kept"}')
    await Promise.all([...before, ...after, ...stay].map(({ heard }) => heard('{"to":"kept"}')))
    for (const { frames } of [...before, ...after]) expect(frames).toEqual(['{"to":"kept"}'])
    for (const { frames } of stay) expect(frames).toEqual(['{"to":"left"}', '{"to":"kept"}'])
  })

  it("say that a publish failed while Redis is away or silent, and go on when it is back", async () => {
    const { service } = await start()
    const { backendNode, clientNode, redis } = service
    const gateway = await gatewayAt(backendNode.url, { timeoutMillis: 1_000 })
    const hears = dial(clientNode.url, await seal())
    await hears.opened
    const works = async (frame: string) => {
      await vi.waitFor(() => publish(gateway, "g", frame), { timeout: 10_000 })
      await vi.waitFor(
        async () => {
          await publish(gateway, "g", frame)
          expect(hears.frames).toContain(frame)
        },
        { timeout: 10_000 }
      )
    }
    await works('{"n":1}')
    redis.signal("SIGSTOP")
    expect((await failure(gateway.publish("g", "{}"))).reason._tag).toBe("GatewayUnavailable")
    redis.signal("SIGCONT")
    await works('{"n":2}')
    await redis.kill()
    expect((await failure(gateway.publish("g", "{}"))).reason).toMatchObject({
      cause: { message: "the node cannot reach its Redis" }
    })
    expect(await fetch(`${clientNode.url}/health`).then(({ status }) => status)).toBe(503)
    await expect(dial(clientNode.url, await seal()).opened).rejects.toThrow(/try again/)
    await redis.start()
    await works('{"n":3}')
    expect(hears.socket.connected).toBe(true)
  }, 30_000)

  it("hear what is published from the moment at which they started", async () => {
    const redis = await startRedis()
    closers.push(redis.close)
    await redis.ask("XADD", "s", "*", "nsp", NAMESPACE, "uid", "other", "type", "3", "data", '{"n":0}')
    const { adapter, close, command } = await openRedis(redis.url, "s")
    closers.push(close)
    const heard: unknown[] = []
    const made = adapter({ name: NAMESPACE, server: { opts: {} }, sockets: new Map() })
    closers.push(() => made.close())
    Object.assign(made, { onMessage: ({ data }: { readonly data: unknown }) => heard.push(data) })
    // on a connection that is there; the one that reads is yet to be made
    await command("XADD", "s", "*", "nsp", NAMESPACE, "uid", "other", "type", "3", "data", '{"n":1}')
    await expect.poll(() => heard).toEqual([{ n: 1 }])
  })

  it("run as processes, print where they listen, and end on SIGTERM", async () => {
    const redis = await startRedis()
    closers.push(redis.close)
    const nodes = await Promise.all(
      [1, 2].map(async () => {
        const child = spawn(process.execPath, ["adapters/gateways/socket.io/main.ts"], {
          env: { ...process.env, THROUGHLINE_SOCKET_IO_KEY: SOCKET_IO_KEY, THROUGHLINE_SOCKET_IO_REDIS: redis.url },
          stdio: ["ignore", "pipe", "inherit"]
        })
        closers.push(() => void child.kill("SIGKILL"))
        const [line] = await once(child.stdout, "data")
        return { child, url: (JSON.parse(String(line)) as { url: string }).url }
      })
    )
    const hears = dial(nodes[1]!.url, await seal())
    await hears.opened
    await publish(await gatewayAt(nodes[0]!.url), "g", "{}")
    await hears.heard("{}")
    for (const { child } of nodes) {
      child.kill("SIGTERM")
      expect(await once(child, "exit")).toEqual([0, null])
    }
    expect(await hears.ended).toMatch(/transport|server/)
  })
})

describe("an application's own Socket.IO server", () => {
  it("serves Throughline beside its own, on one connection even", async () => {
    const { gateway, throughline, url } = await startApp()
    const ours = dial(url, await seal(), { forceNew: false })
    const theirs = dial(url, undefined, { namespace: "/", forceNew: false })
    await ours.opened
    expect(ours.socket.io).toBe(theirs.socket.io)
    expect(await theirs.socket.emitWithAck("hello", "ann")).toBe("hello ann")
    expect(throughline.connections()).toBe(1)
    await publish(gateway, "g", "{}")
    await ours.heard("{}")
    expect(await fetch(`${url}/other`).then(({ status }) => status)).toBe(418)
    await expect(dial(url, "garbage").opened).rejects.toThrow(/token/)
  })

  it("keeps neither tokens nor claims where other nodes see them", async () => {
    const { app, url } = await startApp()
    const token = await seal({ principal: { id: "ann", claims: { secret: "canary" } } })
    await dial(url, token).opened
    const seen = (await app.of(NAMESPACE).fetchSockets()).map(({ data, handshake, rooms }) => ({
      data,
      handshake,
      rooms: [...rooms]
    }))
    expect(seen).toHaveLength(1)
    expect(JSON.stringify(seen)).not.toMatch(/canary|eyJ/)
  })

  it("waits for no goodbye of a client that does not read", async () => {
    const { gateway, server, throughline, url } = await startApp({ maxBufferedBytes: 100_000 })
    const lines: Duplex[] = []
    server.on("upgrade", (_request, line) => lines.push(line))
    const slow = dial(url, await seal())
    await slow.opened
    stopReading(slow.socket)
    const frame = JSON.stringify({ text: "x".repeat(50_000) })
    for (let n = 0; throughline.connections() === 1 && n < 2_000; n++) await publish(gateway, "g", frame)
    await expect.poll(() => lines.map(({ destroyed }) => destroyed)).toEqual([true])
  })

  it("is sent nothing more while its Redis is away, so that nothing piles up", async () => {
    let isThere = true
    const { gateway, url } = await startApp({
      redis: (command) => {
        if (!isThere) return Promise.reject(new Error("away"))
        return Promise.resolve(command === "PING" ? "PONG" : [])
      }
    })
    const hears = dial(url, await seal())
    await hears.opened
    isThere = false
    for (const n of [1, 2, 3])
      expect((await failure(gateway.publish("g", `{"n":${n}}`))).reason._tag).toBe("GatewayUnavailable")
    isThere = true
    await publish(gateway, "g", '{"n":4}')
    await hears.heard('{"n":4}')
    // the first was on its way when it turned out
    expect(hears.frames).toEqual(['{"n":1}', '{"n":4}'])
  })

  it.each([
    ["before it lets somebody into the rooms", [["g"], []]],
    ["after that, for what came between", [[], ["g"]]]
  ])("looks up what was revoked %s", async (_when, answers) => {
    const { gateway, url } = await startApp({
      redis: (command) => Promise.resolve(command === "ZRANGEBYSCORE" ? answers.shift() : "PONG")
    })
    const { frames, heard, opened } = dial(url, await seal({ groups: ["g", "kept"] }))
    await opened
    for (const group of ["g", "kept"]) await publish(gateway, group, JSON.stringify({ to: group }))
    await heard('{"to":"kept"}')
    expect(frames).toEqual(['{"to":"kept"}'])
  })

  it("lets nobody who was taken out back in by the recovery of connections", async () => {
    const { gateway, throughline, url } = await startApp()
    const { ended, frames, heard, opened, socket } = dial(url, await seal())
    await opened
    await publish(gateway, "g", '{"n":1}')
    await heard('{"n":1}')
    // the vendor's client comes again with its session
    socket.io.engine.close()
    await ended
    await expect.poll(throughline.connections).toBe(0)
    await Effect.runPromise(gateway.revoke!({ id: "ann" }, "g"))
    await publish(gateway, "g", '{"n":2}')
    const back = once(socket as never, "connect")
    const gone = once(socket as never, "disconnect")
    socket.connect()
    await back
    expect(socket.recovered).toBe(true)
    await gone
    expect(frames).toEqual(['{"n":1}'])
  })
})

/** As a page does whose machine has gone to sleep. */
const stopReading = ({ io: manager }: Socket) => {
  const { transport } = manager.engine as unknown as {
    readonly transport: { readonly name: string; readonly ws?: WebSocket; poll?: () => void }
  }
  if (transport.ws !== undefined) transport.ws.pause()
  else Object.assign(transport, { _poll: () => {} })
}
