import { spawn } from "node:child_process"
import { createHmac } from "node:crypto"
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import Pusher from "pusher-js"
import { WebSocket, WebSocketServer } from "ws"
import { pusherClient } from "../../../adapters/gateways/pusher/client.ts"
import { pusherGateway, type PusherGatewayOptions } from "../../../adapters/gateways/pusher/server.ts"
import { makeUpChannel, openUpChannel } from "../../../adapters/gateways/pusher/upChannel.ts"
import { eventually, group, someone, watching } from "../../../src/conformance/gatewayCase.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import type { Grant } from "../../../src/protocol/Exchange.ts"
import { build, type RunningEnv } from "./environments/environment.ts"
import { APP, SLOW_APP, soketiIsMissing } from "../../../examples/gateways/pusher.ts"
import { startPusher, type Soketi } from "./environments/pusher.ts"

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const OPTIONS = {
  ...APP,
  restUrl: "http://127.0.0.1:1",
  clientUrl: "ws://127.0.0.1:1",
  authUrl: "http://127.0.0.1:1/upstream/pusher"
}
const gatewayWith = async (options: Partial<PusherGatewayOptions> = {}) => {
  const { close, gateway } = await build(pusherGateway({ ...OPTIONS, ...options }))
  closers.push(close)
  return gateway
}
type Gateway = Awaited<ReturnType<typeof gatewayWith>>
const reasonOf = (effect: Effect.Effect<unknown, { reason: unknown }>) =>
  Effect.runPromise(Effect.flip(effect)).then(({ reason }) => reason)
const grantOf = (gateway: Gateway, groups: readonly string[], principal = someone()) =>
  Effect.runPromise(gateway.grant({ principal, groups, ttlMillis: 60_000 }))

/** The same channel's name but for one letter of what is sealed in it. */
const changed = (channel: string) => channel.replace(/(?<=^private-up-)./, (one) => (one === "A" ? "B" : "A"))

