import { createHmac } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { azureWebPubSub } from "../../../adapters/gateways/azure-web-pubsub/server.ts"
import { userIdOf } from "../../../adapters/gateways/azure-web-pubsub/upstream.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import type { GatewayService, UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { HUB, UPSTREAM_KEY } from "./environments/azure-web-pubsub.ts"
import { build } from "./environments/environment.ts"

const KEY = "canary-access-key-0123456789abcdef0123456789"
const ann: Principal = { id: "ann", tenant: "acme", claims: { secret: "canary-claim" } }
const HOST = "x.webpubsub.azure.com"

let gateway: GatewayService
let close: () => Promise<void>
beforeAll(
  async () =>
    void ({ gateway, close } = await build(
      azureWebPubSub({
        connectionString: `Endpoint=https://${HOST};AccessKey=${KEY};`,
        hub: HUB,
        upstreamKey: UPSTREAM_KEY
      })
    ))
)
afterAll(() => close())

const sign = (connection: string, key = KEY) => `sha256=${createHmac("sha256", key).update(connection).digest("hex")}`
interface Call {
  readonly method?: string
  readonly url?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string | Uint8Array
}
const request = ({
  method = "POST",
  url = `https://backend/upstream?code=${UPSTREAM_KEY}`,
  headers = {},
  body = "{}"
}: Call) => {
  const all = {
    "content-type": "application/json",
    "ce-connectionid": "c1",
    "ce-signature": sign("c1"),
    "ce-time": new Date().toISOString(),
    "ce-hub": HUB,
    "ce-type": "azure.webpubsub.user.interrupt",
    "ce-eventname": "interrupt",
    "ce-userid": "acme:ann",
    ...headers
  }
  const present = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return new Request(url, { method, headers: present, ...(method === "POST" ? { body: body as string } : {}) })
}
const call = async (options: Call) => {
  const events: UpstreamEvent[] = []
  const upstream = gateway.upstream as NonNullable<GatewayService["upstream"]>
  const result = await Effect.runPromise(
    Effect.result(upstream(request(options), (event) => Effect.sync(() => (events.push(event), { ok: true }))))
  )
  if (Result.isSuccess(result))
    return { events, response: result.success, status: result.success.status, code: undefined }
  const { status, code } = result.failure
  // Whatever was wrong, nothing secret is repeated and nothing is handed on.
  expect(JSON.stringify(result.failure) + result.failure.message).not.toMatch(/canary|eyJ/)
  expect(events).toEqual([])
  return { events, response: undefined, status, code: code as string }
}
const sealOf = async (principal: Principal, ttlMillis = 60_000) => {
  const { url } = await Effect.runPromise(gateway.grant({ principal, groups: ["g"], ttlMillis }))
  return new URL(url).searchParams.get("tl") as string
}
const connectHeaders = { "ce-type": "azure.webpubsub.sys.connect", "ce-eventname": "connect" }
const connectBody = (tl: unknown, rest: object = {}) =>
  JSON.stringify({
    claims: {},
    query: { access_token: ["eyJcanary"], ...(tl === undefined ? {} : { tl }) },
    headers: {},
    subprotocols: ["json.reliable.webpubsub.azure.v1"],
    ...rest
  })
/** The state that a connection of `principal` has after its `connect`. */
const stateOf = async (principal: Principal, connection = "c1") => {
  const { response } = await call({
    headers: {
      ...connectHeaders,
      "ce-connectionid": connection,
      "ce-signature": sign(connection),
      "ce-userid": userIdOf(principal)
    },
    body: connectBody([await sealOf(principal)])
  })
  return response?.headers.get("ce-connectionstate") as string
}

