import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import type { EventHandler } from "../../src/emulator/eventHandlers.ts"
import { connect, Inbox, onRelease, openSocket, rawUrl, release, RELIABLE, start } from "./parties.ts"

afterEach(release)

interface Call {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}
interface Reply {
  readonly status: number
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** A real HTTP server as event handler; `reply` answers what is not the OPTIONS handshake. */
const startHandler = async (reply: (call: Call) => Reply | Promise<Reply>, allow = true) => {
  const calls = new Inbox<Call>()
  const settings = { allow }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", async () => {
      const call: Call = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString()
      }
      calls.push(call)
      const agreement: Reply = settings.allow
        ? { status: 200, headers: { "WebHook-Allowed-Origin": "*" } }
        : { status: 403 }
      const { status, headers, body } = call.method === "OPTIONS" ? agreement : await reply(call)
      response.writeHead(status, headers ?? {}).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onRelease(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  )
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const handler: EventHandler = {
    urlTemplate: `${url}/hubs/{hub}/{event}?code=1`,
    userEventPattern: "*",
    systemEvents: ["connect", "connected", "disconnected"]
  }
  return { calls, handler, settings, url, posts: () => calls.items.filter(({ method }) => method === "POST") }
}

const json = { "Content-Type": "application/json" }

describe("the OPTIONS handshake", () => {
  it("names the service's origin and asks for {event} `validate`", async () => {
    const emulator = await start()
    const { calls, handler } = await startHandler(() => ({ status: 204 }))
    await emulator.setEventHandlers("chat", [handler])
    expect(calls.items).toHaveLength(1)
    expect(calls.items[0]).toMatchObject({ method: "OPTIONS", url: "/hubs/chat/validate?code=1" })
    expect(calls.items[0]!.headers).toMatchObject({
      "webhook-request-origin": `127.0.0.1:${emulator.port}`,
      "ce-awpsversion": "1.0"
    })
  })

  it("that fails is reported and blocks events, until the handler agrees", async () => {
    const reports: unknown[] = []
    const emulator = await start({ log: (line) => reports.push(line["event"]) })
    const { handler, settings, posts } = await startHandler(() => ({ status: 200, headers: json, body: "1" }), false)
    const events = { ...handler, systemEvents: [] }
    await expect(emulator.setEventHandlers("chat", [events])).rejects.toMatchObject({ name: "EventHandlerRefused" })
    const { client } = await connect(emulator)
    await expect(client.invokeEvent("ask", "x", "text")).rejects.toMatchObject({
      errorDetail: { name: "InvocationFailed" }
    })
    expect(posts()).toEqual([])
    expect(reports).toContain("eventHandler.refused")
    settings.allow = true
    await expect
      .poll(() => client.invokeEvent("ask", "x", "text").catch(() => undefined), { interval: 200, timeout: 5_000 })
      .toMatchObject({ data: 1 })
  })
})