/** A server that is not Pusher, and answers as it is told. */
const impostor = async (answer: http.RequestListener) => {
  const server = http.createServer(answer)
  await once(server.listen(0, "127.0.0.1"), "listening")
  closers.push(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe("the options of the Pusher gateway", () => {
  it.each<[string, Partial<PusherGatewayOptions>, RegExp]>([
    ["an empty app id", { appId: "" }, /appId/],
    ["an empty key", { key: "" }, /key/],
    ["a short secret", { secret: "short" }, /secret/],
    ["a cluster and a server", { cluster: "eu" }, /cluster/],
    ["a cluster that is a host", { cluster: "api-eu.pusher.com/" }, /cluster|restUrl/],
    ["a server without an address for clients", { restUrl: "http://x", clientUrl: undefined as never }, /clientUrl/],
    ["a server with a path", { restUrl: "http://x/y" }, /restUrl/],
    ["an address for clients of another kind", { clientUrl: "http://x" }, /clientUrl/],
    ["a route that is no URL", { authUrl: "/upstream/pusher" }, /authUrl/]
  ])("are refused at once with %s", (_what, options, message) => {
    expect(() => pusherGateway({ ...OPTIONS, ...options })).toThrow(message)
    expect(() => pusherGateway({ ...OPTIONS, ...options })).toThrow(TypeError)
  })

  it("lead to the cluster's hosts, over TLS", async () => {
    const { appId, authUrl, key, secret } = OPTIONS
    const { close, gateway } = await build(pusherGateway({ appId, key, secret, authUrl, cluster: "eu" }))
    closers.push(close)
    expect((await grantOf(gateway, ["g"])).url).toMatch(/^wss:\/\/ws-eu\.pusher\.com\/app\/app-key\?auth=http/)
  })
})

describe("publishing to Pusher", () => {
  it.each<[string, number, object]>([
    ["a bad signature", 401, { _tag: "GatewayRefused", status: 401, remedy: expect.stringContaining("`secret`") }],
    ["an app over its quota", 403, { _tag: "GatewayRefused", status: 403, remedy: expect.stringContaining("quota") }],
    ["an unknown app", 404, { _tag: "GatewayRefused", status: 404, remedy: expect.stringContaining("`appId`") }],
    ["another refusal", 400, { _tag: "GatewayRefused", status: 400, remedy: expect.stringContaining("`cluster`") }],
    ["data above its limit", 413, { _tag: "FrameTooLarge", sizeBytes: 3 }],
    ["too many events", 429, { _tag: "GatewayThrottled", retryAfterMillis: 1_000 }],
    ["its own failure", 503, { _tag: "GatewayUnavailable" }]
  ])("says what to do about %s", async (_what, status, expected) => {
    const restUrl = await impostor((_request, response) => response.writeHead(status).end("why"))
    expect(await reasonOf((await gatewayWith({ restUrl })).publish("g", "{}"))).toMatchObject(expected)
  })

  it("takes a refusal for one that has status 200, as soketi's have", async () => {
    const restUrl = await impostor((_request, response) => response.end('{"error":"bad","code":401}'))
    const reason = await reasonOf((await gatewayWith({ restUrl })).publish("g", "{}"))
    expect(reason).toMatchObject({ _tag: "GatewayRefused", status: 401 })
  })

  it.each<[string, http.RequestListener]>([
    ["answers with something else", (_request, response) => response.end("<html>welcome</html>")],
    ["cuts the connection", (request) => request.socket.destroy()],
    ["never answers", () => {}],
    ["never ends its answer", (_request, response) => response.writeHead(200).write("{")],
    ["never ends its refusal", (_request, response) => response.writeHead(401).write("{")]
  ])("fails as unavailable where the server %s, and tells no secret", async (_what, answer) => {
    const gateway = await gatewayWith({ restUrl: await impostor(answer), timeoutMillis: 200 })
    const error = await Effect.runPromise(Effect.flip(gateway.publish("g", "{}")))
    expect(error.reason._tag).toBe("GatewayUnavailable")
    const told = [error.message, String((error.reason as { cause?: unknown }).cause), JSON.stringify(error)].join()
    expect(told).not.toMatch(/auth_signature|app-key|the-secret/)
  })

  it("fails as unavailable where nobody listens, and says why", async () => {
    const reason = await reasonOf((await gatewayWith()).publish("g", "{}"))
    expect(reason).toMatchObject({ _tag: "GatewayUnavailable" })
    expect(String((reason as { cause: unknown }).cause)).toBe("Error: no answer (ECONNREFUSED)")
  })

  it("uses one connection for frames that follow each other", async () => {
    const sockets = new Set<unknown>()
    const restUrl = await impostor((request, response) => {
      sockets.add(request.socket)
      request.resume().on("end", () => response.end("{}"))
    })
    const gateway = await gatewayWith({ restUrl })
    for (let n = 0; n < 5; n++) await Effect.runPromise(gateway.publish("g", "{}"))
    expect(sockets.size).toBe(1)
  })

  it("says which package to install where it is not", async () => {
    vi.doMock("pusher", () => {
      throw new Error("Cannot find package 'pusher'")
    })
    closers.push(() => vi.doUnmock("pusher"))
    const reason = await reasonOf((await gatewayWith()).publish("g", "{}"))
    expect(reason).toMatchObject({ _tag: "GatewayRefused", remedy: expect.stringContaining("npm install pusher") })
  })
})

describe("the name of a client's own channel", () => {
  const key = new Uint8Array(32).fill(7)
  it("tells the backend whose it is and nobody else, within the length of a channel's name", () => {
    for (const id of ["ann", "user é 漢", "\ud800", "x".repeat(70), "x".repeat(1_000)]) {
      const channel = makeUpChannel(key, { id, tenant: "acme", claims: { role: "reader" } })
      expect(channel).toMatch(/^private-up-[\w-]{38,153}$/)
      expect(openUpChannel(key, channel)).toEqual(id.length > 100 ? undefined : { id, tenant: "acme" })
      expect(openUpChannel(new Uint8Array(32), channel)).toBeUndefined()
      expect(openUpChannel(key, changed(channel))).toBeUndefined()
    }
    expect(openUpChannel(key, "private-up-")).toBeUndefined()
    expect(makeUpChannel(key, { id: "ann" })).not.toBe(makeUpChannel(key, { id: "ann" }))
  })
})

describe.skipIf(soketiIsMissing !== undefined)(`Pusher${soketiIsMissing ? ` (${soketiIsMissing})` : ""}`, () => {
  let env: RunningEnv<Soketi>
  beforeAll(async () => void (env = await startPusher()), 60_000)
  afterAll(() => env.close())

  /** What a client gets for its ticket. */
  const askAuth = (body: Record<string, string>, init: RequestInit = {}) =>
    fetch(env.service.authUrl, { method: "POST", body: new URLSearchParams(body), ...init })
  /** A raw socket, and what it heard. */
  const dial = async () => {
    const socket = new WebSocket(`${env.service.clientUrl}/app/${APP.key}?protocol=7`)
    closers.push(() => socket.terminate())
    const heard: { event: string; channel?: string; data?: unknown }[] = []
    socket.on("message", (text) => heard.push(JSON.parse(String(text))))
    await eventually(() => heard.length > 0, "the handshake")
    const { socket_id: id } = JSON.parse(String(heard[0]!.data)) as { socket_id: string }
    const send = (event: string, data: unknown, channel?: string) =>
      socket.send(JSON.stringify({ event, data, channel }))
    return { id, heard, send, has: (event: string) => heard.some((one) => one.event === event) }
  }
  /** The same in every channel of a grant. */
  const dialWith = async (groups: readonly string[], principal = someone()) => {
    const { token = "" } = await grantOf(env.gateway, groups, principal)
    const socket = await dial()
    const { auth, seal } = (await (await askAuth({ socket: socket.id, ticket: token })).json()) as {
      auth: Record<string, string>
      seal: string
    }
    const channels = Object.keys(auth)
    for (const channel of channels) socket.send("pusher:subscribe", { auth: auth[channel], channel })
    const joined = () => socket.heard.filter(({ event }) => event === "pusher_internal:subscription_succeeded").length
    await eventually(() => joined() === channels.length, "all channels are joined")
    return { ...socket, auth, seal, token, up: channels.at(-1)! }
  }
  const eventsOf = (principal: { readonly id: string }) => {
    const events: UpstreamEvent[] = []
    env.onUpstream((event) =>
      Effect.sync(() => {
        if (event.type === "event" && event.principal.id === principal.id) events.push(event)
        return { ok: true }
      })
    )
    return events
  }

  it("lets a ticket into its own channels and no other", async () => {
    const [mine, other] = [group(), group()]
    const { auth, has, heard, send } = await dialWith([mine])
    expect(Object.keys(auth)).toEqual([`private-g-${mine}`, expect.stringMatching(/^private-up-/)])
    send("pusher:subscribe", { auth: auth[`private-g-${mine}`], channel: `private-g-${other}` })
    await eventually(() => has("pusher:subscription_error"), "the refusal")
    await Effect.runPromise(env.gateway.publish(other, '{"v":1}'))
    await Effect.runPromise(env.gateway.publish(mine, '{"v":2}'))
    await eventually(() => has("frame"), "the frame of the own group")
    expect(heard.filter(({ event }) => event === "frame").map(({ data }) => data)).toEqual(['={"v":2}'])
  })

  it("gives a signature for one socket only", async () => {
    const { auth } = await dialWith(["g"])
    const other = await dial()
    other.send("pusher:subscribe", { auth: auth["private-g-g"], channel: "private-g-g" })
    await eventually(() => other.has("pusher:subscription_error"), "the refusal")
  })

  it.each<[string, () => Promise<Record<string, string>>, number]>([
    ["no ticket", async () => ({ socket: "1.1" }), 401],
    ["garbage for a ticket", async () => ({ socket: "1.1", ticket: "garbage" }), 401],
    [
      "another backend's ticket",
      async () => ({ socket: "1.1", ticket: (await grantOf(env.foreign, ["g"])).token! }),
      401
    ],
    ["the seal of a socket", async () => ({ socket: "1.1", ticket: (await dialWith(["g"])).seal }), 401],
    ["no socket", async () => ({ ticket: (await grantOf(env.gateway, ["g"])).token! }), 400],
    [
      "a channel for a socket",
      async () => ({ socket: "1.1:private-x", ticket: (await grantOf(env.gateway, ["g"])).token! }),
      400
    ],
    ["far too much", async () => ({ ticket: "x".repeat(1_100_000) }), 413]
  ])("signs nothing for %s", async (_what, body, status) => {
    expect((await askAuth(await body())).status).toBe(status)
  })

  it("answers pages of any origin, since a ticket proves the right", async () => {
    const { token = "" } = await grantOf(env.gateway, ["g"])
    const answer = await askAuth({ socket: "1.1", ticket: token }, { headers: { origin: "https://app.example" } })
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, "*"])
  })

  it("keeps claims from the client that carries them", async () => {
    const { seal, token } = await dialWith(["g"], { id: "ann", tenant: "acme", claims: { secret: "canary" } as never })
    const told = [seal, token]
      .flatMap((text) => text.split("."))
      .map((part) => Buffer.from(part, "base64url").toString())
    expect(told.join()).not.toMatch(/canary/)
  })

  it("takes frames from the backend only, whatever other members of the channel send", async () => {
    const to = group()
    const member = await dialWith([to])
    await watching(env, { groups: [to] }, async ({ frames }) => {
      const channel = `private-g-${to}`
      for (const event of ["frame", "client-frame", "pusher:frame", "pusher_internal:frame"]) {
        member.send(event, '={"forged":1}', channel)
      }
      // the member's own last word has reached everyone by the time its pong is back
      member.send("pusher:ping", {})
      await eventually(() => member.has("pusher:pong"), "the pong")
      await Effect.runPromise(env.gateway.publish(to, '{"v":1}'))
      await eventually(() => frames.length > 0, "the frame")
      expect(frames).toEqual(['{"v":1}'])
    })
  })

  it("takes an event for whom its seal, its socket and its channel agree on, and for nobody else", async () => {
    const [ann, eve] = [someone(), someone()]
    const [anns, eves] = [await dialWith(["g"], ann), await dialWith(["g"], eve)]
    const events = eventsOf(ann)
    const evil = eventsOf(eve)
    env.onUpstream((event) =>
      Effect.sync(() => void (event.type === "event" && (event.principal.id === ann.id ? events : evil).push(event)))
    )
    const invoke = (seal: string, event: string) => ({ id: "1", seal, event, data: null })
    eves.send("client-invoke", invoke(anns.seal, "a stolen seal"), eves.up)
    eves.send("client-invoke", invoke(anns.seal, "into another's channel"), anns.up)
    eves.send("client-invoke", invoke(eves.seal, "into a group"), "private-g-g")
    eves.send("client-invoke", invoke(eves.token, "a ticket for a seal"), eves.up)
    eves.send("client-other", invoke(eves.seal, "another name"), eves.up)
    eves.send("client-invoke", { ...invoke(eves.seal, "x"), event: "" }, eves.up)
    eves.send("client-invoke", "not even JSON", eves.up)
    eves.send("client-invoke", invoke(eves.seal, "my own"), eves.up)
    await eventually(() => eves.has("reply"), "the reply to the only good one")
    anns.send("client-invoke", invoke(anns.seal, "hers"), anns.up)
    await eventually(() => anns.has("reply"), "the reply to the other")
    expect(evil.map((event) => event.type === "event" && event.name)).toEqual(["my own"])
    expect(events.map((event) => event.type === "event" && event.name)).toEqual(["hers"])
  })

  it("rejects an invoke at once that Pusher would not take, so that it goes over HTTP", async () => {
    env.onUpstream(() => Effect.succeed({ text: "x".repeat(20_000) }))
    await watching(env, { groups: [group()] }, async ({ connection }) => {
      const invoke = (data: string) => connection.invoke!("interrupt", data, { timeoutMillis: 20_000 })
      await expect(invoke("x".repeat(20_000))).rejects.toThrow(/larger than 9999 bytes/)
      await expect(invoke("small")).rejects.toThrow(/reply is larger/)
    })
  })

  it("rejects what waits when the client sends more than Pusher takes, and stays connected", async () => {
    env.onUpstream(({ type }) => (type === "event" ? Effect.never : Effect.succeed(undefined)))
    await watching(env, { groups: [group()] }, async ({ alive, closed, connection }) => {
      const all = Array.from({ length: 16 }, () => connection.invoke!("interrupt", null, { timeoutMillis: 20_000 }))
      await expect(connection.invoke!("interrupt", null, { timeoutMillis: 20_000 })).rejects.toThrow(/in flight/)
      for (const one of await Promise.allSettled(all))
        expect(String((one as PromiseRejectedResult).reason)).toMatch(/rate limit/)
      const before = alive()
      connection.ping!()
      await eventually(() => alive() > before, "the pong")
      expect(closed).toEqual([])
    })
  })

  it("offers no way back where the app has no webhooks", async () => {
    const { close, gateway } = await build(pusherGateway({ ...APP, ...env.service, webhooks: false }))
    closers.push(close)
    const to = group()
    await watching(env, { groups: [to], from: gateway }, async ({ connection, frames }) => {
      expect(connection.invoke).toBeUndefined()
      await Effect.runPromise(env.gateway.publish(to, "{}"))
      await eventually(() => frames.length > 0, "the frame")
    })
  })

  it("asks to wait where the app's rate is exceeded", async () => {
    const gateway = await gatewayWith({ ...SLOW_APP, restUrl: env.service.restUrl })
    const results = await Promise.all(
      Array.from({ length: 4 }, () => Effect.runPromise(Effect.result(gateway.publish("g", "{}"))))
    )
    const reasons = results.filter(Result.isFailure).map(({ failure }) => failure.reason)
    expect(reasons.length).toBeGreaterThanOrEqual(2)
    for (const reason of reasons) expect(reason).toMatchObject({ _tag: "GatewayThrottled", retryAfterMillis: 1_000 })
  })

  it("says that the app is unknown, or the secret another's", async () => {
    const { restUrl } = env.service
    const other = await gatewayWith({ restUrl, appId: "other" })
    expect(await reasonOf(other.publish("g", "{}"))).toMatchObject({ _tag: "GatewayRefused", status: 404 })
    expect(await reasonOf(env.foreign.publish("g", "{}"))).toMatchObject({ _tag: "GatewayRefused", status: 401 })
  })

  it("lets the process end after close", async () => {
    const { token, url } = await grantOf(env.gateway, ["g"])
    const grant = { gateway: "pusher", url, token, groups: { t: "g" }, upstream: true }
    const program = `
      import { pusherClient } from "./adapters/gateways/pusher/client.ts"
      const nothing = () => {}
      const connection = pusherClient().connect(${JSON.stringify(grant)}, {
        onFrame: nothing, onInterrupted: nothing, onAlive: nothing,
        onOpen: () => {
          connection.invoke("x", null, { timeoutMillis: 60_000 }).catch(nothing)
          connection.close()
        },
        onClosed: ({ message }) => console.log(message)
      })`
    const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 8_000
    })
    let said = ""
    child.stdout.on("data", (text) => (said += text))
    expect(await once(child, "exit")).toEqual([0, null])
    expect(said.trim()).toBe("closed by the caller")
  })
})

