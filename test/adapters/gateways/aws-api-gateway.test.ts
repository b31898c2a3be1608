import { spawnSync } from "node:child_process"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { GetItemCommand, PutItemCommand, ScanCommand } from "@aws-sdk/client-dynamodb"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { awsApiGatewayClient } from "../../../adapters/gateways/aws-api-gateway/client.ts"
import { awsWebSocketHandler, type AwsWebSocketEvent } from "../../../adapters/gateways/aws-api-gateway/lambda.ts"
import { makePosts } from "../../../adapters/gateways/aws-api-gateway/posts.ts"
import { awsApiGateway } from "../../../adapters/gateways/aws-api-gateway/server.ts"
import { deriveSecrets, sealTicket } from "../../../src/gateway/secrets.ts"
import type { GatewayService, UpstreamEvent } from "../../../src/ports/Gateway.ts"
import type { AwsFront } from "../awsFront.ts"
import { CREDENTIALS, REGION } from "../dynalite.ts"
import {
  AWS_KEY,
  awsApiGatewayMissing,
  startAwsApiGateway,
  TABLE,
  type AwsService
} from "./environments/aws-api-gateway.ts"
import { build, type RunningEnv } from "./environments/environment.ts"

const secrets = deriveSecrets("aws-api-gateway", AWS_KEY)
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const ticket = (groups: readonly string[] = ["g"], from = secrets, millis = 60_000) =>
  sealTicket(from, { principal: { id: "ann", claims: { level: 3 } }, groups }, Date.now() + millis)
const NAME = "throughline.v1"
const newGroup = () => `g-${crypto.randomUUID()}`

/** Whoever waits for something looks again whenever something came. */
const listening = () => {
  let wake = () => {}
  return {
    told: () => wake(),
    until: async (holds: () => boolean) => {
      while (!holds()) await new Promise<void>((resolve) => (wake = resolve))
    }
  }
}
/** A raw socket: what it received, and how it ended. */
const dial = (url: string, protocols: string[]) => {
  const socket = new WebSocket(url, protocols)
  closers.push(() => socket.terminate())
  const { told, until } = listening()
  const received: string[] = []
  socket.on("message", (data) => (received.push(String(data)), told()))
  socket.on("error", () => {})
  const opened = once(socket, "open")
  opened.catch(() => {})
  const refused = new Promise<number>((resolve) =>
    socket.on("unexpected-response", (request, response) => (request.destroy(), resolve(response.statusCode ?? 0)))
  )
  const say = (message: unknown) => socket.send(typeof message === "string" ? message : JSON.stringify(message))
  return { socket, received, opened, refused, say, until }
}
/** A client of ours, and everything it reports in order. */
const watch = (url: string, token: string) => {
  const { told, until } = listening()
  const heard: string[] = []
  const hear = (what: string) => (heard.push(what), told())
  const connection = awsApiGatewayClient().connect(
    { gateway: "aws-api-gateway", url, token, expiresAt: "", groups: {}, reconnectSpreadMillis: 0, upstream: true },
    {
      onOpen: () => hear("open"),
      onFrame: hear,
      onInterrupted: () => {},
      onAlive: () => {},
      onClosed: ({ message }) => hear(`closed: ${message}`)
    }
  )
  closers.push(connection.close)
  return { heard, connection, until: (last: RegExp) => until(() => last.test(heard.at(-1) ?? "")) }
}
const failureOf = async (effect: ReturnType<GatewayService["publish"]>) => {
  const result = await Effect.runPromise(Effect.result(effect))
  if (Result.isSuccess(result)) throw new Error("it did not fail")
  const { failure } = result
  expect(JSON.stringify(failure) + failure.message + String(failure.stack)).not.toMatch(/SECRET|secret-of|eyJ/)
  return failure.reason
}

