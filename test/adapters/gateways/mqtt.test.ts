import { spawn } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import mqtt, { type IClientOptions, type MqttClient } from "mqtt"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { startMqttBridge } from "../../../adapters/gateways/mqtt/bridge.ts"
import { mqttClient } from "../../../adapters/gateways/mqtt/client.ts"
import type { Control } from "../../../adapters/gateways/mqtt/control.ts"
import { makeDynamicSecurity } from "../../../adapters/gateways/mqtt/dynsec.ts"
import { mqttGateway, type MqttGatewayOptions } from "../../../adapters/gateways/mqtt/server.ts"
import type { Token } from "../../../adapters/gateways/mqtt/wire.ts"
import { connect, eventually, failure, watching, type Watcher } from "../../../src/conformance/gatewayCase.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import { build, type RunningEnv } from "./environments/environment.ts"
import { mosquittoMissing, MQTT_KEY, PASSWORDS, startMqtt, type Mosquitto } from "./environments/mqtt.ts"

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const options = (service: { readonly mqtt: string; readonly ws: string }): MqttGatewayOptions => ({
  url: service.mqtt,
  clientUrl: service.ws,
  username: "throughline-backend",
  password: PASSWORDS.backend,
  key: MQTT_KEY
})
const built = async (given: MqttGatewayOptions): Promise<GatewayService> => {
  const { close, gateway } = await build(mqttGateway(given))
  closers.push(close)
  return gateway
}
const nowhere = { mqtt: "mqtt://127.0.0.1:1", ws: "ws://127.0.0.1:1" }
const granted = async (gateway: GatewayService, id: string, groups: string[], ttlMillis = 60_000) => {
  const { token = "" } = await Effect.runPromise(gateway.grant({ principal: { id }, groups, ttlMillis }))
  return JSON.parse(token) as Token
}
/** A client of the broker that does what it wants. */
const raw = async (
  url: string,
  { clientId, password, username }: Token,
  more: IClientOptions = {}
): Promise<MqttClient> => {
  const client = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0, clientId, username, password, ...more })
  closers.push(() => client.end(true))
  await new Promise((resolve, reject) => client.on("connect", resolve).on("error", reject).on("close", reject))
  return client
}
const codeOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => "done",
    (cause: { code?: number; packet?: { granted?: number[] } }) => cause.code ?? cause.packet?.granted?.[0]
  )
const messageTo = (client: MqttClient) =>
  new Promise<{ topic: string; text: string; correlation: string }>((resolve) =>
    client.once("message", (topic, payload, { properties }) =>
      resolve({ topic, text: String(payload), correlation: String(properties?.correlationData) })
    )
  )
const NOT_AUTHORIZED = 135
const publish = (gateway: GatewayService, group: string, frame: string) =>
  Effect.runPromise(gateway.publish(group, frame))

describe("the options of the MQTT gateway", () => {
  it.each<[string, Partial<MqttGatewayOptions>, RegExp]>([
    ["a url of another kind", { url: "http://broker" }, /url/],
    ["a url with a user in it", { url: "mqtt://ann:secret@broker" }, /^url must not contain a user(?!.*secret)/],
    ["a clientUrl that browsers cannot use", { clientUrl: "mqtt://broker" }, /clientUrl/],
    ["no password", { password: "" }, /password/],
    ["a short key", { key: "short" }, /key.*32/],
    ["a prefix of several levels", { prefix: "a/b" }, /prefix/],
    ["a wildcard as prefix", { prefix: "#" }, /prefix/],
    ["a tiny frame", { maxFrameBytes: 10 }, /maxFrameBytes/],
    ["nothing under way", { maxInFlight: 0 }, /maxInFlight/]
  ])("are refused at once with %s", (_what, wrong, message) => {
    expect(() => mqttGateway({ ...options(nowhere), ...wrong })).toThrow(message)
    expect(() => mqttGateway(options(nowhere))).not.toThrow()
  })

  it("of a bridge are refused as well", async () => {
    const right = { url: nowhere.mqtt, username: "b", password: "p", key: MQTT_KEY, upstream: "http://backend" }
    for (const [wrong, message] of [
      [{ upstream: "" }, /upstream/],
      [{ url: "http://broker" }, /url/],
      [{ key: "short" }, /key/],
      [{ otherKey: "short" }, /otherKey/]
    ] as const)
      await expect(startMqttBridge({ ...right, ...wrong })).rejects.toThrow(message)
    await expect(startMqttBridge(right)).rejects.toMatchObject({ _tag: "GatewayUnavailable" })
  })
})