describe("connect", () => {
  it("blocks the handshake and may give user, groups, roles and state; connected and disconnected follow", async () => {
    const emulator = await start()
    const { calls, handler, posts } = await startHandler(({ headers }) =>
      headers["ce-eventname"] === "connect"
        ? {
            status: 200,
            headers: { ...json, "ce-connectionState": "c3RhdGU=" },
            body: JSON.stringify({ userId: "given", groups: ["thread"], roles: ["webpubsub.sendToGroup.thread"] })
          }
        : { status: 200 }
    )
    await emulator.setEventHandlers("chat", [handler])
    const { client, connectionId } = await connect(emulator, { userId: "asked", groups: ["own"] })
    const [info] = emulator.connections("chat")
    expect(info).toMatchObject({ connectionId, userId: "given", groups: ["own", "thread"] })
    await client.sendToGroup("thread", "x", "text")
    client.stop()
    await calls.until((all) => all.some(({ headers }) => headers["ce-eventname"] === "disconnected"))
    const [connectCall, connectedCall, disconnectedCall] = posts()
    expect(JSON.parse(connectCall!.body)).toMatchObject({
      claims: { sub: ["asked"], "webpubsub.group": ["own"] },
      query: { access_token: [expect.any(String)] },
      subprotocols: [RELIABLE],
      clientCertificates: []
    })
    expect(connectCall!.headers).toMatchObject({ "ce-type": "azure.webpubsub.sys.connect", "ce-userid": "asked" })
    expect(connectedCall!.headers).toMatchObject({
      "ce-type": "azure.webpubsub.sys.connected",
      "ce-userid": "given",
      "ce-connectionstate": "c3RhdGU="
    })
    expect(disconnectedCall!.headers["ce-connectionid"]).toBe(connectionId)
    expect(JSON.parse(disconnectedCall!.body)).toEqual({ reason: expect.any(String) })
  })

  it("refuses the handshake with the handler's own 4xx, and with 500 when the handler fails", async () => {
    const emulator = await start()
    let status = 403
    const { handler } = await startHandler(() => ({ status }))
    await emulator.setEventHandlers("chat", [handler])
    await expect(openSocket(await rawUrl(emulator), RELIABLE)).rejects.toThrow("refused with 403")
    status = 502
    await expect(openSocket(await rawUrl(emulator), RELIABLE)).rejects.toThrow("refused with 500")
    expect(emulator.connections("chat")).toEqual([])
  })

  it("that never answers does not keep the emulator from closing", async () => {
    const emulator = await start()
    const never = new Inbox<true>()
    const { handler, calls } = await startHandler(async () => {
      await never.count(1)
      return { status: 204 }
    })
    await emulator.setEventHandlers("chat", [handler])
    const attempt = openSocket(await rawUrl(emulator), RELIABLE).catch(String)
    await calls.until((all) => all.some(({ method }) => method === "POST"))
    await emulator.close()
    expect(await attempt).toContain("socket hang up")
    never.push(true)
  })

  it("chooses among several subprotocols, only one that was offered", async () => {
    const emulator = await start()
    let subprotocol = "mine.v2"
    const { handler } = await startHandler(() => ({
      status: 200,
      headers: json,
      body: JSON.stringify({ subprotocol })
    }))
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: ["connect"] }])
    const raw = await openSocket(await rawUrl(emulator), ["mine.v1", "mine.v2"])
    expect(raw.socket.protocol).toBe("mine.v2")
    subprotocol = "other"
    await expect(openSocket(await rawUrl(emulator), ["mine.v1", "mine.v2"])).rejects.toThrow("refused with 500")
  })
})

