import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterEach, describe, expect, it } from "vitest"
import {
  azureWebPubSub,
  type AzureKeyOptions,
  type AzureWebPubSubOptions
} from "../../../adapters/gateways/azure-web-pubsub/server.ts"
import { parseAnswer } from "../../../adapters/gateways/azure-web-pubsub/restPost.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import type { GatewayError } from "../../../src/ports/GatewayError.ts"
import { build } from "./environments/environment.ts"

const KEY = "canary-access-key-0123456789abcdef0123456789"
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A TCP server that answers each request with what `answer` writes; counts connections and keeps requests. */
const startService = async (answer: (socket: net.Socket, request: string, index: number) => void) => {
  const requests: string[] = []
  const sockets = new Set<net.Socket>()
  let connections = 0
  const server = net.createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on("error", () => {}).on("close", () => sockets.delete(socket))
    let pending = ""
    socket.on("data", (bytes) => {
      pending += bytes.toString()
      for (;;) {
        const end = pending.indexOf("\r\n\r\n")
        const length = Number(/content-length: (\d+)/.exec(pending)?.[1])
        if (end < 0 || Buffer.byteLength(pending) < end + 4 + length) return
        const request = pending.slice(0, end + 4 + length)
        pending = pending.slice(end + 4 + length)
        answer(socket, request, requests.push(request) - 1)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  closers.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
  )
  return { port: (server.address() as net.AddressInfo).port, requests, sockets, connections: () => connections }
}
const gatewayAt = async (port: number, options: Partial<AzureKeyOptions> = {}): Promise<GatewayService> => {
  const { gateway, close } = await build(
    azureWebPubSub({
      connectionString: `Endpoint=http://127.0.0.1:${port};AccessKey=${KEY};Version=1.0;`,
      hub: "hub",
      ...options
    })
  )
  closers.push(close)
  return gateway
}
const publish = (gateway: GatewayService, group = "g", frame = "{}") => Effect.runPromise(gateway.publish(group, frame))
const failure = (gateway: GatewayService): Promise<GatewayError> =>
  Effect.runPromise(Effect.flip(gateway.publish("g", "{}")))
const ACCEPTED = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
const claims = (request: string) =>
  JSON.parse(Buffer.from(/Bearer [^.]+\.([^.]+)/.exec(request)?.[1] ?? "", "base64url").toString()) as {
    aud: string
    exp: number
  }

describe("a publish to Azure Web PubSub", () => {
  it("is one POST whose token names the whole URL, with the frame byte for byte as plain text", async () => {
    const service = await startService((socket) => socket.write(ACCEPTED))
    const gateway = await gatewayAt(service.port)
    await publish(gateway, "a/b é", '{"text":"漢"}')
    const [request = ""] = service.requests
    const path = "/api/hubs/hub/groups/a%2Fb%20%C3%A9/:send?api-version=2024-12-01"
    expect(request.split("\r\n")[0]).toBe(`POST ${path} HTTP/1.1`)
    expect(claims(request).aud).toBe(`http://127.0.0.1:${service.port}${path}`)
    expect(request).toMatch(/\r\ncontent-type: text\/plain\r\n/)
    expect(request.endsWith('\r\n\r\n{"text":"漢"}')).toBe(true)
  })

  it("reuses sockets and tokens", async () => {
    const service = await startService((socket) => socket.write(ACCEPTED))
    const gateway = await gatewayAt(service.port)
    for (let round = 0; round < 20; round++) await publish(gateway)
    expect(service.connections()).toBe(1)
    expect(new Set(service.requests.map((request) => /authorization: (.*)\r/.exec(request)?.[1])).size).toBe(1)
  })

  it("opens no more than maxSockets, and serves what waits in order", async () => {
    const service = await startService((socket) => setTimeout(() => socket.write(ACCEPTED), 5))
    const gateway = await gatewayAt(service.port, { maxSockets: 1 })
    await publish(gateway, "g", `{"n":0}`)
    await Promise.all(Array.from({ length: 9 }, (_, index) => publish(gateway, "g", `{"n":${index + 1}}`)))
    expect(service.connections()).toBe(1)
    expect(service.requests.map((request) => JSON.parse(request.slice(request.indexOf("{"))).n)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9
    ])
  })

  it.each([
    ["in two pieces", ["HTTP/1.1 202 Acc", "epted\r\nContent-Length: 2\r\n\r\no", "k"], 1],
    [
      "in chunks",
      ["HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\n0\r\n\r\n\r\n", "0\r\n\r\n"],
      1
    ],
    ["after 100 Continue", ["HTTP/1.1 100 Continue\r\n\r\n", ACCEPTED], 1],
    ["without a body", ["HTTP/1.1 204 No Content\r\n\r\n"], 1],
    ["and closes", ["HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"], 3],
    ["without saying where it ends", ["HTTP/1.1 202 Accepted\r\n\r\n"], 3],
    ["with more than it announced", ["HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 X\r\n\r\n"], 3]
  ])("succeeds when the service answers %s", async (_what, pieces, connections) => {
    const service = await startService(async (socket) => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })
    const gateway = await gatewayAt(service.port)
    for (let round = 0; round < 3; round++) {
      await publish(gateway)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(service.connections()).toBe(connections)
  })

  it("tries again, once, when a kept socket turns out to be closed", async () => {
    const service = await startService((socket) => socket.write(ACCEPTED))
    const gateway = await gatewayAt(service.port)
    await publish(gateway)
    // As a load balancer ends an idle connection just when it is used again.
    for (const socket of service.sockets) socket.resetAndDestroy()
    await publish(gateway)
    expect(service.connections()).toBe(2)
  })

  it("is unavailable, without a second try, when the service takes the request and hangs up", async () => {
    const service = await startService((socket) => socket.destroy())
    const error = await failure(await gatewayAt(service.port))
    expect([error.operation, error.reason._tag]).toEqual(["publish", "GatewayUnavailable"])
    expect(service.requests).toHaveLength(1)
  })

  it.each([
    ["500", "HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n", "GatewayUnavailable"],
    ["503", "HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n", "GatewayUnavailable"],
    ["413", "HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n", "FrameTooLarge"],
    ["403", "HTTP/1.1 403 X\r\ncontent-length: 0\r\n\r\n", "GatewayRefused"],
    ["404", "HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n", "GatewayRefused"],
    ["what is not HTTP", "hello\r\n\r\n", "GatewayUnavailable"],
    ["an endless header", `HTTP/1.1 202 ${"x".repeat(70_000)}`, "GatewayUnavailable"]
  ])("turns the answer %s into an error of its kind, with no credential in it", async (_what, answer, tag) => {
    const service = await startService((socket) => socket.write(answer))
    const error = await failure(await gatewayAt(service.port))
    expect(error.reason._tag).toBe(tag)
    expect(JSON.stringify(error) + error.message).not.toMatch(/canary|eyJ|Bearer/)
  })

  it.each([
    ["2", 2_000],
    ["0", 0],
    ["", 1_000],
    ["soon", 1_000]
  ])("is throttled for as long as Retry-After %j says", async (header, millis) => {
    const service = await startService((socket) =>
      socket.write(`HTTP/1.1 429 X\r\nRetry-After: ${header}\r\ncontent-length: 0\r\n\r\n`)
    )
    const { reason } = await failure(await gatewayAt(service.port))
    expect(reason).toMatchObject({ _tag: "GatewayThrottled", retryAfterMillis: millis })
  })

  it("signs anew once after a 401, then says which setting to check", async () => {
    const service = await startService((socket) => socket.write("HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n"))
    const { reason } = await failure(await gatewayAt(service.port))
    expect(service.requests).toHaveLength(2)
    expect(reason).toMatchObject({ _tag: "GatewayRefused", status: 401, remedy: expect.stringContaining("AccessKey") })
  })

  it("fails as unavailable when nobody listens, naming no key", async () => {
    const service = await startService(() => {})
    const gateway = await gatewayAt(service.port)
    await closers.splice(0, 1)[0]?.()
    const error = await failure(gateway)
    expect(error.reason._tag).toBe("GatewayUnavailable")
    expect(String((error.reason as { cause?: unknown }).cause)).toMatch(/ECONNREFUSED/)
  })

  it("gives up after timeoutMillis", async () => {
    const service = await startService(() => {})
    const gateway = await gatewayAt(service.port, { timeoutMillis: 100 })
    const error = await failure(gateway)
    expect(String((error.reason as { cause?: unknown }).cause)).toMatch(/no answer within 100 ms/)
  })

  it("closes the request's socket when it is interrupted", async () => {
    const arrived = Promise.withResolvers<net.Socket>()
    const service = await startService((socket) => arrived.resolve(socket))
    const gateway = await gatewayAt(service.port)
    const fiber = Effect.runFork(gateway.publish("g", "{}"))
    const socket = await arrived.promise
    const closed = new Promise((resolve) => socket.on("close", resolve))
    await Effect.runPromise(Fiber.interrupt(fiber))
    await closed
    expect(service.requests).toHaveLength(1)
  })

  it("sends an Entra token where a credential is given, and asks for it once", async () => {
    const service = await startService((socket) => socket.write(ACCEPTED))
    let asked = 0
    const credential = {
      getToken: async () => (asked++, { token: "entra-token", expiresOnTimestamp: Date.now() + 3_600_000 })
    }
    const { gateway, close } = await build(
      azureWebPubSub({
        endpoint: `http://127.0.0.1:${service.port}`,
        credential,
        hub: "hub",
        connectionStateSecret: "s".repeat(32)
      })
    )
    closers.push(close)
    await publish(gateway, "a")
    await publish(gateway, "b")
    expect([
      asked,
      service.requests.every((request) => request.includes("authorization: Bearer entra-token\r\n"))
    ]).toEqual([1, true])
  })

  it("is unavailable when the credential fails", async () => {
    const credential = { getToken: () => Promise.reject(new Error("AADSTS: no identity")) }
    const { gateway, close } = await build(
      azureWebPubSub({ endpoint: "http://127.0.0.1:1", credential, hub: "hub", connectionStateSecret: "s".repeat(32) })
    )
    closers.push(close)
    expect((await failure(gateway)).reason._tag).toBe("GatewayUnavailable")
  })
})

describe("the answer's parser", () => {
  it("finds the same end wherever the bytes are cut", () => {
    for (const whole of [
      ACCEPTED,
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabc",
      "HTTP/1.1 429 X\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    ]) {
      for (let cut = 0; cut < whole.length; cut++)
        expect(parseAnswer(whole.slice(0, cut)), whole.slice(0, cut)).toBe("more")
      expect(parseAnswer(whole)).toMatchObject({ keep: true })
    }
  })
})

describe("the options of azureWebPubSub", () => {
  const connectionString = `Endpoint=https://x.webpubsub.azure.com;AccessKey=${KEY};`
  it.each<[string, AzureWebPubSubOptions, RegExp]>([
    ["an empty connection string", { connectionString: "", hub: "h" }, /Endpoint=/],
    ["a connection string without a key", { connectionString: "Endpoint=https://x", hub: "h" }, /AccessKey/],
    [
      "an endpoint that is no URL",
      { connectionString: `Endpoint=http://;AccessKey=${KEY}`, hub: "h" },
      /http\(s\) URL/
    ],
    [
      "another key of another service",
      { connectionString, otherConnectionString: connectionString.replace("//x", "//y"), hub: "h" },
      /otherConnectionString/
    ],
    ["another key that is none", { connectionString, otherConnectionString: "", hub: "h" }, /otherConnectionString/],
    ["a hub with a slash", { connectionString, hub: "a/b" }, /hub/],
    ["an empty hub", { connectionString, hub: "" }, /hub/],
    ["a short upstreamKey", { connectionString, hub: "h", upstreamKey: "short" }, /upstreamKey/],
    [
      "a short connectionStateSecret",
      { endpoint: "https://x", credential: { getToken: async () => null }, hub: "h", connectionStateSecret: "x" },
      /connectionStateSecret/
    ],
    [
      "a short otherConnectionStateSecret",
      {
        endpoint: "https://x",
        credential: { getToken: async () => null },
        hub: "h",
        connectionStateSecret: KEY,
        otherConnectionStateSecret: "x"
      },
      /otherConnectionStateSecret/
    ]
  ])("refuse %s at once, naming the setting and no key", (_what, options, problem) => {
    expect(() => azureWebPubSub(options)).toThrow(problem)
    expect(() => azureWebPubSub(options)).not.toThrow(/canary/)
  })

  it("without upstreamKey there is no way back, and no claim of one", async () => {
    const { gateway, close } = await build(azureWebPubSub({ connectionString, hub: "h" }))
    closers.push(close)
    expect([gateway.upstream, gateway.capabilities.upstream]).toEqual([undefined, false])
  })
})
