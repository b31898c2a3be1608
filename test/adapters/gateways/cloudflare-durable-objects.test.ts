/** The Worker and the object of the gateway on Cloudflare Durable Objects, in workerd. The two halves: …halves.test.ts. */
import * as Effect from "effect/Effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { durableObjectsGateway } from "../../../adapters/gateways/cloudflare-durable-objects/server.ts"
import { connect, eventually, group, type Watcher } from "../../../src/conformance/gatewayCase.ts"
import { deriveSecrets, sealTicket } from "../../../src/gateway/secrets.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { CLOUDFLARE_KEY, startCloudflare, type CloudflareService } from "./environments/cloudflare-durable-objects.ts"
import { build, type RunningEnv } from "./environments/environment.ts"

const NAME = "throughline.v1"
const OTHER_KEY = "the key that is changed to, thirty-two and more"
const secrets = deriveSecrets("cloudflare-durable-objects", CLOUDFLARE_KEY)
let env: RunningEnv<CloudflareService>
const closers: (() => unknown)[] = []
beforeAll(async () => void (env = await startCloudflare({ THROUGHLINE_OTHER_KEY: OTHER_KEY })))
afterAll(() => env.close())
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const start = async (...options: Parameters<typeof startCloudflare>) => {
  const started = await startCloudflare(...options)
  closers.push(started.close)
  return started
}
const ticket = (groups: readonly string[], lastsMillis = 60_000, key = secrets) =>
  sealTicket(key, { principal: { id: "ann" }, groups }, Date.now() + lastsMillis)
/** A raw socket: everything it received, and how it ended. */
const dial = (to: string, protocols: string[], headers: Record<string, string> = {}, at = env.service.url) => {
  const socket = new WebSocket(`${at.replace("http", "ws")}/connect?group=${to}&lead`, protocols, {
    headers,
    perMessageDeflate: false
  })
  closers.push(() => socket.terminate())
  const received: string[] = []
  socket.on("message", (data) => received.push(String(data)))
  socket.on("error", () => {})
  const opened = new Promise<void>((resolve) => socket.once("message", () => resolve()))
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on("close", (code, reason) => resolve({ code, reason: String(reason) }))
  )
  const refused = new Promise<number>((resolve) =>
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0))
  )
  return { socket, received, opened, closed, refused }
}
const publish = (to: string, frame: string) => Effect.runPromise(env.gateway.publish(to, frame))
const watch = async (options: Parameters<typeof connect>[1], of: RunningEnv<unknown> = env): Promise<Watcher> => {
  const watcher = await connect(of, options)
  closers.push(watcher.connection.close)
  await eventually(() => watcher.opened() > 0, "the connection opens")
  return watcher
}
/** Takes the object out of memory, as it happens when nothing passes. */
const putToSleep = (to: string, webSockets: "hibernate" | "close" = "hibernate") =>
  env.service.miniflare.unsafeEvictDurableObject("", "ThroughlineGroup", { name: to, webSockets })

