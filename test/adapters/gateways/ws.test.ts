import { spawn } from "node:child_process"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { deriveSecrets, sealTicket } from "../../../src/gateway/secrets.ts"
import { signCall } from "../../../src/gateway/signedCall.ts"
import { startWsGateway } from "../../../adapters/gateways/ws/gateway.ts"
import { wsGateway } from "../../../adapters/gateways/ws/server.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { build } from "./environments/environment.ts"
import { startWs, WS_KEY } from "./environments/ws.ts"

const secrets = deriveSecrets("ws", WS_KEY)
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const start = async (options: Parameters<typeof startWs>[0] = {}) => {
  const env = await startWs(options)
  closers.push(env.close)
  return env
}
const ticket = (groups: string[] = ["g"], worker = false) =>
  sealTicket(secrets, { principal: { id: "ann" }, groups, worker }, Date.now() + 60_000)
/** A raw socket: everything it received, and how it ended. */
const dial = (url: string, protocols: string[], headers: Record<string, string> = {}) => {
  const socket = new WebSocket(`${url.replace("http", "ws")}/connect`, protocols, { headers })
  closers.push(() => socket.terminate())
  const received: string[] = []
  socket.on("message", (data) => received.push(String(data)))
  const opened = new Promise<void>((resolve, reject) => socket.once("message", () => resolve()).once("error", reject))
  opened.catch(() => {})
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on("close", (code, reason) => resolve({ code, reason: String(reason) }))
  )
  const refused = new Promise<number>((resolve) =>
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0))
  )
  return { socket, received, opened, closed, refused }
}
const NAME = "throughline.v1"

