import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { decode } from "@nats-io/jwt"
import { connect, jwtAuthenticator, wsconnect, type NatsConnection } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { startNatsBridge } from "../../../adapters/gateways/nats/bridge.ts"
import { natsClient } from "../../../adapters/gateways/nats/client.ts"
import { natsGateway } from "../../../adapters/gateways/nats/server.ts"
import { rightsOf, type FromBridge, type Rights } from "../../../adapters/gateways/nats/wire.ts"
import { eventually } from "../../../src/conformance/gatewayCase.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { makeAccounts, NATS_KEY, startNatsGateway, whyNatsIsMissing } from "./environments/nats.ts"

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
type Env = Awaited<ReturnType<typeof startNatsGateway>>
const start = async (options: Parameters<typeof startNatsGateway>[0] = {}): Promise<Env> => {
  const env = await startNatsGateway(options)
  closers.push(env.close)
  return env
}
/** One for all tests that change nothing about it. */
let sharedEnv: Promise<Env> | undefined
const shared = (): Promise<Env> => (sharedEnv ??= startNatsGateway())
afterAll(async () => (await sharedEnv)?.close())
const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)
const grant = (env: Env, groups: readonly string[] = ["mine"], principal: Principal = { id: "ann" }) =>
  run(env.gateway.grant({ principal, groups, ttlMillis: 60_000 }))
const ann = { id: "ann", tenant: "acme", claims: { secret: "canary" } }

/** A client that keeps to no rule, with the token of a grant. */
const dial = async (env: Env, groups?: readonly string[], principal?: Principal) => {
  const { token = "", url } = await grant(env, groups, principal)
  const rights = rightsOf(token)
  const connection = await wsconnect({ servers: url, ...withToken(rights) })
  closers.push(() => connection.close())
  return { connection, rights }
}
const withToken = ({ inbox, jwt, seed }: Rights) => ({
  authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)),
  inboxPrefix: inbox,
  reconnect: false
})
/** What the server answers to it: the first error, or none. */
const refusal = async (connection: NatsConnection, act: () => void): Promise<string | undefined> => {
  let said: string | undefined
  const status = connection.status()
  void (async () => {
    for await (const one of status) if (one.type === "error") said ??= one.error.message
  })()
  act()
  // the server answers in order; a flush on a connection that is cut never ends
  const cut = connection.closed().then(() => Promise.reject(new Error("cut")))
  for (const _ of [1, 2]) await Promise.race([connection.flush(), cut])
  return said
}
/** The adapter's own client. */
const open = async (env: Env, groups: readonly string[] = ["mine"], options?: Parameters<typeof natsClient>[0]) => {
  const granted = await grant(env, groups, ann)
  return attach(env, granted, options)
}
const attach = (
  env: Env,
  granted: { readonly url: string; readonly token?: string },
  options?: Parameters<typeof natsClient>[0]
) => {
  const seen = { opened: 0, frames: [] as string[], closed: [] as string[] }
  const connection = natsClient(options).connect(
    {
      ...granted,
      gateway: env.gateway.name,
      groups: {},
      expiresAt: new Date().toISOString(),
      reconnectSpreadMillis: 0,
      upstream: true
    },
    {
      onOpen: () => void seen.opened++,
      onFrame: (text) => void seen.frames.push(text),
      onInterrupted: () => {},
      onAlive: () => {},
      onClosed: ({ message }) => void seen.closed.push(message)
    }
  )
  closers.push(connection.close)
  return { connection, seen }
}

