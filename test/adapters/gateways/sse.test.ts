import { spawn } from "node:child_process"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { sseClient } from "../../../adapters/gateways/sse/client.ts"
import { sseHandler } from "../../../adapters/gateways/sse/handler.ts"
import { sseGateway } from "../../../adapters/gateways/sse/server.ts"
import { deriveSecrets, sealTicket } from "../../../src/gateway/secrets.ts"
import { createParser, encodeEvent, frameEvent, frameOf, SIGN_OF_LIFE } from "../../../adapters/gateways/sse/wire.ts"
import type { GatewayConnection } from "../../../src/client/GatewayClient.ts"
import { forSeeds } from "../../thread/generate.ts"
import { SSE_KEY, startSse } from "./environments/sse.ts"

const secrets = deriveSecrets("sse", SSE_KEY)
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const start = async (...options: Parameters<typeof startSse>) => {
  const env = await startSse(...options)
  closers.push(env.close)
  return env
}
const ticket = (groups: string[] = ["g"], from = secrets, millis = 60_000) =>
  sealTicket(from, { principal: { id: "ann" }, groups }, Date.now() + millis)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
/** The events of a response, one by one, and its end. */
const eventsOf = (response: Response) => {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const parse = createParser()
  const waiting: ReturnType<typeof parse>[number][] = []
  closers.push(() => reader.cancel().catch(() => {}))
  return {
    next: async () => {
      for (;;) {
        const event = waiting.shift()
        if (event !== undefined) return event
        const { done, value } = await reader.read()
        if (done) return undefined
        waiting.push(...parse(value))
      }
    }
  }
}
const dial = async (url: string, headers: Record<string, string> = {}, query = "") =>
  eventsOf(await fetch(`${url}/events${query}`, { headers: { ...bearer(await ticket()), ...headers } }))
/** A client, and everything it reports in order. */
const watch = (url: string, token: string, client = sseClient()) => {
  const heard: string[] = []
  let wake = () => {}
  const hear = (what: string) => {
    heard.push(what)
    wake()
  }
  const connection: GatewayConnection = client.connect(
    { gateway: "sse", url, token, expiresAt: "", groups: {}, reconnectSpreadMillis: 0, upstream: false },
    {
      onOpen: () => hear("open"),
      onFrame: hear,
      onInterrupted: () => hear("interrupted"),
      onAlive: () => {},
      onClosed: ({ message }) => hear(`closed: ${message}`)
    }
  )
  closers.push(connection.close)
  const until = async (last: RegExp) => {
    while (!last.test(heard.at(-1) ?? "")) await new Promise<void>((resolve) => (wake = resolve))
    return heard
  }
  return { heard, until, connection }
}