describe("the upstream of Azure Web PubSub", () => {
  it("lets a granted client in, binds its principal to the connection, and hands its events on", async () => {
    const { response, events } = await call({ headers: connectHeaders, body: connectBody([await sealOf(ann)]) })
    expect([response?.status, await response?.json(), events]).toEqual([
      200,
      { subprotocol: "json.reliable.webpubsub.azure.v1" },
      []
    ])
    const state = response?.headers.get("ce-connectionstate") as string
    const event = await call({ headers: { "ce-connectionstate": state }, body: '{"thread":"t"}' })
    expect(event.events).toEqual([
      { type: "event", connection: "c1", principal: ann, name: "interrupt", data: { thread: "t" } }
    ])
    expect([event.status, await event.response?.json()]).toEqual([200, { ok: true }])
  })

  it("shows claims to nobody: neither the URL nor the state can be read", async () => {
    for (const text of [await sealOf(ann), Buffer.from(await stateOf(ann), "base64").toString()]) {
      expect(
        text
          .split(".")
          .map((part) => Buffer.from(part, "base64url").toString())
          .join()
      ).not.toMatch(/canary-claim/)
    }
  })

  it("hands on connected and disconnected, and text and broken JSON as text", async () => {
    const state = await stateOf(ann)
    for (const type of ["connected", "disconnected"]) {
      const { events } = await call({
        headers: { "ce-connectionstate": state, "ce-type": `azure.webpubsub.sys.${type}`, "ce-eventname": type }
      })
      expect(events).toEqual([{ type, connection: "c1", principal: ann }])
    }
    for (const [type, body] of [
      ["text/plain; charset=utf-8", "hello"],
      ["application/json", "{"]
    ] as const) {
      const { events } = await call({ headers: { "ce-connectionstate": state, "content-type": type }, body })
      expect(events).toMatchObject([{ data: body }])
    }
  })

  it("takes the access key's signature among those of both keys of the service", async () => {
    const state = await stateOf(ann)
    expect(
      (
        await call({
          headers: { "ce-connectionstate": state, "ce-signature": `${sign("c1", "other")}, ${sign("c1")}` }
        })
      ).status
    ).toBe(200)
  })

  describe("refuses signatures (B73, B74)", () => {
    it.each<[string, string | undefined]>([
      ["absent", undefined],
      ["of another key", sign("c1", "other")],
      ["of another connection", sign("c2")],
      ["in uppercase hex", sign("c1").replace(/=(.*)/, (_all, hex: string) => `=${hex.toUpperCase()}`)],
      ["without sha256=", sign("c1").slice(7)],
      ["that are empty", ""],
      ["that are too short", sign("c1").slice(0, -1)],
      ["that are too long", `${sign("c1")}0`],
      [
        "among 10,000 candidates",
        [...Array.from({ length: 10_000 }, (_, index) => sign("c1", `k${index % 10}`)), sign("c1")].join(",")
      ],
      [
        "fifth of five",
        [1, 2, 3, 4]
          .map((key) => sign("c1", `${key}`))
          .concat(sign("c1"))
          .join(",")
      ]
    ])("%s", async (_what, signature) => {
      const state = await stateOf(ann)
      expect(await call({ headers: { "ce-signature": signature, "ce-connectionstate": state } })).toMatchObject({
        status: 401,
        code: "WEBHOOK_BAD_SIGNATURE"
      })
    })
  })

  it("refuses a replaced body or event behind a right signature, where key or state are missing (B76)", async () => {
    const state = await stateOf(ann)
    for (const url of [
      "https://backend/upstream",
      "https://backend/upstream?code=",
      "https://backend/upstream?code=wrong"
    ]) {
      expect(await call({ url, headers: { "ce-connectionstate": state } })).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED"
      })
    }
    expect(await call({})).toMatchObject({ status: 401, code: "UNAUTHENTICATED" })
  })

  it("refuses an event whose user was swapped, or whose state belongs to another connection (B77)", async () => {
    const state = await stateOf(ann)
    expect(await call({ headers: { "ce-connectionstate": state, "ce-userid": "acme:bob" } })).toMatchObject({
      status: 401
    })
    expect(
      await call({ headers: { "ce-connectionstate": state, "ce-connectionid": "c2", "ce-signature": sign("c2") } })
    ).toMatchObject({ status: 401 })
  })

  it.each([-3 * 86_400_000, -301_000, 301_000, 86_400_000])("refuses an event %d ms from now (B79)", async (offset) => {
    const time = new Date(Date.now() + offset).toISOString()
    expect(await call({ headers: { "ce-time": time, "ce-connectionstate": await stateOf(ann) } })).toMatchObject({
      status: 401,
      code: "WEBHOOK_REPLAYED"
    })
  })
  it.each([undefined, "", "yesterday"])("refuses an event whose time is %j", async (time) => {
    expect(await call({ headers: { "ce-time": time, "ce-connectionstate": await stateOf(ann) } })).toMatchObject({
      status: 401,
      code: "WEBHOOK_REPLAYED"
    })
  })

  it("answers the handshake for its own host alone (B80)", async () => {
    const options = (origin: string | undefined) =>
      call({ method: "OPTIONS", headers: { "webhook-request-origin": origin } })
    const allowed = await options(HOST)
    expect([allowed.status, allowed.response?.headers.get("webhook-allowed-origin")]).toEqual([200, HOST])
    expect(await options(`other.example, ${HOST.toUpperCase()}`)).toMatchObject({ status: 200 })
    expect(await options(undefined)).toMatchObject({ status: 400 })
    expect(await options("")).toMatchObject({ status: 400 })
    expect(await options("evil.example")).toMatchObject({ status: 403 })
    expect(await options(`${HOST}.evil.example`)).toMatchObject({ status: 403 })
  })

  it.each([
    ["an unknown type", { "ce-type": "azure.webpubsub.sys.paused", "ce-eventname": "paused" }],
    ["no type", { "ce-type": undefined }],
    ["sys.connect under another name", { "ce-type": "azure.webpubsub.sys.connect", "ce-eventname": "interrupt" }],
    ["a name that differs from the type's", { "ce-eventname": "other" }],
    ["no name", { "ce-type": "azure.webpubsub.user.", "ce-eventname": "" }],
    ["another hub", { "ce-hub": "other" }],
    ["no hub", { "ce-hub": undefined }],
    ["no connection", { "ce-connectionid": undefined }],
    ["a binary body", { "content-type": "application/octet-stream" }],
    ["no content type", { "content-type": "" }]
  ])("refuses %s as malformed (B82, B83)", async (_what, headers) => {
    expect(await call({ headers: { "ce-connectionstate": await stateOf(ann), ...headers } })).toMatchObject({
      status: 400,
      code: "BAD_SHAPE"
    })
  })

  it.each([
    ["not base64", "%%%"],
    ["base64 of no JSON", Buffer.from("hello").toString("base64")],
    ["null", Buffer.from("null").toString("base64")],
    ["JSON without a seal", Buffer.from("{}").toString("base64")],
    ["a forged seal", Buffer.from('{"tl":"a.b.c.d.e"}').toString("base64")],
    [
      "an unencrypted token",
      Buffer.from(
        JSON.stringify({
          tl: `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"id":"ann"}').toString("base64url")}.`
        })
      ).toString("base64")
    ]
  ])("refuses a connection state that is %s (B85)", async (_what, state) => {
    expect(await call({ headers: { "ce-connectionstate": state } })).toMatchObject({
      status: 401,
      code: "UNAUTHENTICATED"
    })
  })
  it("refuses the URL's seal as a connection state, and the reverse", async () => {
    const wrapped = Buffer.from(JSON.stringify({ tl: await sealOf(ann) })).toString("base64")
    expect(await call({ headers: { "ce-connectionstate": wrapped } })).toMatchObject({ status: 401 })
    const { tl } = JSON.parse(Buffer.from(await stateOf(ann), "base64").toString()) as { tl: string }
    expect(await call({ headers: connectHeaders, body: connectBody([tl]) })).toMatchObject({ status: 401 })
  })

  it("refuses a client without a valid seal, and repeats nothing of its URL (B86)", async () => {
    for (const tl of [undefined, [], [""], ["x"], "x", [await sealOf(ann), await sealOf(ann)], [1], null]) {
      expect(await call({ headers: connectHeaders, body: connectBody(tl) })).toMatchObject({
        status: 401,
        code: "UNAUTHENTICATED"
      })
    }
    const expired = await sealOf(ann, -1_000)
    expect(await call({ headers: connectHeaders, body: connectBody([expired]) })).toMatchObject({ status: 401 })
    expect(
      await call({ headers: { ...connectHeaders, "ce-userid": "acme:bob" }, body: connectBody([await sealOf(ann)]) })
    ).toMatchObject({ status: 401 })
    expect(await call({ headers: connectHeaders, body: "{" })).toMatchObject({ status: 400 })
    expect(await call({ headers: connectHeaders, body: "null" })).toMatchObject({ status: 401 })
  })

  it("refuses bodies above 64 KiB, whatever they claim, and bodies that are not UTF-8", async () => {
    const state = await stateOf(ann)
    expect(await call({ headers: { "ce-connectionstate": state }, body: `"${"a".repeat(65_534)}"` })).toMatchObject({
      status: 200
    })
    expect(await call({ headers: { "ce-connectionstate": state }, body: `"${"a".repeat(65_535)}"` })).toMatchObject({
      status: 413,
      code: "TOO_LARGE"
    })
    expect(
      await call({ headers: { "ce-connectionstate": state }, body: new Uint8Array([0x22, 0xff, 0x22]) })
    ).toMatchObject({ status: 400 })
    expect(await call({ method: "GET" })).toMatchObject({ status: 405 })
  })

  it("refuses to grant to a principal whose claims do not fit a URL", async () => {
    const error = await Effect.runPromise(
      Effect.flip(
        gateway.grant({ principal: { id: "ann", claims: { all: "x".repeat(5_000) } }, groups: ["g"], ttlMillis: 1_000 })
      )
    )
    expect(error.reason).toMatchObject({ _tag: "GatewayRefused", remedy: expect.stringContaining("claims") })
  })

  it("gives every principal a user id of its own, in plain characters and at most 256 of them", () => {
    const principals: Principal[] = [
      { id: "a/b" },
      { id: "a", tenant: "b" },
      { id: "é" },
      { id: "%C3%A9" },
      { id: "~w6k" },
      { id: "w6k" },
      { id: "漢".repeat(128) },
      { id: `${"漢".repeat(127)}字` },
      { id: " " }
    ]
    const ids = principals.map(userIdOf)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_.@:~-]{1,256}$/)
  })

  it("asks the client for no roles, and for at most five minutes", async () => {
    const { url, expiresAt } = await Effect.runPromise(
      gateway.grant({ principal: ann, groups: ["g1", "g2"], ttlMillis: 86_400_000 })
    )
    const token = new URL(url).searchParams.get("access_token") ?? ""
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>
    expect(claims).toMatchObject({
      sub: "acme:ann",
      "webpubsub.group": ["g1", "g2"],
      aud: `https://${HOST}/client/hubs/${HUB}`
    })
    expect(claims["role"]).toBeUndefined()
    expect([Number(claims["exp"]) - Number(claims["iat"]), expiresAt <= Date.now() + 300_000]).toEqual([300, true])
  })
})