describe("the plain gateway", () => {
  it.each<[string, () => Promise<string[]>, number]>([
    ["no token", async () => [NAME], 401],
    ["garbage", async () => [NAME, "garbage"], 401],
    [
      "a token of another key",
      async () => [
        NAME,
        await sealTicket(
          deriveSecrets("ws", "x".repeat(32)),
          { principal: { id: "ann" }, groups: [], worker: true },
          Date.now() + 60_000
        )
      ],
      401
    ],
    [
      "an expired token",
      async () => [
        NAME,
        await sealTicket(secrets, { principal: { id: "ann" }, groups: [], worker: false }, Date.now() - 1_000)
      ],
      401
    ],
    [
      "an unencrypted token",
      async () => [
        NAME,
        `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"ticket":{}}').toString("base64url")}.`
      ],
      401
    ],
    ["another subprotocol", async () => ["mqtt", await ticket()], 404]
  ])("refuses a socket with %s", async (_what, protocols, status) => {
    const { service } = await start()
    expect(await dial(service.url, await protocols()).refused).toBe(status)
  })

  it("keeps claims from the client that carries them", async () => {
    const { gateway } = await start()
    const { token = "" } = await Effect.runPromise(
      gateway.grant({ principal: { id: "ann", claims: { secret: "canary" } }, groups: ["g"], ttlMillis: 1_000 })
    )
    expect(
      token
        .split(".")
        .map((part) => Buffer.from(part, "base64url").toString())
        .join()
    ).not.toMatch(/canary/)
  })

  it("lets in only browsers of the origins it was given", async () => {
    const { service } = await start({ allowedOrigins: ["https://app.example"] })
    expect(await dial(service.url, [NAME, await ticket()], { origin: "https://evil.example" }).refused).toBe(403)
    await dial(service.url, [NAME, await ticket()], { origin: "https://app.example" }).opened
    await dial(service.url, [NAME, await ticket()]).opened
  })

  it.each<[string, string | Buffer, number, RegExp]>([
    ["that is empty", "", 1008, /BAD_JSON/],
    ["that is cut short", "{", 1008, /BAD_JSON/],
    ["that is an array", "[]", 1008, /BAD_SHAPE/],
    ["that is null", "null", 1008, /BAD_SHAPE/],
    ["of an unknown type", '{"type":"publish","id":1}', 1008, /UNKNOWN_TYPE: publish/],
    ["without an id", '{"type":"invoke","event":"x"}', 1008, /BAD_NUMBER/],
    ["with a fractional id", '{"type":"invoke","id":1.5,"event":"x"}', 1008, /BAD_NUMBER/],
    ["without an event", '{"type":"invoke","id":1}', 1008, /BAD_SHAPE/],
    ["that joins a group", '{"type":"join","id":1,"group":"other"}', 1008, /not allowed/],
    ["in binary", Buffer.from([1]), 1003, /only text/],
    ["above the limit", "x".repeat(70_000), 1009, /^$/]
  ])("closes a client that sends a message %s, and goes on", async (_what, message, code, reason) => {
    const { service, gateway } = await start()
    const bad = dial(service.url, [NAME, await ticket()])
    const good = dial(service.url, [NAME, await ticket()])
    await Promise.all([bad.opened, good.opened])
    bad.socket.send(message)
    expect(await bad.closed).toEqual({ code, reason: expect.stringMatching(reason) })
    const arrived = new Promise((resolve) => good.socket.on("message", resolve))
    await Effect.runPromise(gateway.publish("g", "{}"))
    await arrived
    expect(good.received.at(-1)).toBe("{}")
  })

  it("cuts a client that does not read, and keeps serving the others", async () => {
    const { service, gateway } = await start({ maxBufferedBytes: 100_000 })
    const slow = dial(service.url, [NAME, await ticket()])
    const quick = dial(service.url, [NAME, await ticket()])
    await Promise.all([slow.opened, quick.opened])
    slow.socket.pause()
    const frame = JSON.stringify({ text: "x".repeat(500_000) })
    let published = 0
    for (; service.connections() === 2 && published < 200; published++)
      await Effect.runPromise(gateway.publish("g", frame))
    expect(service.connections()).toBe(1)
    const last = new Promise<void>((resolve) =>
      quick.socket.on("message", (data) => String(data) === "{}" && resolve())
    )
    await Effect.runPromise(gateway.publish("g", "{}"))
    await last
    expect(quick.received.filter((text) => text === frame)).toHaveLength(published)
  })

  it("cuts a client that answers no ping", async () => {
    const { service } = await start({ heartbeatMillis: 50 })
    const silent = dial(service.url, [NAME, await ticket()])
    await silent.opened
    ;(
      silent.socket as unknown as { _receiver: { removeAllListeners(name: string): void } }
    )._receiver.removeAllListeners("ping")
    expect((await silent.closed).code).toBe(1006)
  })

  it("answers its HTTP API's bad calls", async () => {
    const { service } = await start()
    const post = (path: string, init: RequestInit = {}) =>
      fetch(service.url + path, {
        method: "POST",
        body: "{}",
        headers: { authorization: `Bearer ${secrets.rest}` },
        ...init
      }).then(({ status }) => status)
    expect(await post("/publish?group=g")).toBe(202)
    expect(await post("/publish?group=g", { headers: {} })).toBe(401)
    expect(await post("/publish?group=g", { headers: { authorization: `Bearer ${WS_KEY}` } })).toBe(401)
    expect(await post("/publish")).toBe(400)
    expect(await post("/other")).toBe(404)
    expect(await post("/publish?group=g", { method: "PUT" })).toBe(405)
    expect(await post("/publish?group=g", { body: "x".repeat(1_048_577) })).toBe(413)
    expect(await fetch(`${service.url}/health`).then(({ status }) => status)).toBe(200)
  })

  it("says what to change when its key differs from the backend's", async () => {
    const { foreign } = await start()
    const { reason } = await Effect.runPromise(Effect.flip(foreign.publish("g", "{}")))
    expect(reason).toMatchObject({ _tag: "GatewayRefused", status: 401, remedy: expect.stringContaining("key") })
  })

  it("refuses a short key, a wrong url and a taken port at the start", async () => {
    const { service } = await start()
    expect(() => wsGateway({ url: service.url, key: "short" })).toThrow(/32 characters/)
    expect(() => wsGateway({ url: "ws://x", key: WS_KEY })).toThrow(/url/)
    await expect(startWsGateway({ key: "short" })).rejects.toThrow(/32 characters/)
    await expect(startWsGateway({ key: WS_KEY, otherKey: "short" })).rejects.toThrow(/otherKey/)
    await expect(startWsGateway({ key: WS_KEY, port: Number(new URL(service.url).port) })).rejects.toThrow(/EADDRINUSE/)
  })

  it("serves backends with either of its keys", async () => {
    const { service } = await start({ otherKey: "another".repeat(6) })
    const heard = dial(service.url, [NAME, await ticket()])
    await heard.opened
    const { gateway, close } = await build(wsGateway({ url: service.url, key: "another".repeat(6) }))
    closers.push(close)
    const { token = "" } = await Effect.runPromise(
      gateway.grant({ principal: { id: "bob" }, groups: ["g"], ttlMillis: 60_000 })
    )
    await dial(service.url, [NAME, token]).opened
    const arrived = new Promise((resolve) => heard.socket.on("message", (text) => resolve(String(text))))
    await Effect.runPromise(gateway.publish("g", "{}"))
    expect(await arrived).toBe("{}")
  })

  it("runs as a process, prints where it listens, and ends on SIGTERM", async () => {
    const child = spawn(process.execPath, ["adapters/gateways/ws/main.ts"], {
      env: { ...process.env, THROUGHLINE_WS_KEY: WS_KEY },
      stdio: ["ignore", "pipe", "inherit"]
    })
    const line = await new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text))))
    const { url } = JSON.parse(line) as { url: string }
    const { gateway, close } = await build(wsGateway({ url, key: WS_KEY }))
    await Effect.runPromise(gateway.publish("g", "{}"))
    await close()
    child.kill("SIGTERM")
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(0)
  })
})