describe("the client half for Pusher", () => {
  /** Those that `pusher-js` keeps. */
  const instances = () => (Pusher as unknown as typeof Pusher.default).instances
  const HANG_UP = "hang up"
  const AUTH = { auth: {}, seal: "seal" }
  const ESTABLISHED = JSON.stringify({
    event: "pusher:connection_established",
    data: JSON.stringify({ socket_id: "1.1", activity_timeout: 120 })
  })
  /** Connects to a server of our own that says these, and tells how that ended. */
  const connectTo = async (first: readonly string[], auth: http.RequestListener, openWithinMillis = 10_000) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
    await once(server, "listening")
    closers.push(() => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    })
    let dialled = 0
    server.on("connection", (socket) => {
      dialled++
      for (const text of first) {
        if (text === HANG_UP) socket.close()
        else socket.send(text)
      }
    })
    const authUrl = `${await impostor(auth)}/upstream/pusher`
    const { port } = server.address() as AddressInfo
    const gateway = await gatewayWith({ authUrl, clientUrl: `ws://127.0.0.1:${port}` })
    const { expiresAt, token = "", url } = await grantOf(gateway, ["g"])
    const grant: Grant = {
      gateway: "pusher",
      url,
      token,
      groups: { t: "g" },
      expiresAt: new Date(expiresAt).toISOString(),
      reconnectSpreadMillis: 0,
      upstream: true
    }
    let opened = 0
    const closed: string[] = []
    const connection = pusherClient({ openWithinMillis }).connect(grant, {
      onOpen: () => void opened++,
      onFrame: () => {},
      onInterrupted: () => {},
      onAlive: () => {},
      onClosed: ({ message }) => void closed.push(message)
    })
    closers.push(connection.close)
    const { connection: vendors } = instances().at(-1)!
    await eventually(() => closed.length > 0, "the end")
    return { closed, opened, token, dialled, vendors }
  }
  const answerWith = (status: number, body: string) => (_request: unknown, response: http.ServerResponse) =>
    void response.writeHead(status).end(body)

  it.each<[string, readonly string[], number, string, RegExp]>([
    ["the app is unknown", ['{"event":"pusher:error","data":{"code":4001,"message":"no app"}}'], 200, "{}", /no app/],
    ["the server talks nonsense", ["hello"], 200, "{}", /./],
    ["the server hangs up", [ESTABLISHED, HANG_UP], 200, "{}", /the connection was cut/],
    ["the server hangs up at once", [HANG_UP], 200, "{}", /the connection was cut|refused/],
    ["the backend refuses", [ESTABLISHED], 401, "{}", /the backend answered 401/],
    ["the backend talks nonsense", [ESTABLISHED], 200, "null", /not the backend/],
    ["the backend talks no JSON", [ESTABLISHED], 200, "<html>", /JSON/],
    [
      "the signature is refused",
      [ESTABLISHED, '{"event":"pusher:error","data":{"code":null,"message":"Invalid signature"}}'],
      200,
      JSON.stringify(AUTH),
      /Invalid signature/
    ]
  ])("reports once that %s, and tries no more", async (_what, first, status, body, message) => {
    const { closed, dialled, opened, token, vendors } = await connectTo(first, answerWith(status, body))
    expect(closed).toEqual([expect.stringMatching(message)])
    expect([opened, dialled]).toEqual([0, 1])
    // no attempt to come, and nothing left of it
    expect([vendors.state, vendors.retryTimer ?? null, vendors.runner]).toEqual(["disconnected", null, null])
    expect(instances()).toEqual([])
    expect(closed[0]).not.toContain(token)
  })

  it("gives up on a server, and on a backend, that says nothing", async () => {
    expect((await connectTo([], answerWith(200, "{}"), 200)).closed).toEqual(["not open within 200 ms"])
    expect((await connectTo([ESTABLISHED], () => {}, 200)).closed).toEqual(["not open within 200 ms"])
  })
})