describe("the Worker", () => {
  const mine = group()
  it.each<[string, () => Promise<string[]>, number]>([
    ["no token", async () => [NAME], 401],
    ["garbage", async () => [NAME, "garbage"], 401],
    [
      "a ticket of another key",
      async () => [NAME, await ticket([mine], 60_000, deriveSecrets("ws", CLOUDFLARE_KEY))],
      401
    ],
    ["an expired ticket", async () => [NAME, await ticket([mine], -1_000)], 401],
    ["a ticket of another group", async () => [NAME, await ticket([group()])], 403],
    ["another subprotocol", async () => ["mqtt", await ticket([mine])], 400]
  ])("refuses a socket with %s", async (_what, protocols, status) => {
    expect(await dial(mine, await protocols()).refused).toBe(status)
  })

  it("takes who a client says it is from its ticket alone", async () => {
    const events: UpstreamEvent[] = []
    env.onUpstream((event) => Effect.sync(() => void events.push(event)))
    const forged = encodeURIComponent(JSON.stringify({ principal: { id: "admin" }, lead: true }))
    await dial(mine, [NAME, await ticket([mine])], { "throughline-admitted": forged }).opened
    await eventually(() => events.length > 0, "`connected`")
    expect(events[0]).toMatchObject({ type: "connected", principal: { id: "ann" } })
  })

  it("lets in only browsers of the origins it was given", async () => {
    const { service } = await start({ THROUGHLINE_ORIGINS: "https://app.example, https://other.example" })
    const from = async (origin?: string) =>
      dial(mine, [NAME, await ticket([mine])], origin === undefined ? {} : { origin }, service.url)
    expect(await (await from("https://evil.example")).refused).toBe(403)
    await (
      await from("https://other.example")
    ).opened
    await (
      await from()
    ).opened
  })

  it("answers its HTTP API's bad calls", async () => {
    const call = (path: string, init: RequestInit = {}) =>
      fetch(env.service.url + path, {
        method: "POST",
        body: "{}",
        headers: { authorization: `Bearer ${secrets.rest}` },
        ...init
      }).then(({ status }) => status)
    expect(await call("/publish?group=g")).toBe(202)
    expect(await call("/publish?group=g", { headers: {} })).toBe(401)
    expect(await call("/publish?group=g", { headers: { authorization: `Bearer ${CLOUDFLARE_KEY}` } })).toBe(401)
    expect(await call("/publish?group=g", { headers: { authorization: `Bearer ${await ticket(["g"])}` } })).toBe(401)
    expect(await call("/publish")).toBe(400)
    expect(await call("/publish?group=a%2Fb")).toBe(400)
    expect(await call("/other")).toBe(404)
    expect(await call("/publish?group=g", { method: "PUT" })).toBe(405)
    expect(await call("/publish?group=g", { body: "x".repeat(1_048_577) })).toBe(413)
    const body = new Blob(["x".repeat(1_048_577)]).stream()
    expect(await call("/publish?group=g", { body, duplex: "half" } as RequestInit)).toBe(413)
    expect(await call("/connect?group=g", { method: "GET", body: null })).toBe(426)
    expect(await call("/health", { method: "GET", body: null })).toBe(200)
  })

  it("names the secret that it lacks", async () => {
    const { service } = await start({ THROUGHLINE_KEY: "short" })
    const response = await fetch(`${service.url}/publish?group=g`, { method: "POST", body: "{}" })
    expect([response.status, await response.text()]).toEqual([500, expect.stringMatching(/^THROUGHLINE_KEY .*32/)])
  })

  it("serves backends with either of its keys", async () => {
    const to = group()
    const heard = dial(to, [NAME, await ticket([to])])
    await heard.opened
    const other = await build(durableObjectsGateway({ url: env.service.url, key: OTHER_KEY }))
    await watch({ groups: [to], from: other.gateway })
    await Effect.runPromise(other.gateway.publish(to, "{}"))
    await eventually(() => heard.received.includes("{}"), "the frame")
  })
})