describe("the SSE gateway", () => {
  it("refuses a stream without a good token", async () => {
    const { service } = await start()
    const tokens = {
      none: undefined,
      garbage: "garbage",
      "of another key": await ticket(["g"], deriveSecrets("sse", "x".repeat(32))),
      expired: await ticket(["g"], secrets, -2_000),
      "the backend's": secrets.rest
    }
    for (const [what, token] of Object.entries(tokens)) {
      const headers = token === undefined ? {} : bearer(token)
      const { status } = await fetch(`${service.url}/events`, { headers })
      expect([what, status]).toEqual([what, 401])
    }
  })

  it("lets only the backend publish and revoke, and says what is wrong with a call", async () => {
    const { service } = await start()
    const post = async (path: string, headers: Record<string, string>, body = "{}") =>
      (await fetch(service.url + path, { method: "POST", headers, body })).status
    const ours = bearer(secrets.rest)
    expect(await post("/publish?group=g", {})).toBe(401)
    expect(await post("/publish?group=g", bearer(await ticket()))).toBe(401)
    expect(await post("/revoke?group=g&id=ann", {})).toBe(401)
    expect(await post("/publish", ours)).toBe(400)
    expect(await post("/publish?group=g", ours, "x".repeat(1_048_577))).toBe(413)
    expect(await post("/publish?group=g", ours)).toBe(202)
    expect(await post("/nowhere", ours)).toBe(404)
    const wrong = await fetch(`${service.url}/publish`)
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"])
    expect(await (await fetch(`${service.url}/health`)).text()).toBe("ok")
  })

  it("lets pages of listed origins in, with what their browsers ask for first, and no others", async () => {
    const { service } = await start({ allowedOrigins: ["https://app.example"] })
    const ask = (origin: string, method = "OPTIONS") => fetch(`${service.url}/events`, { method, headers: { origin } })
    const allowed = await ask("https://app.example")
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example")
    expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization")
    expect((await ask("https://app.example", "GET")).status).toBe(401)
    const refused = await ask("https://evil.example", "GET")
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([403, null])
  })

  it("takes tokens and calls of either key while keys are changed", async () => {
    const other = deriveSecrets("sse", "the key of tomorrow, thirty-two characters")
    const { service } = await start({ otherKey: "the key of tomorrow, thirty-two characters" })
    const events = eventsOf(await fetch(`${service.url}/events`, { headers: bearer(await ticket(["g"], other)) }))
    expect((await events.next())?.name).toBe("open")
    const headers = bearer(other.rest)
    expect((await fetch(`${service.url}/publish?group=g`, { method: "POST", headers, body: "{}" })).status).toBe(202)
    expect((await events.next())?.data).toBe("{}")
  })

  it("goes on after the last event that a client had, with its groups alone, as far as it knows", async () => {
    const { gateway, service } = await start()
    const say = (group: string, text: string) => Effect.runPromise(gateway.publish(group, text))
    const first = await dial(service.url)
    await first.next()
    await say("g", `{"n":1}`)
    const { id } = (await first.next())!
    await say("g", `{"n":2}`)
    await say("other", `{"n":3}`)
    await say("g", `{"n":4}`)
    const second = await dial(service.url, { "last-event-id": id })
    const got = [await second.next(), await second.next(), await second.next()]
    expect(got.map((event) => event?.name || event?.data)).toEqual(["open", `{"n":2}`, `{"n":4}`])
    // of another start of the gateway, or of nobody, nothing is known: the log has it
    for (const unknown of ["00000000-1", "nonsense", `${id.split("-")[0]}-x`, ""]) {
      const third = await dial(service.url, { "last-event-id": unknown })
      expect((await third.next())?.name).toBe("open")
      await say("g", `{"n":5}`)
      expect((await third.next())?.data).toBe(`{"n":5}`)
    }
  })

  it("does not let a principal back into a group with a token from before it was revoked", async () => {
    const { gateway, service } = await start()
    const token = await ticket(["g", "h"])
    await Effect.runPromise(gateway.revoke!({ id: "ann" }, "g"))
    const events = eventsOf(await fetch(`${service.url}/events`, { headers: bearer(token) }))
    await events.next()
    for (const group of ["g", "h"]) await Effect.runPromise(gateway.publish(group, `{"to":"${group}"}`))
    expect((await events.next())?.data).toBe(`{"to":"h"}`)
  })

  it("answers a first poll at once, and the next when there is something, or after a while", async () => {
    const { gateway, service } = await start({ pollMillis: 300 })
    const first = await dial(service.url, {}, "?poll")
    const { id } = (await first.next())!
    expect(await first.next()).toBeUndefined()
    const second = await dial(service.url, { "last-event-id": id }, "?poll")
    await second.next()
    await Effect.runPromise(gateway.publish("g", "{}"))
    const { id: last } = (await second.next())!
    expect(await second.next()).toBeUndefined()
    const third = await dial(service.url, { "last-event-id": last }, "?poll")
    expect((await third.next())?.name).toBe("open")
    expect(await third.next()).toBeUndefined()
  })

  it("cuts a client that does not read, and keeps the others", async () => {
    const { gateway, service } = await start({ maxBufferedBytes: 64 * 1024 })
    const reads = await dial(service.url)
    await reads.next()
    const stuck = http.get(`${service.url}/events`, { headers: bearer(await ticket()), agent: false })
    closers.push(() => stuck.destroy())
    stuck.on("response", (response) => response.pause()).on("error", () => {})
    while (service.connections() < 2) await new Promise((resolve) => setImmediate(resolve))
    for (let n = 0; service.connections() > 1; n++) {
      await Effect.runPromise(gateway.publish("g", JSON.stringify("x".repeat(100_000))))
      expect((await reads.next())?.data).toHaveLength(100_002)
      expect(n).toBeLessThan(1_000)
    }
  })

  it("runs as a process that says where it is, and ends when it is told to", async () => {
    const child = spawn(process.execPath, ["--conditions=throughline-source", "adapters/gateways/sse/main.ts"], {
      env: { ...process.env, THROUGHLINE_SSE_KEY: SSE_KEY },
      stdio: ["ignore", "pipe", "inherit"]
    })
    closers.push(() => child.kill("SIGKILL"))
    const line = await new Promise<string>((resolve) => child.stdout.once("data", (data) => resolve(String(data))))
    const { url } = JSON.parse(line) as { url: string }
    expect((await fetch(`${url}/health`)).status).toBe(200)
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGTERM")
    expect(await ended).toBe(0)
  })
})