describe.skipIf(awsApiGatewayMissing() !== undefined)("API Gateway, as serverless-offline has it", () => {
  let env: RunningEnv<AwsService>
  let url: string
  beforeAll(async () => {
    env = await startAwsApiGateway()
    url = env.service.options.url
  }, 120_000)
  afterAll(() => env?.close())
  const publish = (group: string, text: string) => Effect.runPromise(env.gateway.publish(group, text))
  const rows = async () => {
    const { Items = [] } = await env.service.dynalite.client.send(
      new ScanCommand({ TableName: TABLE, ConsistentRead: true })
    )
    return Items.map(({ pk, sk }) => `${pk?.S} ${sk?.S}`)
  }
  const watching = async (...groups: string[]) => {
    const watcher = watch(url, await ticket(groups))
    await watcher.until(/^open$/)
    return watcher
  }

  it("refuses a socket without a good token, and answers a good one with its subprotocol", async () => {
    const tokens: Record<string, string[]> = {
      "no subprotocol": [],
      "no token": [NAME],
      garbage: [NAME, "garbage"],
      expired: [NAME, await ticket(["g"], secrets, -2_000)],
      "of another key": [NAME, await ticket(["g"], deriveSecrets("aws-api-gateway", "x".repeat(32)))],
      "of another gateway": [NAME, await ticket(["g"], deriveSecrets("ws", AWS_KEY))],
      "another subprotocol": ["other", await ticket()]
    }
    for (const [what, protocols] of Object.entries(tokens))
      expect([what, await dial(url, protocols).refused]).toEqual([what, 401])
    const { opened, socket } = dial(url, [NAME, await ticket()])
    await opened
    expect(socket.protocol).toBe(NAME)
  })

  it("lets a client receive its own groups, and neither name others nor publish", async () => {
    const [mine, other] = [newGroup(), newGroup()]
    const { opened, received, say, until } = dial(url, [NAME, await ticket([mine])])
    await opened
    say({ action: "open", groups: [other], group: other })
    await until(() => received.length > 0)
    expect(received).toEqual([`["open"]`])
    // none of these is an action, and nothing answers them
    say({ action: "join", id: 1, group: other })
    say({ action: "publish", id: 2, group: mine, data: "{}" })
    say("no JSON")
    say({ action: "ping" })
    await until(() => received.length > 1)
    await publish(other, `{"to":"other"}`)
    await publish(mine, `{"to":"mine"}`)
    await until(() => received.length > 2)
    expect(received.slice(1)).toEqual([`["pong"]`, `{"to":"mine"}`])
  })

  it("brings events as the principal of the token, whoever a client says it is", async () => {
    const events: UpstreamEvent[] = []
    env.onUpstream((event) => Effect.sync(() => (event.type === "event" && events.push(event), null)))
    const { opened, received, say, until } = dial(url, [NAME, await ticket([newGroup()])])
    await opened
    say({ action: "invoke", id: 1, event: "interrupt", data: { a: 1 }, principal: { id: "eve" }, connection: "x" })
    await until(() => received.length > 0)
    expect(received).toEqual([`["reply",1,null]`])
    expect(events).toMatchObject([{ type: "event", name: "interrupt", principal: { id: "ann", claims: { level: 3 } } }])
    expect((await rows()).join()).toContain((events[0] as UpstreamEvent).connection)
    env.onUpstream(() => Effect.succeed(undefined))
  })

  it("posts nothing to a connection that is not open yet, so that it is not taken for gone", async () => {
    const group = newGroup()
    const { opened, received, say, until } = dial(url, [NAME, await ticket([group])])
    await opened
    const posts = env.service.api.seen.length
    await publish(group, `{"n":1}`)
    expect(env.service.api.seen.length).toBe(posts)
    say({ action: "open" })
    await until(() => received.length > 0)
    await publish(group, `{"n":2}`)
    await until(() => received.length > 1)
    expect(received).toEqual([`["open"]`, `{"n":2}`])
  })

  it("forgets a connection that a post finds gone, and reaches the others", async () => {
    const group = newGroup()
    const { heard, until } = await watching(group)
    const expiresAt = { N: String(Math.floor(Date.now() / 1000) + 3_600) }
    const stale = { groups: [group, "another"], principal: { id: "bob" } }
    const put = (pk: string, sk: string, more: object) =>
      env.service.dynalite.client.send(
        new PutItemCommand({ TableName: TABLE, Item: { pk: { S: pk }, sk: { S: sk }, expiresAt, ...more } })
      )
    await put("connection#stale", "connection", { ticket: { S: JSON.stringify(stale) } })
    await put(`group#${group}`, "stale", {})
    await put("group#another", "stale", {})
    await publish(group, `{"n":1}`)
    await until(/"n":1/)
    expect(heard).toEqual(["open", `{"n":1}`])
    expect((await rows()).filter((row) => row.includes("stale"))).toEqual([])
  })

  it("does not post to rows that have expired and that DynamoDB has not removed yet", async () => {
    const group = newGroup()
    const Item = { pk: { S: `group#${group}` }, sk: { S: "expired" }, expiresAt: { N: "1000" } }
    await env.service.dynalite.client.send(new PutItemCommand({ TableName: TABLE, Item }))
    const posts = env.service.api.seen.length
    await publish(group, "{}")
    expect(env.service.api.seen.length).toBe(posts)
  })

  it("removes every row of a connection that ends, and says who left", async () => {
    const left = new Promise<UpstreamEvent>((resolve) =>
      env.onUpstream((event) => Effect.sync(() => void (event.type === "disconnected" && resolve(event))))
    )
    const [one, two] = [newGroup(), newGroup()]
    const { connection } = await watching(one, two)
    const mine = (await rows()).filter((row) => row.startsWith(`group#${one}`) || row.startsWith(`group#${two}`))
    expect(mine).toHaveLength(2)
    connection.close()
    const event = await left
    expect(event.principal.id).toBe("ann")
    expect((await rows()).filter((row) => row.includes(event.connection))).toEqual([])
    env.onUpstream(() => Effect.succeed(undefined))
  })

  it("ends a client that the registry does not know any more at its next ping", async () => {
    const group = newGroup()
    const { connection, until } = await watching(group)
    env.service.api.faults.push({ status: 410, type: "GoneException" })
    await publish(group, "{}")
    connection.ping!()
    await until(/^closed: the gateway does not know/)
  })

  it("sends no message of more than 32 KB, which would end the connection", async () => {
    const { connection, heard } = await watching(newGroup())
    const long = connection.invoke!("interrupt", "漢".repeat(12_000), { timeoutMillis: 1_000 })
    await expect(long).rejects.toThrow("at most 32768 bytes")
    await expect(connection.invoke!("interrupt", null, { timeoutMillis: 5_000 })).resolves.toBeNull()
    expect(heard).toEqual(["open"])
  })

  it("keeps the key and the ticket out of the registry's keys, and lets rows expire after a connection must have ended", async () => {
    const group = newGroup()
    await watching(group)
    const row = (await rows()).find((one) => one.startsWith(`group#${group}`))!
    const [pk, sk] = row.split(" ")
    const { Item } = await env.service.dynalite.client.send(
      new GetItemCommand({ TableName: TABLE, Key: { pk: { S: pk! }, sk: { S: sk! } } })
    )
    expect(Object.keys(Item!).sort()).toEqual(["expiresAt", "pk", "sk", "who"])
    const lives = Number(Item!["expiresAt"]!.N) - Date.now() / 1000
    expect([lives > 7_200, lives < 8_000]).toEqual([true, true])
  })

  it("serves HTTP with the handler that everything else serves it with", async () => {
    const response = await fetch(`${env.service.httpUrl}/threads/a%20b/messages?after=1&x=%26`, {
      method: "POST",
      headers: { authorization: "Bearer t", "content-type": "application/json" },
      body: `{"text":"é 漢"}`
    })
    expect([response.status, response.headers.get("x-echo")]).toEqual([201, "yes"])
    const asked = (await response.json()) as { method: string; url: string; headers: object; body: string }
    expect(asked).toMatchObject({ method: "POST", body: `{"text":"é 漢"}`, headers: { authorization: "Bearer t" } })
    expect(new URL(asked.url).pathname + new URL(asked.url).search).toBe("/threads/a%20b/messages?after=1&x=%26")
  })

  describe("failures", () => {
    type Reason = Awaited<ReturnType<typeof failureOf>>
    const answered = (status: number, type: string) => ({ status, type })
    it.each<[string, "api" | "dynamo", AwsFront["faults"], Reason["_tag"], RegExp]>([
      ["a post is throttled", "api", [answered(429, "LimitExceededException")], "GatewayThrottled", /1000 ms/],
      ["a post is refused", "api", [answered(403, "ForbiddenException")], "GatewayRefused", /ManageConnections/],
      ["a post is too large", "api", [answered(413, "PayloadTooLargeException")], "FrameTooLarge", /accepts 131072/],
      ["API Gateway fails", "api", [answered(500, "InternalServerError")], "GatewayUnavailable", /./],
      ["API Gateway is cut off", "api", ["cut"], "GatewayUnavailable", /./],
      ["API Gateway does not answer", "api", ["hang"], "GatewayUnavailable", /./],
      ["the table is not allowed", "dynamo", [answered(400, "AccessDeniedException")], "GatewayRefused", /the table/],
      ["our key is unknown", "dynamo", [answered(400, "UnrecognizedClientException")], "GatewayRefused", /credentials/],
      [
        "our signature is wrong",
        "dynamo",
        [answered(400, "InvalidSignatureException")],
        "GatewayRefused",
        /credentials/
      ],
      [
        "there is no table",
        "dynamo",
        [answered(400, "ResourceNotFoundException")],
        "GatewayRefused",
        /no such `table`/
      ],
      [
        "the table is throttled",
        "dynamo",
        Array.from({ length: 3 }, () => answered(400, "ProvisionedThroughputExceededException")),
        "GatewayThrottled",
        /./
      ],
      ["DynamoDB does not answer", "dynamo", ["hang", "hang", "hang"], "GatewayUnavailable", /./]
    ])("are told apart, and what to change: %s", async (_what, where, faults, tag, says) => {
      const group = newGroup()
      const { until } = await watching(group)
      const { close, gateway } = await build(awsApiGateway({ ...env.service.options, timeoutMillis: 300 }))
      closers.push(close)
      env.service[where].faults.push(...faults)
      const reason = await failureOf(gateway.publish(group, "{}"))
      expect([reason._tag, reason.message]).toEqual([tag, expect.stringMatching(says)])
      expect(env.service[where].faults).toEqual([])
      // nothing was repeated, and nothing is broken by it
      await Effect.runPromise(gateway.publish(group, `{"after":1}`))
      await until(/after/)
    })

    it("of one connection alone neither throttle the group nor keep the others from their frame", async () => {
      const group = newGroup()
      const watchers = [await watching(group), await watching(group), await watching(group)]
      env.service.api.faults.push(answered(429, "LimitExceededException"))
      const reason = await failureOf(env.gateway.publish(group, `{"n":1}`))
      expect(reason._tag).toBe("GatewayUnavailable")
      await publish(group, `{"n":2}`)
      await Promise.all(watchers.map(({ until }) => until(/"n":2/)))
      expect(watchers.map(({ heard }) => heard.length).sort()).toEqual([2, 3, 3])
    })

    it("of a way that leads nowhere are told at once", async () => {
      const nowhere = { ...env.service.options, callbackUrl: "http://127.0.0.1:9", dynamodbUrl: "http://127.0.0.1:9" }
      const { close, gateway } = await build(awsApiGateway(nowhere))
      closers.push(close)
      expect((await failureOf(gateway.publish("g", "{}")))._tag).toBe("GatewayUnavailable")
      expect((await failureOf(gateway.revoke!({ id: "ann" }, "g")))._tag).toBe("GatewayUnavailable")
    })

    it("end with the publish that is interrupted", async () => {
      const group = newGroup()
      await watching(group)
      env.service.api.faults.push("hang")
      const posts = env.service.api.seen.length
      const fiber = Effect.runFork(env.gateway.publish(group, "{}"))
      while (env.service.api.seen.length === posts) await new Promise((resolve) => setImmediate(resolve))
      await Effect.runPromise(Fiber.interrupt(fiber))
      await publish(group, `{"after":1}`)
    })
  })

  describe("the function", () => {
    const event = (eventType: string, more: object = {}) =>
      ({ requestContext: { connectionId: "c1", eventType }, ...more }) as unknown as AwsWebSocketEvent
    const make = (options: object = {}) => {
      const backend = async (request: Request) => {
        const seen: UpstreamEvent[] = []
        const answer = env.gateway.upstream!(request, (one) => Effect.sync(() => (seen.push(one), { saw: one.type })))
        return Effect.runPromise(Effect.catch(answer, ({ status }) => Effect.succeed(new Response(null, { status }))))
      }
      const dynamodbUrl = env.service.dynalite.url
      const common = { key: AWS_KEY, table: TABLE, region: REGION, credentials: CREDENTIALS, dynamodbUrl }
      return awsWebSocketHandler({ ...common, backend, ...options })
    }
    const connect = async (token: string, header = "Sec-WebSocket-Protocol") =>
      event("CONNECT", { headers: { [header]: `${NAME}, ${token}` } })
    const message = (content: unknown) => event("MESSAGE", { body: JSON.stringify(content) })

    it("calls a backend that is in it, with a proof that the backend checks", async () => {
      const handle = make()
      expect(await handle(await connect(await ticket(), "sec-websocket-protocol"))).toMatchObject({ statusCode: 200 })
      expect(await handle(message({ action: "open" }))).toEqual({ statusCode: 200, body: `["open"]` })
      const invoke = message({ action: "invoke", id: 7, event: "interrupt", data: 1 })
      expect(await handle(invoke)).toEqual({ statusCode: 200, body: `["reply",7,{"saw":"event"}]` })
      const other = make({ key: "another key of thirty-two characters, not ours" })
      expect(await other(invoke)).toEqual({ statusCode: 200, body: `["failed",7,"the backend answered 401"]` })
      expect(await handle(event("DISCONNECT"))).toEqual({ statusCode: 200 })
      expect(await handle(invoke)).toEqual({ statusCode: 200, body: `["gone"]` })
    })

    it("takes tickets of either key, and signs with both, while keys are changed", async () => {
      const tomorrow = "the key of tomorrow, thirty-two characters"
      const handle = make({ key: tomorrow, otherKey: AWS_KEY })
      for (const from of [secrets, deriveSecrets("aws-api-gateway", tomorrow)]) {
        expect(await handle(await connect(await ticket(["g"], from)))).toMatchObject({ statusCode: 200 })
        const invoke = message({ action: "invoke", id: 1, event: "interrupt", data: null })
        expect(await handle(invoke)).toMatchObject({ body: `["reply",1,{"saw":"event"}]` })
      }
      await handle(event("DISCONNECT"))
    })

    it("answers nothing that is no message", async () => {
      const handle = make()
      await handle(await connect(await ticket()))
      const invoke = { action: "invoke", id: 1, event: "interrupt", data: null }
      const wrong = [
        { ...invoke, id: "1" },
        { ...invoke, event: "" },
        { ...invoke, event: "x".repeat(129) },
        null,
        [],
        1
      ]
      for (const one of wrong) expect([one, await handle(message(one))]).toEqual([one, { statusCode: 400 }])
      expect(await handle(event("MESSAGE", { body: "{" }))).toEqual({ statusCode: 400 })
      expect(await handle(event("MESSAGE", { body: "e30=", isBase64Encoded: true }))).toEqual({ statusCode: 400 })
      await handle(event("DISCONNECT"))
    })

    it("refuses a connection that it cannot write down", async () => {
      const handle = make({ table: "no-such-table" })
      await expect(handle(await connect(await ticket()))).rejects.toThrow()
    })
  })
})