describe("the upstream of the plain gateway", () => {
  const body = JSON.stringify({ type: "event", connection: "c", principal: { id: "ann" }, name: "interrupt", data: 1 })
  const call = async (options: { time?: string; signature?: string | null; body?: string; method?: string }) => {
    const { gateway, close } = await build(wsGateway({ url: "http://127.0.0.1:1", key: WS_KEY }))
    closers.push(close)
    const time = options.time ?? new Date().toISOString()
    const signature = options.signature === undefined ? signCall(secrets, time, body) : options.signature
    const events: UpstreamEvent[] = []
    const request = new Request("http://backend/upstream/ws", {
      method: options.method ?? "POST",
      headers: { "throughline-time": time, ...(signature === null ? {} : { "throughline-signature": signature }) },
      ...(options.method === "GET" ? {} : { body: options.body ?? body })
    })
    const result = await Effect.runPromise(
      Effect.result(gateway.upstream!(request, (event) => Effect.sync(() => void events.push(event))))
    )
    return {
      events: events.length,
      status: Result.isSuccess(result) ? result.success.status : result.failure.status,
      code: Result.isSuccess(result) ? undefined : result.failure.code
    }
  }
  it("takes a signed call, and refuses one that is unsigned, changed, late or too large", async () => {
    const late = new Date(Date.now() - 301_000).toISOString()
    expect(await call({})).toMatchObject({ events: 1, status: 204 })
    expect(await call({ signature: null })).toMatchObject({ events: 0, status: 401, code: "WEBHOOK_BAD_SIGNATURE" })
    expect(await call({ signature: "" })).toMatchObject({ events: 0, status: 401 })
    expect(await call({ signature: "x".repeat(10_000) })).toMatchObject({ events: 0, status: 401 })
    expect(await call({ body: body.replace("ann", "bob") })).toMatchObject({
      events: 0,
      status: 401,
      code: "WEBHOOK_BAD_SIGNATURE"
    })
    expect(await call({ time: late })).toMatchObject({ events: 0, status: 401, code: "WEBHOOK_REPLAYED" })
    expect(await call({ time: "yesterday" })).toMatchObject({ events: 0, status: 401, code: "WEBHOOK_REPLAYED" })
    expect(await call({ body: "x".repeat(90_000) })).toMatchObject({ events: 0, status: 413, code: "TOO_LARGE" })
    expect(await call({ method: "GET" })).toMatchObject({ events: 0, status: 405 })
  })
})