describe("a user event", () => {
  it("is a signed CloudEvent with the client's data, and its reply comes back from the server before the ack", async () => {
    const emulator = await start({ secondaryAccessKey: "second" })
    const { handler, posts } = await startHandler(({ body }) => ({
      status: 200,
      headers: json,
      body: `{"got":${body}}`
    }))
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const { client, received, connectionId } = await connect(emulator, { userId: "zoë" })
    await client.sendEvent("cancel", { run: 1 }, "json")
    expect(received.items).toEqual([{ got: { run: 1 } }])
    const hmac = (key: string): string => `sha256=${createHmac("sha256", key).update(connectionId).digest("hex")}`
    expect(posts()[0]).toMatchObject({
      url: "/hubs/chat/cancel?code=1",
      body: '{"run":1}',
      headers: {
        "content-type": "application/json; charset=utf-8",
        "ce-specversion": "1.0",
        "ce-type": "azure.webpubsub.user.cancel",
        "ce-source": `/hubs/chat/client/${connectionId}`,
        "ce-signature": `${hmac(emulator.accessKey)},${hmac("second")}`,
        "ce-connectionid": connectionId,
        "ce-hub": "chat",
        "ce-eventname": "cancel",
        "ce-userid": "zo%C3%AB",
        "ce-subprotocol": RELIABLE,
        "ce-awpsversion": "1.0",
        "webhook-request-origin": `127.0.0.1:${emulator.port}`
      }
    })
    expect(Date.parse(String(posts()[0]!.headers["ce-time"]))).toBeGreaterThan(Date.now() - 60_000)
    expect(posts()[0]!.headers["ce-id"]).toBeTruthy()
  })

  it("carries the connection's state, which each reply may replace", async () => {
    const emulator = await start()
    let count = 0
    const { handler, posts } = await startHandler(() =>
      ++count === 3
        ? { status: 204 }
        : { status: 204, headers: { "ce-connectionState": Buffer.from(`{"n":${count}}`).toString("base64") } }
    )
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const { client } = await connect(emulator)
    for (let i = 0; i < 4; i++) await client.sendEvent("e", "x", "text")
    expect(posts().map(({ headers }) => headers["ce-connectionstate"] ?? "none")).toEqual([
      "none",
      "eyJuIjoxfQ==",
      "eyJuIjoyfQ==",
      "eyJuIjoyfQ=="
    ])
  })

  it("waits for the one before it on the same connection, and for no other's", async () => {
    const emulator = await start()
    const gate = new Inbox<true>()
    const seen: string[] = []
    const { handler, calls } = await startHandler(async ({ body }) => {
      seen.push(body)
      if (body === "slow") await gate.count(1)
      return { status: 204 }
    })
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const [ann, bob] = [await connect(emulator), await connect(emulator)]
    const first = ann.client.sendEvent("e", "slow", "text")
    await calls.until((all) => all.some(({ body }) => body === "slow"))
    const second = ann.client.sendEvent("e", "after", "text")
    await bob.client.sendEvent("e", "bob", "text")
    expect(seen).toEqual(["slow", "bob"])
    gate.push(true)
    await Promise.all([first, second])
    expect(seen).toEqual(["slow", "bob", "after"])
  })

  it("goes to the first handler that names it, and fails when none does", async () => {
    const emulator = await start()
    const [one, two] = [await startHandler(() => ({ status: 204 })), await startHandler(() => ({ status: 204 }))]
    await emulator.setEventHandlers("chat", [
      { ...one.handler, userEventPattern: "a, b", systemEvents: [] },
      { ...two.handler, userEventPattern: "b,c", systemEvents: [] }
    ])
    const { client } = await connect(emulator)
    for (const name of ["a", "b", "c"]) await client.sendEvent(name, "x", "text")
    await expect(client.sendEvent("d", "x", "text")).rejects.toMatchObject({
      errorDetail: { name: "InvocationFailed" }
    })
    const names = (posts: readonly Call[]) => posts.map(({ headers }) => headers["ce-eventname"])
    expect([names(one.posts()), names(two.posts())]).toEqual([["a", "b"], ["c"]])
  })

  it("that the handler refuses fails its ack; without an ackId it ends the connection", async () => {
    const emulator = await start()
    const { handler } = await startHandler(() => ({ status: 500 }))
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const { client, disconnected, connected } = await connect(emulator)
    await expect(client.sendEvent("e", "x", "text")).rejects.toMatchObject({
      errorDetail: { name: "InvocationFailed" }
    })
    expect(connected.items).toHaveLength(1)
    await client.sendEvent("e", "x", "text", { fireAndForget: true })
    expect(await disconnected.count(1)).toEqual([expect.stringContaining("answered 500")])
  })

  it("may wait with 1,000 others for a slow handler; one more ends the connection with the reason", async () => {
    const emulator = await start()
    const never = new Inbox<true>()
    const { handler, posts } = await startHandler(async () => {
      await never.count(1)
      return { status: 204 }
    })
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const raw = await openSocket(await rawUrl(emulator), RELIABLE)
    for (let i = 0; i < 1_000; i++) raw.send({ type: "event", event: "e", data: i })
    raw.send({ type: "ping" })
    await raw.frames.until((frames) => frames.includes('{"type":"pong"}'))
    raw.send({ type: "event", event: "e", data: 1_000 })
    expect((await raw.closed).code).toBe(1008)
    expect(raw.frames.items.at(-1)).toContain("Too many events wait")
    never.push(true)
    await expect.poll(() => emulator.connections("chat")).toEqual([])
    expect(posts()).toHaveLength(1)
  })

  it("that failed may be sent again under its ackId, one that succeeded is not run again", async () => {
    const emulator = await start()
    let status = 503
    const { handler, posts } = await startHandler(() => ({ status }))
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const { client } = await connect(emulator)
    const send = () => client.sendEvent("e", "x", "text", { ackId: 5 })
    await expect(send()).rejects.toMatchObject({ errorDetail: { name: "InvocationFailed" } })
    status = 204
    expect([await send(), await send()]).toMatchObject([{ isDuplicated: false }, { isDuplicated: true }])
    expect(posts()).toHaveLength(2)
  })

  it("named message is every frame of a client without subprotocol", async () => {
    const emulator = await start()
    const { handler, posts } = await startHandler(({ body }) => ({
      status: 200,
      headers: { "Content-Type": "text/plain" },
      body: `re: ${body}`
    }))
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const raw = await openSocket(await rawUrl(emulator))
    raw.send("hello")
    expect(await raw.frames.count(1)).toEqual(["re: hello"])
    expect(posts()[0]!.headers).toMatchObject({
      "ce-type": "azure.webpubsub.user.message",
      "content-type": "text/plain; charset=utf-8"
    })
    expect(posts()[0]!.headers["ce-subprotocol"]).toBeUndefined()
  })
})

