import { once } from "node:events"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { afterEach, describe, expect, it, vi } from "vitest"
import { pushpinGateway, type PushpinGatewayOptions } from "../../../adapters/gateways/pushpin/server.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import type { GatewayError } from "../../../src/ports/GatewayError.ts"
import { build } from "./environments/environment.ts"
import { PUSHPIN_KEY, SIG_KEY } from "./environments/pushpin.ts"

const closers: (() => unknown)[] = []
afterEach(async () => {
  vi.doUnmock("@fanoutio/grip")
  vi.resetModules()
  for (const close of closers.splice(0).reverse()) await close()
})
const OPTIONS: PushpinGatewayOptions = {
  controlUri: "http://127.0.0.1:1",
  clientUrl: "https://push.example/upstream/pushpin",
  sigKey: SIG_KEY,
  key: PUSHPIN_KEY
}
const make = async (options: Partial<PushpinGatewayOptions> = {}): Promise<GatewayService> => {
  const built = await build(pushpinGateway({ ...OPTIONS, ...options }))
  closers.push(built.close)
  return built.gateway
}
const failureOf = async (effect: Effect.Effect<unknown, GatewayError>): Promise<GatewayError> => {
  const result = await Effect.runPromise(Effect.result(effect))
  if (Result.isSuccess(result)) throw new Error("it did not fail")
  return result.failure
}
/** A control address that answers as it is told; what it was sent. */
const control = async (answer: (response: http.ServerResponse) => unknown) => {
  const seen: { url: string; authorization: string | undefined; body: string; closed: Promise<unknown> }[] = []
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const { headers, url = "" } = request
      const body = Buffer.concat(chunks).toString()
      seen.push({ url, authorization: headers.authorization, body, closed: once(response, "close") })
      answer(response)
    })
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  closers.push(() => server.close().closeAllConnections())
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe("options of pushpinGateway", () => {
  it.each<[keyof PushpinGatewayOptions, unknown]>([
    ["controlUri", "127.0.0.1:5561"],
    ["clientUrl", "wss://push.example/upstream/pushpin"],
    ["clientUrl", "https://push.example"],
    ["sigKey", "changeme"],
    ["key", "short"],
    ["maxGroups", 0],
    ["maxFrameBytes", 262_145],
    ["timeoutMillis", 0.5]
  ])("name %s where it is %s", (option, value) => {
    expect(() => pushpinGateway({ ...OPTIONS, [option]: value })).toThrow(TypeError)
    expect(() => pushpinGateway({ ...OPTIONS, [option]: value })).toThrow(new RegExp(`^${option} must`))
  })
  it("name the key that an issuer needs", () => {
    expect(() => pushpinGateway({ ...OPTIONS, controlIss: "me" })).toThrow(/controlKey is missing/)
  })
})