describe("the object", () => {
  it.each<[string, string | Buffer, number, RegExp]>([
    ["that is empty", "", 1008, /BAD_JSON/],
    ["that is cut short", "{", 1008, /BAD_JSON/],
    ["that is an array", "[]", 1008, /BAD_SHAPE/],
    ["that is null", "null", 1008, /BAD_SHAPE/],
    ["that publishes", '{"type":"publish","id":1}', 1008, /UNKNOWN_TYPE/],
    ["that joins a group", '{"type":"join","id":1,"group":"other"}', 1008, /UNKNOWN_TYPE/],
    ["without an id", '{"type":"invoke","event":"x"}', 1008, /BAD_NUMBER/],
    ["with a fractional id", '{"type":"invoke","id":1.5,"event":"x"}', 1008, /BAD_NUMBER/],
    ["without an event", '{"type":"invoke","id":1}', 1008, /BAD_SHAPE/],
    ["in binary", Buffer.from([1]), 1003, /only text/],
    ["above the limit", "x".repeat(70_000), 1009, /at most/],
    ["above the limit in bytes", "漢".repeat(30_000), 1009, /at most/]
  ])("closes a client that sends a message %s, and goes on", async (_what, message, code, reason) => {
    const to = group()
    const bad = dial(to, [NAME, await ticket([to])])
    const good = dial(to, [NAME, await ticket([to])])
    await Promise.all([bad.opened, good.opened])
    bad.socket.send(message)
    expect(await bad.closed).toEqual({ code, reason: expect.stringMatching(reason) })
    await publish(to, "{}")
    await eventually(() => good.received.at(-1) === "{}", "the frame")
  })

  it("cuts a client that does not read, and loses nothing of one that does", async () => {
    const to = group()
    // a raw socket never says what it read
    const slow = dial(to, [NAME, await ticket([to])])
    await slow.opened
    const quick = await watch({ groups: [to] })
    const frames = Array.from({ length: 10 }, (_, n) => `{"n":${n},"text":"${"x".repeat(1_000_000)}"}`)
    for (const [n, frame] of frames.entries()) {
      await publish(to, frame)
      await eventually(() => quick.frames.length > n, "the frame arrives")
    }
    await eventually(() => slow.socket.readyState >= WebSocket.CLOSING, "the goodbye")
    // workerd itself leaves the connection for ten more seconds
    slow.socket.terminate()
    expect(await slow.closed).toEqual({ code: 1013, reason: expect.stringMatching(/unread/) })
    expect(slow.received.filter((text) => text.startsWith("{"))).toHaveLength(8)
    expect(quick.frames.map((text) => text.slice(0, 8))).toEqual(frames.map((text) => text.slice(0, 8)))
  })

  it("remembers through its sleep who watches, who may ask, and who was removed", async () => {
    const events: UpstreamEvent[] = []
    env.onUpstream((event) => Effect.sync(() => (events.push(event), { ok: true })))
    const to = group()
    const principal: Principal = { id: "ann é 漢", tenant: "acme", claims: { role: "reader" } }
    const [stays, removed] = [
      await watch({ groups: [to], principal }),
      await watch({ groups: [to], principal: { id: "bob" } })
    ]
    await Effect.runPromise(env.gateway.revoke!({ id: "bob" }, to))
    await putToSleep(to)
    const before = stays.alive()
    stays.connection.ping!()
    await eventually(() => stays.alive() > before, "the runtime answers for the sleeping object")
    await publish(to, '{"n":1}')
    await eventually(() => stays.frames.length > 0, "the frame")
    await putToSleep(to)
    expect(await stays.connection.invoke!("who", null, { timeoutMillis: 5_000 })).toEqual({ ok: true })
    expect(events.at(-1)).toMatchObject({ type: "event", principal, name: "who" })
    await publish(to, '{"n":2}')
    await eventually(() => stays.frames.length > 1, "the second frame")
    expect([removed.frames, removed.closed]).toEqual([[], []])
    const connected = events.find((event) => event.type === "connected" && event.principal.id === principal.id)
    await putToSleep(to)
    stays.connection.close()
    await eventually(
      () => events.some(({ connection, type }) => type === "disconnected" && connection === connected!.connection),
      "`disconnected`, of the connection that came"
    )
  })

  it("ends every connection when it is replaced, as at each deployment", async () => {
    const to = group()
    const watcher = await watch({ groups: [to, group()] })
    await putToSleep(to, "close")
    await eventually(() => watcher.closed.length > 0, "the end is reported")
    expect(watcher.closed).toHaveLength(1)
  })

  it("keeps a principal of 12 KiB, of whatever letters", async () => {
    const events: UpstreamEvent[] = []
    env.onUpstream((event) => Effect.sync(() => (events.push(event), null)))
    // what the runtime would keep as two bytes a letter
    const principal = { id: "ann", claims: { note: `漢${"x".repeat(12_100)}` } }
    const watcher = await watch({ groups: [group()], principal })
    await watcher.connection.invoke!("who", null, { timeoutMillis: 5_000 })
    expect(events.findLast(({ type }) => type === "event")?.principal).toEqual(principal)
  })

  it("reports a connection of several groups once", async () => {
    const events: UpstreamEvent[] = []
    env.onUpstream((event) => Effect.sync(() => void events.push(event)))
    const principal = { id: group() }
    const watcher = await watch({ groups: [group(), group(), group()], principal })
    watcher.connection.close()
    const mine = () => events.filter((event) => event.principal.id === principal.id).map(({ type }) => type)
    await eventually(() => mine().includes("disconnected"), "`disconnected`")
    expect(mine()).toEqual(["connected", "disconnected"])
  })

  it("asks for 16 invokes of one socket at a time, and passes on what comes", async () => {
    const release = Promise.withResolvers<void>()
    env.onUpstream(({ type }) =>
      type === "event" ? Effect.promise(() => release.promise.then(() => ({ ok: true }))) : Effect.succeed(undefined)
    )
    const to = group()
    const { connection, frames } = await watch({ groups: [to] })
    const asked = Array.from({ length: 17 }, () => connection.invoke!("ask", null, { timeoutMillis: 5_000 }))
    await expect(asked[16]).rejects.toThrow(/too many invokes/)
    await publish(to, "{}")
    await eventually(() => frames.length > 0, "a frame passes meanwhile")
    release.resolve()
    expect(await Promise.all(asked.slice(0, 16))).toEqual(Array.from({ length: 16 }, () => ({ ok: true })))
  })

  it("says that there is no way back where the Worker has none", async () => {
    const without = await start({ THROUGHLINE_UPSTREAM: "" })
    const { connection } = await watch({ groups: [group()] }, without)
    await expect(connection.invoke!("ask", null, { timeoutMillis: 5_000 })).rejects.toThrow(/no upstream/)
  })

  it("reaches a backend that is a Worker by its binding", async () => {
    const seen: string[] = []
    const THROUGHLINE_BACKEND = async (request: { url: string; headers: { get(name: string): string | null } }) => {
      seen.push(`${new URL(request.url).pathname} ${request.headers.get("throughline-signature")?.length}`)
      const { Response } = await import("miniflare")
      return Response.json({ by: "binding" })
    }
    const bound = await start({ THROUGHLINE_UPSTREAM: "" }, {
      serviceBindings: { THROUGHLINE_BACKEND }
    } as unknown as Parameters<typeof startCloudflare>[1])
    const { connection } = await watch({ groups: [group()] }, bound)
    expect(await connection.invoke!("ask", null, { timeoutMillis: 5_000 })).toEqual({ by: "binding" })
    expect(seen.at(-1)).toBe("/upstream/cloudflare-durable-objects 43")
  })
})
