/** Calls of Pushpin to the backend, written by hand: what is refused, and what is answered. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { decodeWebSocketEvents, encodeWebSocketEvents, WebSocketEvent } from "@fanoutio/grip"
import { exportSPKI, generateKeyPair, SignJWT } from "jose"
import { describe, expect, it } from "vitest"
import { sealConnection } from "../../../adapters/gateways/pushpin/connectionSeal.ts"
import { decodeEvents } from "../../../adapters/gateways/pushpin/events.ts"
import { pushpinGateway, type PushpinGatewayOptions } from "../../../adapters/gateways/pushpin/server.ts"
import { deriveSecrets, sealTicket } from "../../../src/gateway/secrets.ts"
import type { UpstreamEvent, UpstreamReply } from "../../../src/ports/Gateway.ts"
import { build } from "./environments/environment.ts"
import { PUSHPIN_KEY, SIG_KEY } from "./environments/pushpin.ts"

const secrets = deriveSecrets("pushpin", PUSHPIN_KEY)
const foreign = deriveSecrets("pushpin", "another".repeat(6))
const ann = { id: "ann", tenant: "acme", claims: { level: 3 } }
const EVENTS = "application/websocket-events"

const upstreamOf = async (options: Partial<PushpinGatewayOptions> = {}) => {
  const fixed = {
    controlUri: "http://127.0.0.1:1",
    clientUrl: "http://push.example/upstream/pushpin",
    key: PUSHPIN_KEY
  }
  return (await build(pushpinGateway({ ...fixed, sigKey: SIG_KEY, ...options }))).gateway.upstream!
}
const gripSig = (key: string = SIG_KEY, iss = "pushpin", expiresIn = 3600) =>
  new SignJWT({ iss, exp: Math.floor(Date.now() / 1000) + expiresIn })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(key))
const ticket = (groups = ["g1", "g2"], of = secrets, millis = 60_000) =>
  sealTicket(of, { principal: ann, groups }, Date.now() + millis)
const encode = (...events: (readonly [type: string, content?: string])[]) =>
  encodeWebSocketEvents(events.map(([type, content]) => new WebSocketEvent(type, content ?? null)))
const call = (body: Uint8Array | string, headers: Record<string, string>, method = "POST") =>
  new Request("http://backend/upstream/pushpin", {
    method,
    headers,
    ...(method === "POST" ? { body: Buffer.from(body) } : {})
  })
const socketCall = async (body: Uint8Array | string, headers: Record<string, string> = {}) =>
  call(body, { "grip-sig": await gripSig(), "content-type": EVENTS, "connection-id": "c1", ...headers })
const opening = async (token: string, name = "throughline.v1") =>
  socketCall(encode(["OPEN"]), { "sec-websocket-protocol": `${name}, ${token}` })
const ofAnn = async (body: Uint8Array | string) =>
  socketCall(body, { "meta-throughline": await sealConnection(secrets, "c1", ann) })
const invoke = (id: number, event = "interrupt", data: unknown = { n: id }) =>
  ["TEXT", JSON.stringify({ type: "invoke", id, event, data })] as const
const said = async (response: Response) =>
  decodeWebSocketEvents(await response.text()).map(({ content, type }) => [type, content])

describe("a call that does not prove where it comes from or what it may", () => {
  const streamCall = async (headers: Record<string, string>, body = "") =>
    call(body || (await ticket()), { "content-type": "text/plain", ...headers })
  it.each<[string, () => Promise<Request>, number, RegExp]>([
    ["no POST", async () => call("", { "grip-sig": await gripSig() }, "GET"), 405, /POST/],
    ["not signed", () => streamCall({}), 401, /Grip-Sig is missing/],
    ["signed with another key", async () => streamCall({ "grip-sig": await gripSig("x".repeat(32)) }), 401, /sigKey/],
    ["signed long ago", async () => streamCall({ "grip-sig": await gripSig(SIG_KEY, "pushpin", -10) }), 401, /over/],
    ["signed by another issuer", async () => streamCall({ "grip-sig": await gripSig(SIG_KEY, "me") }), 401, /sigIss/],
    ["signed with nothing", () => streamCall({ "grip-sig": "eyJhbGciOiJub25lIn0.e30." }), 401, /sigKey/],
    ["of another type", () => socketCall("{}", { "content-type": "application/json" }), 415, /content type/],
    // Pushpin refuses clients only this type as it is written
    [
      "of a type like it",
      () => socketCall(encode(["OPEN"]), { "content-type": "Application/websocket-events" }),
      415,
      /type/
    ],
    ["too large", () => ofAnn(Buffer.alloc(300_000)), 413, /262144/],
    ["without a connection", () => socketCall(encode(["OPEN"]), { "connection-id": "" }), 400, /Connection-Id/],
    ["with half an event", () => ofAnn("TEXT 5\r\nab"), 400, /malformed/],
    ["with a length below zero", () => ofAnn("TEXT -8\r\n"), 400, /malformed/],
    ["with a flood of messages", () => ofAnn(encode(...Array.from({ length: 65 }, (_, n) => invoke(n)))), 400, /64/],
    ["opening without a ticket", () => socketCall(encode(["OPEN"])), 400, /subprotocol/],
    ["opening with garbage", () => opening("garbage"), 401, /ticket/],
    ["opening with an old ticket", async () => opening(await ticket(["g"], secrets, -1_000)), 401, /ticket/],
    ["opening with a foreign ticket", async () => opening(await ticket(["g"], foreign)), 401, /ticket/],
    ["opening another protocol", async () => opening(await ticket(), "mqtt"), 400, /subprotocol/],
    ["of a connection without a seal", () => socketCall(encode(invoke(1))), 401, /sealed/],
    [
      "with a ticket for a seal",
      async () => socketCall(encode(invoke(1)), { "meta-throughline": await ticket() }),
      401,
      /sealed/
    ],
    [
      "with the seal of another connection",
      async () => socketCall(encode(invoke(1)), { "meta-throughline": await sealConnection(secrets, "c2", ann) }),
      401,
      /sealed/
    ],
    [
      "with a foreign seal",
      async () => socketCall(encode(invoke(1)), { "meta-throughline": await sealConnection(foreign, "c1", ann) }),
      401,
      /sealed/
    ],
    ["for a stream with garbage", async () => streamCall({ "grip-sig": await gripSig() }, "garbage"), 401, /ticket/],
    [
      "for a stream with a seal",
      async () => streamCall({ "grip-sig": await gripSig() }, await sealConnection(secrets, "c1", ann)),
      401,
      /ticket/
    ]
  ])("is refused when %s", async (_what, request, status, problem) => {
    const upstream = await upstreamOf({ sigIss: "pushpin" })
    const rejected = await Effect.runPromise(Effect.flip(upstream(await request(), () => Effect.die("handed on"))))
    expect(rejected).toMatchObject({ status, problem: expect.stringMatching(problem) })
  })

  it("is refused when another public key fits it than the one that was given, and taken when that one does", async () => {
    const [fanout, other] = await Promise.all([generateKeyPair("ES256"), generateKeyPair("ES256")])
    const upstream = await upstreamOf({ sigKey: await exportSPKI(fanout.publicKey), sigIss: "fastly:id" })
    const results = await Promise.all(
      [fanout, other].map(async ({ privateKey }) => {
        const claims = new SignJWT({ iss: "fastly:id" }).setProtectedHeader({ alg: "ES256" }).setExpirationTime("1h")
        const headers = { "grip-sig": await claims.sign(privateKey), "content-type": "text/plain" }
        return Effect.runPromise(Effect.result(upstream(call(await ticket(), headers), () => Effect.die("handed on"))))
      })
    )
    expect(results.map(Result.isSuccess)).toEqual([true, false])
  })
})

describe("a verified call", () => {
  it("that opens a socket subscribes exactly the ticket's groups, and says so behind them", async () => {
    const upstream = await upstreamOf()
    const events: UpstreamEvent[] = []
    const response = await Effect.runPromise(
      upstream(await opening(await ticket()), (event) => Effect.sync(() => void events.push(event)))
    )
    expect(events).toEqual([{ type: "connected", connection: "c1", principal: ann }])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": EVENTS,
      "sec-websocket-protocol": "throughline.v1",
      "sec-websocket-extensions": "grip",
      "set-meta-throughline": expect.stringMatching(/^eyJ/)
    })
    expect(response.headers.get("set-meta-throughline")).not.toMatch(/ann/)
    expect(await said(response)).toEqual([
      ["OPEN", null],
      ["TEXT", 'c:{"channel":"g1","type":"subscribe"}'],
      ["TEXT", 'c:{"channel":"g2","type":"subscribe"}'],
      ["TEXT", 'c:{"type":"keep-alive","content":"[\\"alive\\"]","timeout":15}'],
      ["TEXT", 'c:{"type":"send-delayed","content":"[\\"open\\"]","timeout":1}'],
      ["TEXT", 'c:{"type":"flush-delayed"}']
    ])
  })

  it("for a stream is held on exactly the ticket's groups, readable for any page", async () => {
    const upstream = await upstreamOf()
    const request = call(await ticket(), { "grip-sig": await gripSig(), "content-type": "text/plain;charset=UTF-8" })
    const response = await Effect.runPromise(upstream(request, () => Effect.die("handed on")))
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "grip-hold": "stream",
      "grip-channel": "g1, g2",
      "grip-keep-alive": ":\\n\\n; format=cstring; timeout=4",
      "access-control-allow-origin": "*"
    })
    expect(await response.text()).toBe("event: open\ndata:\n\n")
  })

  it("with many messages answers each by its id, whatever became of the others", async () => {
    const upstream = await upstreamOf()
    const replies: Record<string, Effect.Effect<UpstreamReply>> = {
      fine: Effect.succeed({ ok: true }),
      none: Effect.succeed(undefined),
      fails: Effect.die("it fails")
    }
    const seen: UpstreamEvent[] = []
    const request = await ofAnn(
      encode(invoke(1, "fails"), ["TEXT", '{"type":"ping"}'], invoke(2, "fine"), ["PING", "x"], invoke(3, "none"), [
        "PONG"
      ])
    )
    const response = await Effect.runPromise(
      upstream(request, (event) => {
        seen.push(event)
        return event.type === "event" ? replies[event.name]! : Effect.void.pipe(Effect.as(undefined))
      })
    )
    expect(seen.map(({ connection, principal }) => [connection, principal])).toEqual([1, 2, 3].map(() => ["c1", ann]))
    expect((await said(response)).sort()).toEqual(
      [
        ["PONG", "x"],
        ["TEXT", 'm:["alive"]'],
        ["TEXT", 'm:["failed",1,"the backend failed"]'],
        ["TEXT", 'm:["reply",2,{"ok":true}]'],
        ["TEXT", 'm:["reply",3,null]']
      ].sort()
    )
  })

  it("is answered after 10 s, though the backend is not done", async () => {
    const upstream = await upstreamOf()
    const request = await ofAnn(encode(invoke(1)))
    const test = Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const answering = yield* Effect.forkChild(
        upstream(request, () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
      )
      yield* Deferred.await(asked)
      yield* TestClock.adjust("10 seconds")
      return yield* Fiber.join(answering)
    })
    const response = await Effect.runPromise(test.pipe(Effect.provide(TestClock.layer())))
    expect(await said(response)).toEqual([["TEXT", 'm:["failed",1,"the backend did not answer in time"]']])
  })

  it.each<[string, readonly [string, string?], number]>([
    ["is no JSON", ["TEXT", "{"], 1008],
    ["has the shape of nothing", ["TEXT", "null"], 1008],
    ["joins a group", ["TEXT", '{"type":"subscribe","channel":"other"}'], 1008],
    ["is meant for Pushpin", ["TEXT", 'c:{"type":"subscribe","channel":"other"}'], 1008],
    ["has no id", ["TEXT", '{"type":"invoke","event":"x"}'], 1008],
    ["has no event", ["TEXT", '{"type":"invoke","id":1,"event":""}'], 1008],
    ["is binary", ["BINARY", "x"], 1003],
    ["is too large", ["TEXT", "x".repeat(70_000)], 1009]
  ])("with a message that %s closes the client, and is not handed on", async (_what, event, code) => {
    const upstream = await upstreamOf()
    const response = await Effect.runPromise(upstream(await ofAnn(encode(event)), () => Effect.die("handed on")))
    const body = Buffer.from(await response.arrayBuffer())
    expect(body).toEqual(Buffer.concat([Buffer.from("CLOSE 2\r\n"), Buffer.from([code >> 8, code & 255, 13, 10])]))
  })

  it.each([["CLOSE 2\r\n\u0003\u0000\r\n"], ["CLOSE\r\n"], ["DISCONNECT\r\n"]])("%j reports the end", async (body) => {
    const upstream = await upstreamOf()
    const events: UpstreamEvent[] = []
    await Effect.runPromise(upstream(await ofAnn(body), (event) => Effect.sync(() => void events.push(event))))
    expect(events).toEqual([{ type: "disconnected", connection: "c1", principal: ann }])
  })
})

it("the events of a body are those that the package wrote, whatever is in them", () => {
  const events = [["TEXT", "a\r\nTEXT 1\r\n漢"], ["PING"], ["TEXT", ""], ["BINARY", "\r\n"]] as const
  expect(
    decodeEvents(Buffer.from(encode(...events)), 4)?.map(({ content, type }) => [type, content?.toString()])
  ).toEqual(events.map(([type, content]) => [type, content]))
  expect(decodeEvents(Buffer.from(encode(...events)), 3)).toBeUndefined()
})