describe("posts", () => {
  it("go to one connection one after the other, in the order they were asked for, and to others beside it", async () => {
    const began: string[] = []
    const waiting: (() => void)[] = []
    const post = (connection: string, text: string) => {
      began.push(`${connection} ${text}`)
      return new Promise<void>((resolve) => waiting.push(resolve))
    }
    const posts = makePosts(2)
    const send = (frame: string, ...members: string[]) =>
      posts.send({
        post,
        frame,
        members: (async function* () {
          yield members
        })(),
        signal: new AbortController().signal,
        onGone: async () => {}
      })
    const settled = () => new Promise((resolve) => setImmediate(resolve))
    const both = [send("first", "a", "b", "c"), send("second", "a")]
    await settled()
    expect(began).toEqual(["a first", "b first"])
    waiting.shift()!()
    await settled()
    expect(began).toEqual(["a first", "b first", "a second", "c first"])
    for (const done of waiting) done()
    expect(await Promise.all(both)).toEqual([undefined, undefined])
  })
})

describe("the API Gateway client", () => {
  const serve = async (onMessage: (say: (text: string) => void, message: { action: string; id: number }) => void) => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
    server.on("connection", (socket) =>
      socket.on("message", (data) => onMessage((text) => socket.send(text), JSON.parse(String(data))))
    )
    await once(server, "listening")
    closers.push(() => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    })
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const ERROR = JSON.stringify({ message: "Internal server error", connectionId: "a=", requestId: "b=" })

  it("ends where API Gateway answers for the function before it is open, and takes that for no frame", async () => {
    const { heard, until } = watch(await serve((say) => say(ERROR)), "t")
    await until(/closed/)
    expect(heard).toEqual(["closed: API Gateway answered: Internal server error"])
  })

  it("gives up what waits for a reply where API Gateway answers for the function, and stays", async () => {
    const url = await serve((say, { action }) => say(action === "invoke" ? ERROR : `["open"]`))
    const { connection, heard, until } = watch(url, "t")
    await until(/open/)
    await expect(connection.invoke!("interrupt", null, { timeoutMillis: 5_000 })).rejects.toThrow("Internal server")
    expect(heard).toEqual(["open"])
  })

  it("does not take a frame that speaks of errors for one", async () => {
    const frames = [`{"v":1,"message":"x","connectionId":"a","requestId":"b"}`, `{"requestId":"b"}`]
    const { heard, until } = watch(await serve((say) => [`["open"]`, ...frames, "nonsense", "[7]"].forEach(say)), "t")
    await until(/^\{"requestId/)
    expect(heard).toEqual(["open", ...frames])
  })

  it("ends at once where nobody is", async () => {
    const { heard, until } = watch("ws://127.0.0.1:9", "a-secret")
    await until(/closed/)
    expect(heard).toEqual(["closed: the connection was cut or refused"])
  })
})

describe("options that cannot be right", () => {
  const good = { url: "wss://abc123.execute-api.eu-central-1.amazonaws.com/live", key: AWS_KEY, table: TABLE }
  it.each<[string, object, RegExp]>([
    ["a short key", { key: "short" }, /^key must have at least 32/],
    ["an HTTP address for clients", { url: "https://g/live" }, /^url must be wss/],
    ["no address to post to", { callbackUrl: "g" }, /^callbackUrl must be https/],
    ["no table", { table: "" }, /^table must be/],
    ["no region", { url: "wss://chat.example.org" }, /^region must be given/],
    ["no address of DynamoDB", { dynamodbUrl: "dynamo" }, /^dynamodbUrl must be http/],
    ["no posts", { maxPosts: 0 }, /^maxPosts must be/]
  ])("are named: %s", (_what, wrong, message) => {
    expect(() => awsApiGateway(good)).not.toThrow()
    expect(() => awsApiGateway({ ...good, ...wrong })).toThrow(message)
    expect(() => awsApiGateway({ ...good, ...wrong })).toThrow(TypeError)
  })

  it.each(["@aws-sdk/client-dynamodb", "@aws-sdk/client-apigatewaymanagementapi"])(
    "say what to install where there is no %s",
    async (name) => {
      const server = new URL("../../../adapters/gateways/aws-api-gateway/server.ts", import.meta.url)
      const options = { ...good, credentials: CREDENTIALS }
      const program = `
        import { registerHooks } from "node:module"
        registerHooks({
          resolve: (specifier, context, next) => {
            if (specifier !== ${JSON.stringify(name)}) return next(specifier, context)
            throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })
          }
        })
        const { awsApiGateway } = await import(${JSON.stringify(server.href)})
        const Effect = await import("effect/Effect")
        const { Gateway } = await import(${JSON.stringify(new URL("../../../src/ports/Gateway.ts", import.meta.url).href)})
        const publish = Effect.flatMap(Gateway, (gateway) => gateway.publish("g", "{}"))
        const error = await Effect.runPromise(Effect.flip(Effect.provide(publish, awsApiGateway(${JSON.stringify(options)}))))
        console.log(error.reason._tag, error.message)`
      const child = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" })
      expect(child.stdout + child.stderr).toMatch(new RegExp(`^GatewayRefused .*npm install ${name}\n$`))
    }
  )
})