/** A broker of a few bytes: what it says to CONNECT, and the reason code of each PUBACK; `undefined`: nothing. */
const startStub = async (connack: Buffer | undefined, puback?: number) => {
  const server = net.createServer((socket) => {
    socket.on("error", () => {})
    socket.on("data", (bytes: Buffer) => {
      if (bytes[0] === 0x10 && connack) socket.write(connack)
      if (bytes[0] === 0x32 && puback !== undefined) {
        const id = 4 + bytes.readUInt16BE(2)
        socket.write(Buffer.from([0x40, 3, bytes[id]!, bytes[id + 1]!, puback]))
      }
    })
    closers.push(() => socket.destroy())
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  closers.push(() => server.close())
  return `mqtt://127.0.0.1:${(server.address() as net.AddressInfo).port}`
}
const connackOf = (reason: number) => Buffer.from([0x20, 3, 0, reason, 0])
const WELCOME = connackOf(0)

describe("a publish over MQTT", () => {
  it.each<[string, Buffer | undefined, number | undefined, object]>([
    ["does not answer", undefined, undefined, { _tag: "GatewayUnavailable" }],
    ["answers nonsense", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), undefined, { _tag: "GatewayUnavailable" }],
    ["refuses the user", connackOf(0x86), undefined, { _tag: "GatewayRefused", status: 0x86 }],
    [
      "is asked to connect too often",
      connackOf(0x9f),
      undefined,
      { _tag: "GatewayThrottled", retryAfterMillis: 1_000 }
    ],
    ["is busy", connackOf(0x89), undefined, { _tag: "GatewayUnavailable" }],
    ["never confirms", WELCOME, undefined, { _tag: "GatewayUnavailable" }],
    ["refuses the topic", WELCOME, 0x87, { _tag: "GatewayRefused", status: 0x87 }],
    ["is over its quota", WELCOME, 0x97, { _tag: "GatewayThrottled" }],
    ["fails", WELCOME, 0x80, { _tag: "GatewayUnavailable" }]
  ])("fails with the right reason when the broker %s", async (_what, connack, puback, reason) => {
    const gateway = await built({
      ...options({ ...nowhere, mqtt: await startStub(connack, puback) }),
      timeoutMillis: 300
    })
    const error = await failure(gateway.publish("g", "{}"), "publish")
    expect(error.reason).toMatchObject(reason)
    const said = error.message + JSON.stringify(error) + String((error.reason as { cause?: unknown }).cause)
    expect(said).not.toContain(PASSWORDS.backend)
    expect(said).not.toContain(MQTT_KEY)
  })

  it("fails when there is no broker, and so do a grant and a subscription", async () => {
    const gateway = await built(options(nowhere))
    const refused = { reason: { _tag: "GatewayUnavailable" } }
    expect(await failure(gateway.publish("g", "{}"), "publish")).toMatchObject({ operation: "publish", ...refused })
    expect(
      await failure(gateway.grant({ principal: { id: "ann" }, groups: ["g"], ttlMillis: 1_000 }), "grant")
    ).toMatchObject({ operation: "grant", ...refused })
    const listening = Effect.scoped(gateway.subscribe!({ onFrame: () => {}, onReset: () => {} }))
    expect(await failure(listening, "subscribe")).toMatchObject({ operation: "subscribe", ...refused })
  })

  it("says which package is missing", async () => {
    const program = `
      import { registerHooks } from "node:module"
      registerHooks({
        resolve: (name, context, next) => {
          if (name === "mqtt") throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })
          return next(name, context)
        }
      })
      const { openLine } = await import("./adapters/gateways/mqtt/line.ts")
      await openLine({ url: "mqtt://127.0.0.1:1", username: "u", password: "p", role: "r", timeoutMillis: 1000 }).catch(
        ({ _tag, remedy }) => console.log(_tag, remedy)
      )`
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program])
    let said = ""
    child.stdout.on("data", (text) => (said += String(text)))
    await once(child, "close")
    expect(said).toMatch(/^GatewayRefused .*npm install mqtt/)
  })
})