describe("the SSE client", () => {
  it("bridges a cut, and gives up where the gateway is gone", async () => {
    const { gateway, service } = await start()
    const { until } = watch(`${service.url}/events`, await ticket())
    await until(/open/)
    service.cut()
    await until(/interrupted/)
    await until(/open/)
    await Effect.runPromise(gateway.publish("g", `{"after":"the cut"}`))
    await until(/after/)
    await service.close()
    expect((await until(/closed/)).slice(0, -1)).toEqual([
      "open",
      "interrupted",
      "open",
      `{"after":"the cut"}`,
      "interrupted"
    ])
  })

  it("polls where something in between holds streams back, and remembers it", async () => {
    const { gateway, service } = await start()
    const asked: string[] = []
    const proxy = await holdingBack(service.url, asked)
    const client = sseClient({ streamWithinMillis: 200 })
    const first = watch(`${proxy}/events`, await ticket(), client)
    await first.until(/open/)
    for (const n of [1, 2, 3]) {
      await Effect.runPromise(gateway.publish("g", `{"n":${n}}`))
      await first.until(new RegExp(`"n":${n}`))
    }
    expect(first.heard).toEqual(["open", `{"n":1}`, `{"n":2}`, `{"n":3}`])
    first.connection.close()
    await first.until(/closed/)
    const before = asked.length
    await watch(`${proxy}/events`, await ticket(), client).until(/open/)
    expect(asked[0]).toBe("/events")
    expect(new Set(asked.slice(before))).toEqual(new Set(["/events?poll"]))
  })

  it.each([
    ["no HTTP server", "http://127.0.0.1:9/events", /closed: .*fetch failed/],
    ["no URL", "nonsense", /closed: .*Failed to parse URL/]
  ])("ends at once where there is %s", async (_what, url, reason) => {
    const { until } = watch(url, "token")
    expect((await until(/closed/)).at(-1)).toMatch(reason)
  })

  it("ends at once where its token is refused, and does not repeat it", async () => {
    const { service } = await start()
    const { until } = watch(`${service.url}/events`, "a-secret")
    expect(await until(/closed/)).toEqual(["closed: Error: the gateway answered 401"])
  })
})

describe("frames as events", () => {
  it("come back as they were, however the stream is cut into pieces", () => {
    const alphabet = ["a", "{", ":", " ", "\n", "\r", "\n\n", "data: ", "é", "😀", "\u2028", ""]
    forSeeds(500, ({ int, pick }) => {
      const texts = Array.from({ length: int(8) }, () => Array.from({ length: int(20) }, () => pick(alphabet)).join(""))
      const whole = texts.map((text, n) => encodeEvent(frameEvent(`s-${n}`, text))).join(SIGN_OF_LIFE)
      const parse = createParser()
      const got: (string | undefined)[] = []
      for (let at = 0, size = 0; at < whole.length; at += size) {
        size = 1 + int(40)
        got.push(...parse(whole.slice(at, at + size)).map(frameOf))
      }
      expect(got).toEqual(texts)
    })
    const broken = ["a\nb", "\r\n", "data: x\n\nevent: open", "\n"].map((text) => frameEvent("s-1", text))
    expect(createParser()(broken.map(encodeEvent).join("")).map(frameOf)).toEqual([
      "a\nb",
      "\r\n",
      "data: x\n\nevent: open",
      "\n"
    ])
  })
})

describe("options that cannot be right", () => {
  it.each<[string, () => unknown, RegExp]>([
    ["a short key", () => sseGateway({ url: "http://g", key: "short" }), /^key must have at least 32/],
    ["a short key of the gateway", () => sseHandler({ key: SSE_KEY, otherKey: "short" }), /^otherKey must have/],
    ["a URL of sockets", () => sseGateway({ url: "ws://g", key: SSE_KEY }), /^url must be http/],
    ["no URL for clients", () => sseGateway({ url: "http://g", clientUrl: "g", key: SSE_KEY }), /^clientUrl must be/]
  ])("are named: %s", (_what, make, message) => {
    expect(make).toThrow(message)
  })
})

/** A proxy that hands on an answer only when it is whole. */
const holdingBack = async (target: string, asked: string[]): Promise<string> => {
  const server = http.createServer(async (incoming, outgoing) => {
    asked.push(incoming.url!)
    const gone = new AbortController()
    outgoing.on("close", () => gone.abort())
    const { authorization = "", "last-event-id": lastId } = incoming.headers
    const headers = { authorization, ...(lastId === undefined ? {} : { "last-event-id": String(lastId) }) }
    try {
      const response = await fetch(target + incoming.url, { headers, signal: gone.signal })
      const whole = await response.text()
      outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(whole)
    } catch {
      outgoing.destroy()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  closers.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