describe("invoke", () => {
  it("answers with the reply by its Content-Type, or with nothing for 204", async () => {
    const emulator = await start()
    const replies: Reply[] = [
      { status: 200, headers: json, body: '{"sum":3}' },
      { status: 200, headers: { "Content-Type": "text/plain; charset=utf-8" }, body: "three" },
      { status: 200, headers: { "Content-Type": "application/octet-stream" }, body: Buffer.from([3]) },
      { status: 204 }
    ]
    const { handler, posts } = await startHandler(() => replies.shift()!)
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const { client } = await connect(emulator)
    expect(await client.invokeEvent("add", { a: 1, b: 2 }, "json")).toMatchObject({
      dataType: "json",
      data: { sum: 3 }
    })
    expect(await client.invokeEvent("add", "1+2", "text")).toMatchObject({ dataType: "text", data: "three" })
    const bytes = await client.invokeEvent("add", new Uint8Array([1, 2]).buffer, "binary")
    expect([...new Uint8Array(bytes.data as ArrayBuffer)]).toEqual([3])
    expect((await client.invokeEvent("add", "x", "text")).data).toBeUndefined()
    expect(posts().map(({ headers }) => headers["ce-type"])).toEqual(Array(4).fill("azure.webpubsub.user.add"))
  })

  it("fails with InvocationFailed when the handler refuses, is missing or is gone, and the connection stays", async () => {
    const emulator = await start()
    const { handler } = await startHandler(() => ({ status: 400 }))
    await emulator.setEventHandlers("chat", [{ ...handler, userEventPattern: "known", systemEvents: [] }])
    const { client, connected } = await connect(emulator)
    for (const name of ["known", "unknown"]) {
      await expect(client.invokeEvent(name, "x", "text")).rejects.toMatchObject({
        errorDetail: { name: "InvocationFailed" }
      })
    }
    expect(connected.items).toHaveLength(1)
  })

  it("that is cancelled ends the call to the handler and lets the next one pass", async () => {
    const emulator = await start()
    const never = new Inbox<true>()
    const { handler, calls } = await startHandler(async ({ body }) => {
      if (body === "hang") await never.count(1)
      return { status: 200, headers: json, body: "1" }
    })
    await emulator.setEventHandlers("chat", [{ ...handler, systemEvents: [] }])
    const { client } = await connect(emulator)
    const abort = new AbortController()
    const hanging = client.invokeEvent("e", "hang", "text", { abortSignal: abort.signal })
    await calls.until((all) => all.some(({ body }) => body === "hang"))
    abort.abort()
    await expect(hanging).rejects.toThrow(/abort|cancel/i)
    expect(await client.invokeEvent("e", "x", "text")).toMatchObject({ data: 1 })
    never.push(true)
  })
})