describe("the clients of the dynamic security plugin", () => {
  it("are removed at the end of their grant, and again until the broker has done it", async () => {
    vi.useFakeTimers()
    closers.push(() => vi.useRealTimers())
    const asked: string[] = []
    let isThere = true
    const control: Control = {
      request: (commands) => {
        asked.push(commands.map(({ command }) => command).join())
        if (!isThere) return Promise.reject(new Error("away"))
        return Promise.resolve(commands.map(({ command }) => ({ command, data: { clients: [] } })))
      },
      close: () => {}
    }
    const dynsec = makeDynamicSecurity(control, "throughline", "secret")
    const rights = { clientId: "a", subscribe: [], publish: [], principal: { id: "ann" } }
    await dynsec.grant({ ...rights, expiresAt: Date.now() + 1_000 })
    isThere = false
    asked.length = 0
    await vi.advanceTimersByTimeAsync(999)
    expect(asked).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(asked).toEqual(["deleteClient,deleteRole"])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(asked).toHaveLength(2)
    isThere = true
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toHaveLength(3)
    await dynsec.grant({ ...rights, expiresAt: Date.now() + 1_000 })
    dynsec.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe.skipIf(mosquittoMissing !== undefined)(
  `the MQTT gateway with Mosquitto (${mosquittoMissing ?? "2.0"})`,
  () => {
    let env: RunningEnv<Mosquitto>
    beforeAll(async () => void (env = await startMqtt()), 60_000)
    afterAll(() => env?.close())
    const names = async () => (await env.service.dynsec("listClients")).trim().split("\n")

    it("gives a client no right but to hear its groups and to send its own events", async () => {
      const other = await granted(env.gateway, "bob", ["other"])
      const token = await granted(env.gateway, "ann", ["mine"])
      await watching(env, { groups: ["mine", "other"] }, async ({ frames }) => {
        const client = await raw(env.service.ws, token, {
          will: { topic: "throughline/g/mine", payload: Buffer.from("{}"), qos: 0, retain: false }
        })
        for (const topic of [
          "throughline/g/other",
          "throughline/g/+",
          "throughline/g/#",
          "#",
          "+/g/other",
          "$SYS/#",
          "$CONTROL/#",
          "$CONTROL/dynamic-security/v1/response",
          "throughline/up/+/+",
          token.up,
          other.up,
          `throughline/down/${other.clientId}`,
          "throughline/down/+",
          "$share/throughline/throughline/up/+/+",
          "$share/x/throughline/g/other"
        ])
          expect([topic, await codeOf(client.subscribeAsync(topic))]).toEqual([topic, NOT_AUTHORIZED])
        for (const topic of [
          "throughline/g/mine",
          "throughline/g/other",
          other.up,
          `throughline/down/${token.clientId}`,
          `throughline/down/${other.clientId}`,
          `throughline/up/${token.clientId}/made-up`,
          "$CONTROL/dynamic-security/v1",
          "anything"
        ])
          expect([topic, await codeOf(client.publishAsync(topic, "{}", { qos: 1 }))]).toEqual([topic, NOT_AUTHORIZED])
        expect(await codeOf(client.subscribeAsync("throughline/g/mine"))).toBe("done")
        expect(await codeOf(client.publishAsync(token.up, "{}", { qos: 1 }))).toBe("done")
        // and its last will says nothing either
        client.end(true)
        await publish(env.gateway, "mine", '{"last":1}')
        await eventually(() => frames.length > 0, "the frame arrives")
        expect(frames).toEqual(['{"last":1}'])
      })
      expect(await codeOf(raw(env.service.ws, { ...token, clientId: other.clientId }))).toBe(NOT_AUTHORIZED)
      expect(await codeOf(raw(env.service.ws, { ...token, password: other.password }))).toBe(NOT_AUTHORIZED)
    })

    it("answers an event on its sender's own topic, whatever topic it names", async () => {
      env.onUpstream(() => Effect.succeed({ ok: true }))
      const token = await granted(env.gateway, "ann", ["mine"])
      await watching(env, { groups: ["victims"] }, async ({ frames }) => {
        const client = await raw(env.service.ws, token)
        const down = `throughline/down/${token.clientId}`
        await client.subscribeAsync(down)
        const replied = messageTo(client)
        const properties = { responseTopic: "throughline/g/victims", correlationData: Buffer.from("7") }
        await client.publishAsync(token.up, '{"type":"event","name":"x","data":1}', { qos: 1, properties })
        expect(await replied).toEqual({ topic: down, text: '["reply",{"ok":true}]', correlation: "7" })
        await publish(env.gateway, "victims", "{}")
        await eventually(() => frames.length > 0, "the frame arrives")
        expect(frames).toEqual(["{}"])
      })
    })

    it.each<[string, string]>([
      ["that is no JSON", "{"],
      ["that is null", "null"],
      ["of an unknown type", '{"type":"publish","name":"x"}'],
      ["without a name", '{"type":"event"}'],
      ["with an endless name", JSON.stringify({ type: "event", name: "x".repeat(129) })],
      ["above the limit", JSON.stringify({ type: "event", name: "x", data: "x".repeat(70_000) })]
    ])("refuses an event %s and never hands it on", async (_what, text) => {
      let reached = 0
      env.onUpstream(({ type }) => Effect.sync(() => void (reached += Number(type === "event"))))
      const token = await granted(env.gateway, "ann", ["mine"])
      const client = await raw(env.service.direct, token)
      await client.subscribeAsync(`throughline/down/${token.clientId}`)
      const replied = messageTo(client)
      await client.publishAsync(token.up, text, { qos: 1, properties: { correlationData: Buffer.from("1") } })
      expect((await replied).text).toBe('["failed","the event is malformed or too large"]')
      expect(reached).toBe(0)
    })

    it("takes sixteen events of one client at a time, and refuses more at once", async () => {
      const taken: unknown[] = []
      env.onUpstream((event) => {
        if (event.type !== "event" || event.name !== "held") return Effect.succeed(undefined)
        taken.push(event.data)
        return Effect.never
      })
      const token = await granted(env.gateway, "ann", ["mine"])
      const client = await raw(env.service.direct, token)
      await client.subscribeAsync(`throughline/down/${token.clientId}`)
      const replies: string[] = []
      client.on("message", (_topic, payload) => replies.push(String(payload)))
      for (let n = 0; n < 20; n++) {
        const text = JSON.stringify({ type: "event", name: "held", data: n })
        client.publish(token.up, text, { qos: 1, properties: { correlationData: Buffer.from(String(n)) } })
      }
      await eventually(() => taken.length >= 16 && replies.length >= 4, "all are taken or refused")
      expect(taken.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 16 }, (_, n) => n))
      expect(replies).toEqual(Array(4).fill('["failed","too many events in flight"]'))
      env.onUpstream(() => Effect.succeed(undefined))
    })

    it("shares the events among bridges: each reaches the backend once", async () => {
      env.onUpstream(() => Effect.succeed({ ok: true }))
      const { origin } = new URL(env.calls[0]!.url)
      const second = await startMqttBridge({
        url: env.service.direct,
        username: "throughline-bridge",
        password: PASSWORDS.bridge,
        key: MQTT_KEY,
        upstream: `${origin}/upstream/mqtt`
      })
      closers.push(second.close)
      const before = env.calls.length
      await watching(env, { groups: ["shared"] }, async ({ connection }) => {
        for (let n = 0; n < 10; n++) await connection.invoke!("count", n, { timeoutMillis: 5_000 })
      })
      expect(env.calls.slice(before).filter(({ body }) => body.includes('"count"'))).toHaveLength(10)
    })

    it("goes on with its bridge after the broker cut it", async () => {
      env.onUpstream(() => Effect.succeed({ from: "the backend" }))
      const bare = await startMqtt({}, { bridged: false })
      closers.push(bare.close)
      const { origin } = new URL(env.calls[0]!.url)
      const bridge = await startMqttBridge({
        url: bare.service.mqtt,
        username: "throughline-bridge",
        password: PASSWORDS.bridge,
        key: MQTT_KEY,
        upstream: `${origin}/upstream/mqtt`
      })
      closers.push(bridge.close)
      bare.cut!()
      await watching(bare, { groups: ["g"] }, async ({ connection }) => {
        let reply: unknown
        const again = async (): Promise<void> => {
          reply = await connection.invoke!("x", null, { timeoutMillis: 2_000 }).catch(() => undefined)
          if (reply === undefined) await again()
        }
        await again()
        expect(reply).toEqual({ from: "the backend" })
      })
    }, 20_000)

    it("without a bridge an invoke fails at once", async () => {
      const bare = await startMqtt({}, { bridged: false })
      closers.push(bare.close)
      await watching(bare, { groups: ["g"] }, async ({ connection }) => {
        await expect(connection.invoke!("x", null, { timeoutMillis: 60_000 })).rejects.toThrow(/no bridge/)
      })
    }, 20_000)

    it("ends a connection with its grant, and leaves nothing of it at the broker", async () => {
      const watcher = await connect(env, { groups: ["short"], ttlMillis: 1_500 })
      await eventually(() => watcher.opened() > 0, "the connection opens")
      await eventually(() => watcher.closed.length > 0, "the connection ends")
      expect(watcher.closed).toEqual(["the broker ended the connection (152)"])
      const roles = await env.service.dynsec("listRoles")
      const mine = (await names()).filter((name) => Number(name.split(".")[1]) < Date.now())
      expect([mine, mine.filter((name) => roles.includes(name))]).toEqual([[], []])
    })

    it("removes what other processes left behind, and nothing else", async () => {
      const past = `throughline.${Date.now() - 1_000}.tag.rest`
      const others = [`throughline.${Date.now() + 60_000}.tag.rest`, "throughliner.1.tag.rest", "somebody"]
      for (const name of [past, ...others]) {
        await env.service.dynsec("createRole", name)
        await env.service.dynsec("createClient", name, "-p", "password")
        await env.service.dynsec("addClientRole", name, name)
      }
      await granted(await built(options(env.service)), "ann", ["g"])
      while ((await names()).includes(past)) continue
      expect(await names()).toEqual(expect.arrayContaining(others))
      expect(await env.service.dynsec("listRoles")).not.toContain(past)
      for (const name of others) {
        await env.service.dynsec("deleteClient", name)
        await env.service.dynsec("deleteRole", name)
      }
    }, 20_000)

    it("keeps a revoked client from subscribing again, also where the plugin lets everyone receive", async () => {
      await env.service.dynsec("setDefaultACLAccess", "publishClientReceive", "allow")
      closers.push(() => env.service.dynsec("setDefaultACLAccess", "publishClientReceive", "deny"))
      const token = await granted(env.gateway, "ann", ["left", "kept"])
      const unconcerned = await granted(env.gateway, "ann", ["kept"])
      const client = await raw(env.service.direct, token)
      const heard: string[] = []
      client.on("message", (_topic, payload) => heard.push(String(payload)))
      await client.subscribeAsync(["throughline/g/left", "throughline/g/kept"])
      await Effect.runPromise(env.gateway.revoke!({ id: "ann" }, "left"))
      await publish(env.gateway, "left", "left")
      await publish(env.gateway, "kept", "kept")
      await eventually(() => heard.length > 0, "the other group goes on")
      expect(heard).toEqual(["kept"])
      expect(await codeOf(client.subscribeAsync("throughline/g/left"))).toBe(NOT_AUTHORIZED)
      expect(await env.service.dynsec("getRole", unconcerned.clientId)).not.toContain("deny")
    })

    it("says what to change when the backend's user is wrong, and grants nothing", async () => {
      const gateway = await built({ ...options(env.service), password: "wrong" })
      const grant = gateway.grant({ principal: { id: "ann" }, groups: ["g"], ttlMillis: 1_000 })
      const { reason } = await failure(grant, "grant")
      expect(reason).toMatchObject({ _tag: "GatewayRefused", remedy: expect.stringMatching(/mqttGateway\(\).*roles/) })
      const bridge = await built({
        ...options(env.service),
        username: "throughline-bridge",
        password: PASSWORDS.bridge
      })
      const without = bridge.grant({ principal: { id: "ann" }, groups: ["g"], ttlMillis: 1_000 })
      expect((await failure(without, "grant without the right")).reason).toMatchObject({
        _tag: "GatewayRefused",
        status: 135
      })
      const listening = bridge.subscribe!({ onFrame: () => {}, onReset: () => {} }).pipe(
        Effect.flatMap(({ join }) => join("g")),
        Effect.scoped
      )
      expect((await failure(listening, "join")).reason).toMatchObject({ _tag: "GatewayRefused", status: 135 })
    })

    it("asks `credentials` for rights where they are given, and claims no revoke", async () => {
      const asked: unknown[] = []
      const gateway = await built({
        ...options(env.service),
        credentials: async (rights) => {
          asked.push(rights)
          return { username: "ann", password: "a token" }
        }
      })
      const principal = { id: "ann", claims: { secret: "canary" } }
      const { expiresAt, token = "" } = await Effect.runPromise(
        gateway.grant({ principal, groups: ["a", "b"], ttlMillis: 60_000 })
      )
      const { clientId, password, up, username } = JSON.parse(token) as Token
      expect([username, password]).toEqual(["ann", "a token"])
      expect(asked).toEqual([
        {
          clientId,
          subscribe: ["throughline/g/a", "throughline/g/b", `throughline/down/${clientId}`],
          publish: [up],
          expiresAt,
          principal
        }
      ])
      expect(Buffer.from(up.split("/").at(-1)!.split(".").at(-2)!, "base64url").toString()).not.toContain("canary")
      expect([gateway.capabilities.revoke, gateway.revoke]).toEqual([false, undefined])
      const failing = await built({
        ...options(env.service),
        credentials: () => Promise.reject(new Error("no tokens"))
      })
      const grant = failing.grant({ principal, groups: ["a"], ttlMillis: 60_000 })
      expect((await failure(grant, "grant")).reason).toMatchObject({ _tag: "GatewayUnavailable" })
    })

    it("keeps the order of many frames at once, within what the broker takes", async () => {
      const sent = Array.from({ length: 500 }, (_, n) => JSON.stringify({ n }))
      await watching(env, { groups: ["many"] }, async ({ frames }: Watcher) => {
        await Promise.all(sent.map((frame) => publish(env.gateway, "many", frame)))
        await eventually(() => frames.length >= sent.length, "all frames arrive")
        expect(frames).toEqual(sent)
      })
    })

    it("takes the broker's own limit where that is smaller", async () => {
      const small = await startMqtt({}, { bridged: false, settings: ["max_packet_size 20000"] })
      closers.push(small.close)
      const { reason } = await failure(small.gateway.publish("g", `"${"x".repeat(30_000)}"`), "a large frame")
      expect(reason).toMatchObject({ _tag: "FrameTooLarge", sizeBytes: 30_002, limitBytes: 20_000 - 15 - 10 })
      const largest = `"${"x".repeat(20_000 - 15 - 10 - 2)}"`
      await watching(small, { groups: ["g"] }, async ({ frames }) => {
        await publish(small.gateway, "g", largest)
        await eventually(() => frames.length > 0, "the largest frame arrives")
        expect(frames[0] === largest).toBe(true)
      })
    }, 20_000)

    it("fails what is under way when the broker dies, and tells clients", async () => {
      const doomed = await startMqtt({}, { bridged: false })
      closers.push(doomed.close)
      const watcher = await connect(doomed, { groups: ["g"] })
      await eventually(() => watcher.opened() > 0, "the connection opens")
      await publish(doomed.gateway, "g", "{}")
      await doomed.service.kill()
      const { reason } = await failure(doomed.gateway.publish("g", "{}"), "publish")
      expect(reason._tag).toBe("GatewayUnavailable")
      await eventually(() => watcher.closed.length > 0, "the end is told")
      expect(watcher.closed).toHaveLength(1)
    }, 20_000)

    it("joins a group again after a cut, and refuses to join once closed", async () => {
      const scope = await Effect.runPromise(Scope.make())
      const heard: string[] = []
      let resets = 0
      const inbox = await Effect.runPromise(
        Scope.provide(
          env.gateway.subscribe!({ onFrame: (_group, frame) => heard.push(frame), onReset: () => resets++ }),
          scope
        )
      )
      env.cut!()
      // while there is no line
      await Effect.runPromise(inbox.join("late"))
      await eventually(() => resets > 0, "the reset")
      await publish(env.gateway, "late", "{}")
      await eventually(() => heard.length > 0, "the frame arrives")
      await Effect.runPromise(Scope.close(scope, Exit.void))
      expect(await failure(inbox.join("later"), "join after the end")).toMatchObject({ operation: "subscribe" })
    })

    it("says nothing of a token that is not its own", () => {
      const grant = {
        gateway: "mqtt",
        url: env.service.ws,
        token: "secret",
        groups: {},
        expiresAt: "",
        reconnectSpreadMillis: 0
      }
      const handlers = { onOpen() {}, onFrame() {}, onInterrupted() {}, onAlive() {}, onClosed() {} }
      expect(() => mqttClient().connect({ ...grant, upstream: false }, handlers)).toThrow(
        /^(?!.*secret).*not of the mqtt/
      )
    })

    it("runs its bridge as a process, which ends on SIGTERM", async () => {
      const child = spawn(
        process.execPath,
        [
          "adapters/gateways/mqtt/main.ts",
          "--url",
          env.service.direct,
          "--upstream",
          "http://127.0.0.1:1/upstream/mqtt"
        ],
        {
          env: { ...process.env, THROUGHLINE_MQTT_KEY: MQTT_KEY, THROUGHLINE_MQTT_PASSWORD: PASSWORDS.bridge },
          stdio: ["ignore", "pipe", "inherit"]
        }
      )
      const [line] = await once(child.stdout, "data")
      expect(JSON.parse(String(line))).toEqual({ listening: true })
      child.kill("SIGTERM")
      expect(await once(child, "exit")).toEqual([0, null])
    })

    it("lets a process end whose client and gateway are closed", async () => {
      const program = `
      import { mqttClient } from "./adapters/gateways/mqtt/client.ts"
      const grant = JSON.parse(process.env.GRANT)
      const connection = mqttClient().connect(grant, {
        onOpen: () => (console.log("open"), connection.close()),
        onFrame() {}, onInterrupted() {}, onAlive() {},
        onClosed: ({ message }) => console.log(message)
      })`
      const { token = "", url } = await Effect.runPromise(
        env.gateway.grant({ principal: { id: "ann" }, groups: ["g"], ttlMillis: 60_000 })
      )
      const grant = { gateway: "mqtt", url, token, groups: { g: "g" }, upstream: true }
      const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
        env: { ...process.env, GRANT: JSON.stringify(grant) }
      })
      let said = ""
      child.stdout.on("data", (text) => (said += String(text)))
      expect(await once(child, "close")).toEqual([0, null])
      expect(said).toBe("open\nclosed by the caller\n")
    })
  }
)