describe("Pusher's webhooks", () => {
  /** Gives the gateway a webhook; `seal` and `up` are of a socket that was let in. */
  const hooks = async () => {
    const gateway = await gatewayWith()
    const principal = { id: "ann", claims: { role: "reader" } }
    const { token = "" } = await grantOf(gateway, ["g"], principal as never)
    const call = async (body: string, headers: Record<string, string>, method = "POST") => {
      const events: UpstreamEvent[] = []
      const request = new Request("http://backend/upstream/pusher", {
        method,
        headers,
        ...(method === "POST" ? { body } : {})
      })
      const result = await Effect.runPromise(
        Effect.result(gateway.upstream!(request, (event) => Effect.sync(() => void events.push(event))))
      )
      return Result.isSuccess(result)
        ? { events, status: result.success.status, response: result.success }
        : { events, status: result.failure.status, code: result.failure.code }
    }
    const form = "application/x-www-form-urlencoded;charset=UTF-8"
    const { response } = await call(String(new URLSearchParams({ socket: "1.1", ticket: token })), {
      "content-type": form
    })
    const { auth, seal } = (await response!.json()) as { auth: Record<string, string>; seal: string }
    const up = Object.keys(auth).at(-1)!
    const data = JSON.stringify({ id: "1", seal, event: "interrupt", data: { n: 1 } })
    const client = { name: "client_event", channel: up, event: "client-invoke", socket_id: "1.1", data }
    const sign = (body: string, key = APP.key, secret = APP.secret) => ({
      "content-type": "application/json",
      "x-pusher-key": key,
      "x-pusher-signature": createHmac("sha256", secret).update(body).digest("hex")
    })
    return {
      call,
      client,
      principal,
      sign,
      up,
      body: (...events: unknown[]) => JSON.stringify({ time_ms: Date.now(), events })
    }
  }

  it("are taken in batches, and what is not ours is passed over", async () => {
    const { body, call, client, principal, sign, up } = await hooks()
    const batch = body(
      { name: "channel_occupied", channel: up },
      { name: "channel_occupied", channel: "private-g-g" },
      { name: "member_added", channel: "presence-x", user_id: "eve" },
      client,
      { ...client, socket_id: "1.2" },
      { ...client, channel: `${up}x` },
      { ...client, data: "nonsense" },
      { ...client, data: null },
      null,
      7,
      { name: "channel_vacated", channel: up },
      { name: "channel_vacated", channel: changed(up) }
    )
    const { events, status } = await call(batch, sign(batch))
    expect(status).toBe(204)
    expect(events).toEqual([
      { type: "connected", connection: up, principal: { id: "ann" } },
      { type: "disconnected", connection: up, principal: { id: "ann" } },
      { type: "event", connection: up, principal, name: "interrupt", data: { n: 1 } }
    ])
  })

  it("are refused unsigned, changed, signed by another, late, too large, and in another shape", async () => {
    const { body, call, client, sign } = await hooks()
    const good = body(client)
    const late = JSON.stringify({ time_ms: Date.now() - 361_000, events: [client] })
    const refused = (code: string, status = 401) => ({ events: [], status, code })
    const { "x-pusher-signature": signature, ...unsigned } = sign(good)
    expect(await call(good, unsigned)).toEqual(refused("WEBHOOK_BAD_SIGNATURE"))
    expect(await call(good, { ...unsigned, "x-pusher-signature": "" })).toEqual(refused("WEBHOOK_BAD_SIGNATURE"))
    expect(await call(good.replace("1.1", "1.2"), sign(good))).toEqual(refused("WEBHOOK_BAD_SIGNATURE"))
    expect(await call(good, sign(good, APP.key, "x".repeat(20)))).toEqual(refused("WEBHOOK_BAD_SIGNATURE"))
    expect(await call(good, sign(good, "other"))).toEqual(refused("WEBHOOK_BAD_SIGNATURE"))
    expect(await call(late, sign(late))).toEqual(refused("WEBHOOK_REPLAYED"))
    for (const text of ['{"events":[]}', "null", "[]"])
      expect(await call(text, sign(text))).toEqual(refused("WEBHOOK_REPLAYED"))
    expect(await call("{", sign("{"))).toEqual(refused("WEBHOOK_BAD_SIGNATURE"))
    const shapeless = JSON.stringify({ time_ms: Date.now() })
    expect(await call(shapeless, sign(shapeless))).toEqual(refused("BAD_SHAPE", 400))
    const huge = "x".repeat(1_100_000)
    expect(await call(huge, sign(huge))).toEqual(refused("TOO_LARGE", 413))
    expect(await call("", {}, "GET")).toEqual(refused("BAD_SHAPE", 405))
    expect((await call(good, { ...unsigned, "x-pusher-signature": signature })).events).toHaveLength(1)
  })
})