describe("a publish over GRIP", () => {
  it.each<[number, string, object]>([
    [400, "Request body too large.\n", { _tag: "FrameTooLarge", sizeBytes: 2, limitBytes: 262_144 }],
    [413, "", { _tag: "FrameTooLarge", sizeBytes: 2 }],
    [400, "Parse error", { _tag: "GatewayRefused", status: 400, remedy: expect.stringContaining("controlUri") }],
    [401, "", { _tag: "GatewayRefused", status: 401, remedy: expect.stringContaining("controlKey") }],
    [403, "", { _tag: "GatewayRefused", status: 403, remedy: expect.stringContaining("controlKey") }],
    [404, "", { _tag: "GatewayRefused", status: 404, remedy: expect.stringContaining("controlUri") }],
    [429, "", { _tag: "GatewayThrottled", retryAfterMillis: 7_000 }],
    [302, "", { _tag: "GatewayUnavailable" }],
    [500, "", { _tag: "GatewayUnavailable", cause: { message: "the control address answered 500" } }]
  ])("answered with %i %s fails with what to do about it, and once", async (status, body, reason) => {
    const { seen, url } = await control((response) =>
      response.writeHead(status, { "retry-after": "7", location: "/elsewhere" }).end(body)
    )
    const gateway = await make({ controlUri: url, controlKey: "secret-token" })
    const error = await failureOf(gateway.publish("g", "{}"))
    expect(error.reason).toMatchObject(reason)
    expect(seen).toHaveLength(1)
    expect(JSON.stringify(error) + error.message).not.toMatch(/secret-token|\/publish/)
  })

  it("that is cut off, not answered in time, or not even taken is unavailable, and says why", async () => {
    const cut = await control((response) => response.destroy())
    const half = await control((response) => response.writeHead(200, { "content-length": 9 }).write("Pub"))
    const silent = await control(() => {})
    for (const [controlUri, why] of [
      [cut.url, /closed|socket/],
      [half.url, /closed unexpectedly/],
      [silent.url, /timeout/],
      ["http://127.0.0.1:1", /ECONNREFUSED|bad port/]
    ] as const) {
      const gateway = await make({ controlUri, timeoutMillis: 200 })
      const { reason } = await failureOf(gateway.publish("g", "{}"))
      expect(reason).toMatchObject({ _tag: "GatewayUnavailable", cause: { message: expect.stringMatching(why) } })
    }
  })

  it("is one item for sockets and streams, without ids, and takes the proof that it was given", async () => {
    const { seen, url } = await control((response) => response.end("Published\n"))
    const bearers = [{}, { controlKey: "fastly-token" }, { controlIss: "me", controlKey: "signs" }]
    for (const options of bearers)
      await Effect.runPromise((await make({ controlUri: `${url}/service/id`, ...options })).publish("g", '{"a":"\\""}'))
    expect(seen.map(({ authorization }) => authorization)).toEqual([
      undefined,
      "Bearer fastly-token",
      expect.stringMatching(/^Bearer eyJ/)
    ])
    expect(seen[0]!.url).toBe("/service/id/publish/")
    expect(JSON.parse(seen[0]!.body)).toEqual({
      items: [
        {
          channel: "g",
          formats: {
            "ws-message": { content: '{"a":"\\""}' },
            "http-stream": { "content-bin": Buffer.from('data: {"a":"\\""}\n\n').toString("base64") }
          }
        }
      ]
    })
  })

  it("of the largest frame fits Pushpin's default body, however much of it has to be escaped", async () => {
    const { seen, url } = await control((response) => response.end())
    const gateway = await make({ controlUri: url })
    const frame = JSON.stringify({ text: '"'.repeat(131_066) })
    expect(Buffer.byteLength(frame)).toBe(262_143)
    await Effect.runPromise(gateway.publish("g", frame))
    expect(Buffer.byteLength(seen[0]!.body)).toBeLessThan(1_000_000)
  })

  it("ends its request when it is interrupted", async () => {
    let arrived = () => {}
    const asked = new Promise<void>((resolve) => (arrived = resolve))
    const { seen, url } = await control(() => arrived())
    const gateway = await make({ controlUri: url })
    const fiber = Effect.runFork(gateway.publish("g", "{}"))
    await asked
    await Effect.runPromise(Fiber.interrupt(fiber))
    await seen[0]!.closed
  })

  it("and a call of Pushpin say which package is missing", async () => {
    vi.resetModules()
    vi.doMock("@fanoutio/grip", () => {
      throw new Error("not found")
    })
    const fresh = await import("../../../adapters/gateways/pushpin/server.ts")
    const { close, gateway } = await build(fresh.pushpinGateway(OPTIONS))
    closers.push(close)
    const { reason } = await failureOf(gateway.publish("g", "{}"))
    const remedy = expect.stringContaining("npm install @fanoutio/grip")
    expect(reason).toMatchObject({ _tag: "GatewayUnavailable", cause: { message: remedy } })
    const request = new Request("http://backend/upstream/pushpin", { method: "POST" })
    const rejected = await Effect.runPromise(Effect.flip(gateway.upstream!(request, () => Effect.die("handed on"))))
    expect(rejected).toMatchObject({ status: 503, problem: remedy })
  })
})

describe("a grant for Pushpin", () => {
  const principal = { id: "ann", claims: { secret: "canary" } }
  it("keeps claims and groups from the client that carries them, and ends within 5 minutes", async () => {
    const gateway = await make()
    const { expiresAt, token = "" } = await Effect.runPromise(
      gateway.grant({ principal, groups: ["hidden-group"], ttlMillis: 3_600_000 })
    )
    const parts = token.split(".").map((part) => Buffer.from(part, "base64url").toString())
    expect(parts.join()).not.toMatch(/canary|hidden-group/)
    expect(expiresAt - Date.now()).toBeLessThanOrEqual(300_000)
  })
  it("is refused where Pushpin would drop groups or the header, with the setting to change", async () => {
    const gateway = await make()
    const groups = (count: number) => Array.from({ length: count }, (_, n) => `g${n}`)
    await Effect.runPromise(gateway.grant({ principal, groups: groups(20), ttlMillis: 1_000 }))
    const tooMany = await failureOf(gateway.grant({ principal, groups: groups(21), ttlMillis: 1_000 }))
    expect(tooMany.message).toMatch(/connection_subscription_max.*maxGroups.*21/)
    const large = { id: "ann", claims: { text: "x".repeat(6_000) } }
    const tooLarge = await failureOf(gateway.grant({ principal: large, groups: ["g"], ttlMillis: 1_000 }))
    expect(tooLarge.reason).toMatchObject({ _tag: "GatewayRefused", status: 431 })
    expect(tooLarge.message).toMatch(/claims/)
  })
})
