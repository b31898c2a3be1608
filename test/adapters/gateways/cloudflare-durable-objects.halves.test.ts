/** The two halves of the gateway on Cloudflare Durable Objects, where the service is not itself, or not there. */
import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocketServer, type WebSocket } from "ws"
import { durableObjectsClient } from "../../../adapters/gateways/cloudflare-durable-objects/client.ts"
import { durableObjectsGateway } from "../../../adapters/gateways/cloudflare-durable-objects/server.ts"
import { connect, eventually } from "../../../src/conformance/gatewayCase.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { build, type RunningEnv } from "./environments/environment.ts"

const key = "a key that must be in no error, whatever happens"
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const make = async (options: Parameters<typeof durableObjectsGateway>[0]) => {
  const { gateway, close } = await build(durableObjectsGateway(options))
  closers.push(close)
  return gateway
}
const serve = async (answer: http.RequestListener) => {
  const server = http.createServer(answer)
  await once(server.listen(0, "127.0.0.1"), "listening")
  closers.push(() => server.close().closeAllConnections())
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
const problem = (gateway: GatewayService) => Effect.runPromise(Effect.flip(gateway.publish("g", "{}")))

describe("durableObjectsGateway", () => {
  it.each<[string, object, RegExp]>([
    ["no url and no namespace", { key }, /^url must be/],
    ["a url without http", { key, url: "example.com" }, /^url must be/],
    ["a WebSocket's url", { key, url: "wss://example.com" }, /^url must be/],
    [
      "a namespace and no clientUrl",
      { key, namespace: { idFromName: () => "", get: () => ({}) } },
      /^clientUrl must be/
    ],
    ["a short key", { key: "short", url: "https://example.com" }, /^key must have at least 32/]
  ])("refuses %s at once, by name", (_what, options, message) => {
    expect(() => durableObjectsGateway(options as Parameters<typeof durableObjectsGateway>[0])).toThrow(message)
    expect(() => durableObjectsGateway(options as Parameters<typeof durableObjectsGateway>[0])).toThrow(TypeError)
  })

  it.each<[number, Record<string, string>, object]>([
    [401, {}, { _tag: "GatewayRefused", status: 401, remedy: expect.stringMatching(/THROUGHLINE_KEY/) }],
    [404, {}, { _tag: "GatewayRefused", status: 404, remedy: expect.stringMatching(/`url`/) }],
    [302, { location: "/login" }, { _tag: "GatewayRefused", status: 302, remedy: expect.stringMatching(/`url`/) }],
    [413, {}, { _tag: "FrameTooLarge", sizeBytes: 2 }],
    [429, { "retry-after": "7" }, { _tag: "GatewayThrottled", retryAfterMillis: 7_000 }],
    [429, {}, { _tag: "GatewayThrottled", retryAfterMillis: 1_000 }],
    [522, {}, { _tag: "GatewayUnavailable" }]
  ])("says what an answer with status %i means, without the key", async (status, headers, reason) => {
    const { url } = await serve((_request, response) => response.writeHead(status, headers).end("<html>"))
    const error = await problem(await make({ url: `${url}/gateway/`, key }))
    expect(error.reason).toMatchObject(reason)
    expect(JSON.stringify(error) + error.message + String(error.reason)).not.toMatch(/Bearer|group=|a key that/)
  })

  it("publishes below the path that it was given", async () => {
    const seen: string[] = []
    const { url } = await serve((request, response) => (seen.push(request.url!), response.writeHead(202).end()))
    await Effect.runPromise((await make({ url: `${url}/gateway/`, key })).publish("g-1", "{}"))
    expect(seen).toEqual(["/gateway/publish?group=g-1"])
  })

  it("fails as unavailable when nobody is there, or nobody answers in time, or the answer breaks off", async () => {
    const dead = await serve(() => {})
    dead.server.close()
    expect((await problem(await make({ url: dead.url, key }))).reason._tag).toBe("GatewayUnavailable")
    const silent = await serve(() => {})
    const startedAt = Date.now()
    const error = await problem(await make({ url: silent.url, key, timeoutMillis: 100 }))
    expect([error.reason._tag, Date.now() - startedAt < 5_000]).toEqual(["GatewayUnavailable", true])
    const broken = await serve((_request, response) => {
      response.writeHead(202, { "content-length": "10" }).write("x")
      response.destroy()
    })
    expect((await problem(await make({ url: broken.url, key }))).reason._tag).toBe("GatewayUnavailable")
  })

  it("grants nobody whom an object could not keep, and says what to change", async () => {
    const gateway = await make({ url: "https://example.com", key })
    const principal = { id: "ann", claims: { note: "x".repeat(20_000) } }
    const error = await Effect.runPromise(Effect.flip(gateway.grant({ principal, groups: ["g"], ttlMillis: 1_000 })))
    expect(error.reason).toMatchObject({ _tag: "GatewayRefused", remedy: expect.stringMatching(/claims/) })
  })

  it("reaches objects by a binding, and knows one that has too much to do from one that failed", async () => {
    const asked: string[] = []
    const answers = [
      () => new Response(null, { status: 202 }),
      () => new Response(null, { status: 204 }),
      () => Promise.reject(Object.assign(new Error("busy"), { overloaded: true })),
      () => Promise.reject(new Error("Network connection lost.")),
      (signal: AbortSignal) =>
        new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
    ]
    const namespace = {
      idFromName: (name: string) => `id of ${name}`,
      get: (id: unknown) => ({
        fetch: async (url: string, init: RequestInit) => {
          asked.push(`${id} ${url} ${init.body}`)
          return answers.shift()!(init.signal!)
        }
      })
    } as Parameters<typeof durableObjectsGateway>[0]["namespace"] & object
    const gateway = await make({ namespace, clientUrl: "https://example.com/live", key, timeoutMillis: 50 })
    await Effect.runPromise(gateway.publish("g", "{}"))
    await Effect.runPromise(gateway.revoke!({ id: "ann é" }, "g"))
    expect(asked).toEqual([
      "id of g https://group/publish? {}",
      "id of g https://group/revoke?tenant=main&id=ann+%C3%A9 "
    ])
    expect((await problem(gateway)).reason._tag).toBe("GatewayThrottled")
    expect((await problem(gateway)).reason._tag).toBe("GatewayUnavailable")
    expect((await problem(gateway)).reason._tag).toBe("GatewayUnavailable")
    const { url } = await Effect.runPromise(
      gateway.grant({ principal: { id: "ann" }, groups: ["g"], ttlMillis: 1_000 })
    )
    expect(url).toBe("wss://example.com/live/connect")
  })
})

describe("durableObjectsClient", () => {
  /** A service that does as the test says, and a client of two groups connected to it. */
  const start = async (each: (socket: WebSocket, group: string) => void) => {
    const { server, url } = await serve((_request, response) => response.writeHead(404).end())
    const sockets: WebSocket[] = []
    const acceptor = new WebSocketServer({ server, handleProtocols: () => "throughline.v1" })
    acceptor.on("connection", (socket, request) => {
      sockets.push(socket)
      each(socket, new URL(request.url!, url).searchParams.get("group")!)
    })
    closers.push(() => acceptor.close())
    const gateway = await make({ url, key })
    const watcher = await connect({ gateway, client: durableObjectsClient() } as RunningEnv<unknown>, {
      groups: ["one", "two"]
    })
    closers.push(watcher.connection.close)
    return { watcher, sockets }
  }
  const open = (socket: WebSocket) => socket.send('["open"]')

  it("is open when all its sockets are", async () => {
    const late = Promise.withResolvers<WebSocket>()
    const { watcher } = await start((socket, group) => (group === "one" ? open(socket) : late.resolve(socket)))
    const second = await late.promise
    await eventually(() => watcher.alive() > 0, "the first opens")
    expect(watcher.opened()).toBe(0)
    open(second)
    await eventually(() => watcher.opened() === 1, "both are open")
  })

  it("ends when one of its sockets ends, says so once, and leaves none open", async () => {
    const { watcher, sockets } = await start(open)
    await eventually(() => watcher.opened() === 1, "both are open")
    sockets[1]!.close(1012, "restart")
    await eventually(() => watcher.closed.length > 0, "the end")
    await eventually(() => sockets.every(({ readyState }) => readyState === 3), "the other socket ends")
    expect(watcher.closed).toEqual(["restart"])
  })

  it("gives no sign of life while one of its sockets owes one", async () => {
    const pings: string[] = []
    const { watcher, sockets } = await start((socket, group) => {
      open(socket)
      socket.on("message", (text) => {
        pings.push(`${group} ${text}`)
        if (group === "one") socket.send('["pong"]')
      })
    })
    await eventually(() => watcher.opened() === 1, "both are open")
    const before = watcher.alive()
    watcher.connection.ping!()
    await eventually(() => pings.length === 2, "both are asked")
    sockets[0]!.send('["reply",99,null]')
    sockets[0]!.send('{"n":1}')
    await eventually(() => watcher.frames.length === 1, "a frame of the one that lives")
    expect(watcher.alive()).toBe(before)
    sockets[1]!.send('["pong"]')
    await eventually(() => watcher.alive() > before, "the sign")
  })

  it("outlives nonsense, and hands none of it on", async () => {
    const { watcher, sockets } = await start(open)
    await eventually(() => watcher.opened() === 1, "both are open")
    for (const text of ["", "null", "[", "[]", '["open"]', '["mark"]', '["reply",7,1]', '["failed"]', '"text"', "7"])
      sockets[0]!.send(text)
    sockets[0]!.send(Buffer.from([1, 2]))
    sockets[0]!.send("{}")
    await eventually(() => watcher.frames.length > 0, "the frame")
    expect([watcher.frames, watcher.opened(), watcher.closed]).toEqual([["{}"], 1, []])
  })

  it("rejects what waits for a reply when the connection ends", async () => {
    const { watcher, sockets } = await start((socket) => {
      open(socket)
      socket.on("message", () => socket.close(1012))
    })
    await eventually(() => watcher.opened() === 1, "both are open")
    await expect(watcher.connection.invoke!("ask", null, { timeoutMillis: 5_000 })).rejects.toThrow(/before the reply/)
    expect(sockets).toHaveLength(2)
  })
})