describe.skipIf(whyNatsIsMissing !== undefined)("the NATS gateway", () => {
  it("refuses wrong options at once, naming the setting and no secret", async () => {
    const { account, accountSeed, signingSeed } = await makeAccounts()
    const good = { servers: "nats://127.0.0.1:1", clientUrl: "ws://127.0.0.1:1", signingSeed, account, key: NATS_KEY }
    expect(() => natsGateway(good)).not.toThrow()
    const wrong: readonly [RegExp, object][] = [
      [/servers/, { servers: [] }],
      [/servers/, { servers: "ws://127.0.0.1:1" }],
      [/servers/, { servers: ["nats://user:canary@host:1"] }],
      [/clientUrl/, { clientUrl: "http://127.0.0.1:1" }],
      [/signingSeed/, { signingSeed: `${signingSeed.slice(0, -1)}!` }],
      [/signingSeed/, { signingSeed: account }],
      [/account/, { account: accountSeed }],
      [/key/, { key: "canary" }],
      [/prefix/, { prefix: "a.*" }],
      [/maxFrameBytes/, { maxFrameBytes: 1.5 }],
      [/maxControlLineBytes/, { maxControlLineBytes: 0 }]
    ]
    for (const [setting, option] of wrong) {
      let thrown: unknown
      try {
        natsGateway({ ...good, ...option })
      } catch (cause) {
        thrown = cause
      }
      expect(thrown).toBeInstanceOf(TypeError)
      expect((thrown as Error).message).toMatch(setting)
      expect(inspect(thrown, { depth: 9 })).not.toMatch(/canary|SA[A-Z2-7]{50}/)
    }
  })

  it("works with the account's own seed as well", async () => {
    const env = await shared()
    const { accountSeed } = env.service.accounts
    const { account: _, ...rest } = env.service.options
    const { build } = await import("./environments/environment.ts")
    const { gateway, close } = await build(natsGateway({ ...rest, signingSeed: accountSeed }))
    closers.push(close)
    const { seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    await run(gateway.publish("mine", "{}"))
    await eventually(() => seen.frames.length > 0, "the frame arrives")
  })

  it("gives a client's token no right but to hear its groups and its replies, and to send on its own subject", async () => {
    const env = await shared()
    const { connection, rights } = await dial(env)
    for (const subject of [
      "throughline.group.other",
      "throughline.group.*",
      "throughline.>",
      ">",
      "throughline.up.*",
      rights.up,
      "throughline.in.*",
      "_INBOX.>",
      "$SYS.>",
      "$JS.>"
    ])
      expect([subject, await refusal(connection, () => connection.subscribe(subject, { callback: () => {} }))]).toEqual(
        [subject, expect.stringContaining("Permissions Violation for Subscription")]
      )
    for (const subject of [
      "throughline.group.mine",
      "throughline.group.other",
      `${rights.up}x`,
      `${rights.inbox}.x`,
      "throughline.in.x.y",
      "$JS.API.STREAM.CREATE.x",
      "$SYS.REQ.USER.INFO"
    ])
      expect([subject, await refusal(connection, () => connection.publish(subject, "{}"))]).toEqual([
        subject,
        expect.stringContaining("Permissions Violation for Publish")
      ])
    expect(await refusal(connection, () => connection.publish(rights.up, "{}"))).toBeUndefined()
    await expect(connect({ servers: env.service.server.url, ...withToken(rights) })).rejects.toThrow(/Authorization/)
  })

  it("cuts a client that sends more than an event may have", async () => {
    const env = await shared()
    const { connection, rights } = await dial(env)
    // the server said how much it takes; this client does not care
    Object.assign(connection.info!, { max_payload: 1_000_000 })
    expect(
      await refusal(connection, () => connection.publish(rights.up, "x".repeat(90_000))).catch(() => "cut")
    ).toMatch(/Maximum Payload|cut/)
    await connection.closed()
  })

  it("keeps claims from the client that carries them", async () => {
    const env = await shared()
    const { token = "" } = await grant(env, ["mine"], ann)
    const parts = [token, rightsOf(token).ticket].flatMap((text) => text.split("."))
    expect(parts.map((part) => Buffer.from(part, "base64url").toString()).join()).not.toMatch(/canary/)
    expect(decode<object>(rightsOf(token).jwt).nats).toMatchObject({ allowed_connection_types: ["WEBSOCKET"] })
  })

  it("refuses a grant that the server would not read, and one whose group is a wildcard", async () => {
    const env = await shared()
    const many = Array.from({ length: 100 }, (_, n) => `group-${n}-${"x".repeat(40)}`)
    const { reason } = await run(
      Effect.flip(env.gateway.grant({ principal: { id: "ann" }, groups: many, ttlMillis: 60_000 }))
    )
    expect(reason).toMatchObject({
      _tag: "GatewayRefused",
      status: 431,
      remedy: expect.stringContaining("max_control_line")
    })
    await run(Effect.flip(env.gateway.grant({ principal: { id: "ann" }, groups: [">"], ttlMillis: 60_000 })))
  })

  it("opens a connection with as many groups as it grants", async () => {
    const env = await shared()
    const many = Array.from({ length: 26 }, (_, n) => `group-${n + 100}-${"x".repeat(33)}`)
    const { seen } = await open(env, many)
    await eventually(() => seen.opened + seen.closed.length > 0, "the connection opens")
    expect(seen.closed).toEqual([])
    await run(env.gateway.publish(many.at(-1)!, "{}"))
    await eventually(() => seen.frames.length > 0, "the frame arrives")
  })

  it("opens a connection with more groups where the server reads longer lines", async () => {
    const env = await start({ settings: ["max_control_line: 65536"], maxControlLineBytes: 65_536 })
    const many = Array.from({ length: 300 }, (_, n) => `group-${n}-${"x".repeat(33)}`)
    const { seen } = await open(env, many)
    await eventually(() => seen.opened + seen.closed.length > 0, "the connection opens")
    expect(seen).toMatchObject({ opened: 1, closed: [] })
  })

  it("refuses a frame above the server's own limit, with that limit", async () => {
    const env = await start({ settings: ["max_payload: 100000"] })
    const { reason } = await run(Effect.flip(env.gateway.publish("g", "x".repeat(100_001))))
    expect(reason).toMatchObject({ _tag: "FrameTooLarge", sizeBytes: 100_001, limitBytes: 100_000 })
    await run(env.gateway.publish("g", "x".repeat(100_000)))
  })

  it("fails at once while the server is gone, and publishes again when it is back", async () => {
    const env = await start()
    const { seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    await run(env.gateway.publish("mine", "{}"))
    await env.service.server.kill()
    await eventually(() => seen.closed.length > 0, "the client is told")
    const begin = performance.now()
    const { reason } = await run(Effect.flip(env.gateway.publish("mine", "{}")))
    expect([reason._tag, performance.now() - begin < 1_000]).toEqual(["GatewayUnavailable", true])
    const late = await open(env)
    await eventually(() => late.seen.closed.length > 0, "a connection is refused")
    await env.service.server.start()
    const again = await open(env)
    await eventually(() => again.seen.opened > 0, "the connection opens again")
    await run(env.gateway.publish("mine", "{}"))
    await eventually(() => again.seen.frames.length > 0, "the frame arrives")
    expect([seen.closed.length, late.seen.closed.length, late.seen.opened]).toEqual([1, 1, 0])
  })

  it("keeps its time limits while the server stands still", async () => {
    const env = await start({ timeoutMillis: 300 })
    await run(env.gateway.publish("mine", "{}"))
    await env.service.server.freeze()
    closers.push(() => env.service.server.thaw())
    for (const _ of [1, 2]) {
      const begin = performance.now()
      const { reason } = await run(Effect.flip(env.gateway.publish("mine", "{}")))
      expect([reason._tag, performance.now() - begin < 2_000]).toEqual(["GatewayUnavailable", true])
    }
    const { seen } = await open(env, ["mine"], { connectMillis: 300 })
    await eventually(() => seen.closed.length > 0, "the client gives up")
    expect(seen).toMatchObject({ opened: 0, closed: [expect.stringMatching(/300 ms|timeout/i)] })
  })

  it("reports a token that is none, and a server that is none, once", async () => {
    const env = await shared()
    for (const granted of [
      { url: env.service.server.wsUrl, token: "garbage" },
      { url: env.service.server.wsUrl },
      { ...(await grant(env)), url: env.service.server.url.replace("nats", "ws") }
    ]) {
      const { seen } = attach(env, granted)
      await eventually(() => seen.closed.length > 0, "the refusal")
      expect([seen.opened, seen.closed.length]).toEqual([0, 1])
    }
  })

  it("ends a connection when its token ends, and tells the backend", async () => {
    const env = await shared()
    const events: UpstreamEvent[] = []
    env.onUpstream((event) => Effect.sync(() => void events.push(event)))
    const granted = await run(env.gateway.grant({ principal: ann, groups: ["mine"], ttlMillis: 1_500 }))
    const { seen } = attach(env, granted)
    await eventually(() => seen.opened > 0, "the connection opens")
    await eventually(() => seen.closed.length > 0, "the connection ends")
    expect(seen.closed).toEqual([expect.stringMatching(/expired/i)])
    await eventually(() => events.some(({ type }) => type === "disconnected"), "the backend is told")
    expect(events.find(({ type }) => type === "disconnected")?.principal).toEqual(ann)
  })

  it("says nothing secret in its errors", async () => {
    const env = await start()
    const foreign = await run(Effect.flip(env.foreign.publish("g", "{}")))
    expect(foreign.reason).toMatchObject({
      _tag: "GatewayRefused",
      status: 401,
      remedy: expect.stringContaining("signingSeed")
    })
    await env.service.server.kill()
    const gone = await run(Effect.flip(env.gateway.publish("g", "{}")))
    for (const error of [foreign, gone])
      expect(inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)).not.toMatch(
        /SA[A-Z2-7]{50}|SU[A-Z2-7]{50}|eyJ|thirty-two/
      )
  })
})

describe.skipIf(whyNatsIsMissing !== undefined)("the way back over NATS", () => {
  const listenUp = (env: Env) => {
    const events: UpstreamEvent[] = []
    env.onUpstream((event) => Effect.sync(() => (event.type === "event" && events.push(event), { ok: true })))
    return events
  }

  it("rejects at once where no bridge runs", async () => {
    const env = await start({ bridge: false })
    const { connection, seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    const begin = performance.now()
    await expect(connection.invoke!("interrupt", null, { timeoutMillis: 5_000 })).rejects.toThrow(/respon/i)
    expect(performance.now() - begin).toBeLessThan(1_000)
    const bridge = await env.service.startBridge()
    closers.push(bridge.close)
    listenUp(env)
    expect(await connection.invoke!("interrupt", null, { timeoutMillis: 5_000 })).toEqual({ ok: true })
  })

  it("hands each event to one of many bridges", async () => {
    const env = await start()
    const other = await env.service.startBridge()
    closers.push(other.close)
    const events = listenUp(env)
    const { connection, seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    for (let n = 0; n < 20; n++) await connection.invoke!("interrupt", n, { timeoutMillis: 5_000 })
    expect(events.map((event) => event.type === "event" && event.data)).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  it("takes a ticket only from its owner", async () => {
    const env = await shared()
    const events = listenUp(env)
    const [mine, hers] = [await dial(env, ["mine"], { id: "bob" }), await dial(env, ["hers"], ann)]
    const ask = async (ticket: unknown, event: unknown = "interrupt") =>
      (
        await mine.connection.request(mine.rights.up, JSON.stringify({ ticket, event, data: 1 }), { timeout: 5_000 })
      ).json<FromBridge>()
    for (const ticket of [hers.rights.ticket, "garbage", undefined, 5])
      expect(await ask(ticket)).toEqual({ failed: expect.stringContaining("ticket") })
    expect(await ask(mine.rights.ticket, "")).toEqual({ failed: expect.stringContaining("event") })
    expect(events).toEqual([])
    expect(await ask(mine.rights.ticket)).toEqual({ reply: { ok: true } })
    expect(events).toMatchObject([{ principal: { id: "bob" } }])
  })

  it("replies to nobody but who asked, whatever reply subject a client names", async () => {
    const env = await shared()
    const events = listenUp(env)
    const { connection, rights } = await dial(env, ["mine"], { id: "bob" })
    const { connection: victim, rights: hers } = await dial(env, ["mine"], ann)
    const heard: string[] = []
    for (const subject of ["throughline.group.mine", `${hers.inbox}.>`])
      victim.subscribe(subject, { callback: (_, message) => void heard.push(message.string()) })
    await victim.flush()
    const body = JSON.stringify({ ticket: rights.ticket, event: "interrupt", data: 1 })
    for (const reply of ["throughline.group.mine", `${hers.inbox}.x`, `${rights.inbox}x.y`])
      connection.publish(rights.up, body, { reply })
    connection.publish(rights.up, body)
    // the bridge takes them in order
    await connection.request(rights.up, body, { timeout: 5_000 })
    await run(env.gateway.publish("mine", "{}"))
    await eventually(() => heard.includes("{}"), "the frame arrives")
    expect([heard, events.length]).toEqual([["{}"], 1])
  })

  it("survives what is no event, and goes on", async () => {
    const env = await shared()
    listenUp(env)
    const { connection, rights } = await dial(env)
    for (const body of ["", "{", "null", "[]", '"text"', "\ufeff", "{}"]) {
      const answer = await connection.request(rights.up, body, { timeout: 5_000 })
      expect(answer.json()).toEqual({ failed: expect.any(String) })
    }
    const good = JSON.stringify({ ticket: rights.ticket, event: "interrupt" })
    expect((await connection.request(rights.up, good, { timeout: 5_000 })).json()).toEqual({ reply: { ok: true } })
  })

  it("refuses more than sixteen invokes of one client at a time", async () => {
    const env = await shared()
    const waiting: (() => void)[] = []
    env.onUpstream(({ type }) =>
      type === "event"
        ? Effect.callback<undefined>((resume) => void waiting.push(() => resume(Effect.succeed(undefined))))
        : Effect.succeed(undefined)
    )
    const { connection, seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    const invoke = () => connection.invoke!("interrupt", null, { timeoutMillis: 5_000 })
    const asked = Array.from({ length: 16 }, invoke)
    await eventually(() => waiting.length === 16, "all are under way")
    await expect(invoke()).rejects.toThrow(/too many/)
    for (const answer of waiting.splice(0)) answer()
    await Promise.all(asked)
    const last = invoke()
    await eventually(() => waiting.length === 1, "the next is taken")
    waiting[0]!()
    await last
  })

  it("hears clients again after the server was gone", async () => {
    const env = await start()
    const events = listenUp(env)
    await env.service.server.kill()
    await env.service.server.start()
    const { connection, seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    let reply: unknown
    while (reply === undefined)
      reply = await connection.invoke!("interrupt", null, { timeoutMillis: 5_000 }).catch(() => undefined)
    expect([reply, events.length]).toEqual([{ ok: true }, 1])
  })

  it("does not start with credentials that are not the server's, or with none, and shows neither", async () => {
    const env = await start({ bridge: false })
    const { accounts, server, upstream } = env.service
    const good = { servers: server.url, credentials: accounts.bridgeCredentials, key: NATS_KEY, upstream }
    const other = await makeAccounts()
    for (const [wrong, says] of [
      [{ credentials: other.bridgeCredentials }, /Authorization/],
      [{ systemCredentials: other.systemCredentials }, /Authorization/],
      [{ credentials: "canary" }, /credentials/],
      [{ key: "canary" }, /32 characters/],
      [{ otherKey: "canary" }, /otherKey/],
      [{ upstream: "canary" }, /upstream/]
    ] as const) {
      const problem = await startNatsBridge({ ...good, ...wrong }).then(
        () => new Error("it started"),
        (cause: unknown) => cause as Error
      )
      expect(problem.message).toMatch(says)
      expect(inspect(problem, { depth: 9 })).not.toMatch(/canary|SU[A-Z2-7]{50}|eyJ/)
    }
  })

  it("serves backends with either of its keys", async () => {
    const env = await start({ bridge: false })
    const { accounts, server, upstream } = env.service
    const bridge = await startNatsBridge({
      servers: server.url,
      credentials: accounts.bridgeCredentials,
      key: "another".repeat(6),
      otherKey: NATS_KEY,
      upstream
    })
    closers.push(bridge.close)
    const events = listenUp(env)
    const { connection, seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    expect(await connection.invoke!("interrupt", 1, { timeoutMillis: 5_000 })).toEqual({ ok: true })
    expect(events).toHaveLength(1)
  })

  it("runs as a process, says when it is ready, and ends on SIGTERM", async () => {
    const env = await start({ bridge: false })
    listenUp(env)
    const { accounts, server, upstream } = env.service
    const [creds, system] = [join(server.folder, "bridge.creds"), join(server.folder, "system.creds")]
    writeFileSync(creds, accounts.bridgeCredentials)
    writeFileSync(system, accounts.systemCredentials)
    const child = spawn(
      process.execPath,
      [
        ...["adapters/gateways/nats/main.ts", "--server", server.url, "--credentials", creds],
        ...["--system-credentials", system, "--upstream", upstream]
      ],
      { env: { ...process.env, THROUGHLINE_NATS_KEY: NATS_KEY }, stdio: ["ignore", "pipe", "inherit"] }
    )
    const [line] = (await once(child.stdout, "data")) as [Buffer]
    expect(JSON.parse(String(line))).toEqual({ ready: true })
    const { connection, seen } = await open(env)
    await eventually(() => seen.opened > 0, "the connection opens")
    expect(await connection.invoke!("interrupt", 1, { timeoutMillis: 5_000 })).toEqual({ ok: true })
    child.kill("SIGTERM")
    expect(await once(child, "exit")).toEqual([0, null])
  })
})
