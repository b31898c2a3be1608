/** Clients of a real Pushpin: what they may do, how they end, and what stays of them. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createBackend, defineAgent, type BackendHandle } from "throughline"
import { memoryLog } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { openThread } from "throughline/client"
import { serve } from "throughline/node"
import { afterEach, describe, expect, it, vi } from "vitest"
import { WebSocket } from "ws"
import * as z from "zod"
import { pushpinClient } from "../../../adapters/gateways/pushpin/client.ts"
import { createParser, encodeFrame, frameOf } from "../../../adapters/gateways/pushpin/wire.ts"
import type { Grant } from "../../../src/protocol/Exchange.ts"
import { Gateway, type UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { until } from "../../security/stack.ts"
import type { RunningEnv } from "./environments/environment.ts"
import { pushpinMissing, startPushpin, type PushpinService } from "./environments/pushpin.ts"

const closers: (() => unknown)[] = []
afterEach(async () => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  for (const close of closers.splice(0).reverse()) await close()
})
type Env = RunningEnv<PushpinService>
const start = async (...options: Parameters<typeof startPushpin>): Promise<Env> => {
  const env = await startPushpin(...options)
  closers.push(env.close)
  return env
}
const grantOf = async ({ gateway }: Pick<Env, "gateway">, id = "ann"): Promise<Grant> => {
  const granted = await Effect.runPromise(gateway.grant({ principal: { id }, groups: ["g"], ttlMillis: 60_000 }))
  return {
    gateway: "pushpin",
    url: granted.url,
    token: granted.token ?? "",
    groups: { t: "g" },
    expiresAt: new Date(granted.expiresAt).toISOString(),
    reconnectSpreadMillis: 0,
    upstream: true
  }
}
/** A client of ours: what it heard, and its end. */
const watch = (grant: Grant, transport: "websocket" | "sse") => {
  const frames: string[] = []
  let alive = () => {}
  let framed = () => {}
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<string>()
  const connection = pushpinClient({ transport }).connect(grant, {
    onOpen: opened.resolve,
    onFrame: (text) => (frames.push(text), framed()),
    onInterrupted: () => {},
    onAlive: () => alive(),
    onClosed: ({ message }) => closed.resolve(message)
  })
  closers.push(() => connection.close())
  /** Rejects where the connection ends before. */
  const live = (happens: Promise<void>) =>
    Promise.race([happens, closed.promise.then((why) => Promise.reject(new Error(`it ended: ${why}`)))])
  return {
    frames,
    opened: () => live(opened.promise),
    closed: closed.promise,
    nextAlive: () => live(new Promise<void>((resolve) => (alive = resolve))),
    nextFrame: () => live(new Promise<void>((resolve) => (framed = resolve)))
  }
}
/** A raw socket, open. */
const dial = async ({ token = "", url }: Grant, headers: Record<string, string> = {}) => {
  const socket = new WebSocket(url.replace("http", "ws"), ["throughline.v1", token], { headers })
  closers.push(() => socket.terminate())
  const received: string[] = []
  socket.on("message", (data) => received.push(String(data)))
  const closed = once(socket, "close").then(([code]) => code as number)
  await once(socket, "message")
  const saying = (text: string) =>
    new Promise<void>((resolve) => socket.on("message", (data) => String(data) === text && resolve()))
  return { socket, received, closed, saying }
}
const recorded = ({ onUpstream }: Env) => {
  const events: UpstreamEvent[] = []
  let changed = () => {}
  onUpstream((event) => Effect.sync(() => (events.push(event), changed(), event.principal.id)))
  const seen = async (type: UpstreamEvent["type"]) => {
    for (;;) {
      const found = events.find((event) => event.type === type)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (changed = resolve))
    }
  }
  return { events, seen }
}

describe.skipIf(pushpinMissing !== undefined)(`through Pushpin (${pushpinMissing ?? "Debian's"})`, () => {
  it("a client cannot speak in Pushpin's name: not as a call, not in a header, not as a control message", async () => {
    const env = await start()
    const { events } = recorded(env)
    const grant = await grantOf(env)
    const forge = (type: string) =>
      fetch(grant.url, {
        method: "POST",
        headers: { "content-type": type, "connection-id": "c1", "meta-throughline": "forged" },
        body: "DISCONNECT\r\n"
      })
    expect((await forge("application/websocket-events")).status).toBe(403)
    expect((await forge("Application/Websocket-Events")).status).toBe(415)
    expect(events).toEqual([])
    const eve = await dial(await grantOf(env, "eve"), { "meta-throughline": "forged", "connection-id": "c1" })
    const answered = eve.saying('["reply",1,"eve"]')
    eve.socket.send('{"type":"invoke","id":1,"event":"who"}')
    await answered
    eve.socket.send('c:{"type":"subscribe","channel":"other"}')
    // which code is looked at where calls are written by hand: this backend answers in text, and codes are bytes
    expect(await eve.closed).not.toBe(1006)
  })

  it("a client that floods is cut, and the others are not", async () => {
    const env = await start()
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    env.onUpstream(({ type }) =>
      type === "event"
        ? Effect.promise(() => (asked.resolve(), answer.promise)).pipe(Effect.as(null))
        : Effect.succeed(undefined)
    )
    const flood = await dial(await grantOf(env, "eve"))
    const good = await dial(await grantOf(env))
    flood.socket.send('{"type":"invoke","id":1,"event":"x"}')
    await asked.promise
    // while Pushpin waits for that answer it collects what comes
    for (let n = 0; n < 1_000; n++) flood.socket.send('{"type":"ping"}')
    const last = good.saying('["alive"]')
    good.socket.send('{"type":"ping"}')
    await last
    answer.resolve()
    expect(await flood.closed).toBe(1006)
    const framed = good.saying("{}")
    await Effect.runPromise(env.gateway.publish("g", "{}"))
    await framed
  })

  it("a client that does not read does not hold up the others", async () => {
    const env = await start()
    const slow = await dial(await grantOf(env))
    const quick = watch(await grantOf(env), "websocket")
    await quick.opened()
    slow.socket.pause()
    const sent = Array.from({ length: 40 }, (_, n) => JSON.stringify({ n, text: "x".repeat(200_000) }))
    for (const frame of sent) {
      const arrives = quick.nextFrame()
      await Effect.runPromise(env.gateway.publish("g", frame))
      await arrives
    }
    expect(quick.frames).toEqual(sent)
    expect(slow.received).toEqual(['["open"]'])
  })

  it("a connection that breaks is reported to the backend as its principal's", async () => {
    const env = await start()
    const { seen } = recorded(env)
    const client = watch(await grantOf(env, "bea"), "websocket")
    await client.opened()
    env.cut!()
    expect(await client.closed).toMatch(/cut/)
    expect(await seen("disconnected")).toMatchObject({ principal: { id: "bea" } })
  })

  it.each(["websocket", "sse"] as const)(
    "a %s ends at once where the backend refuses it or does not answer",
    async (transport) => {
      const env = await start()
      const grant = await grantOf(env)
      expect(await watch({ ...grant, token: "garbage" }, transport).closed).toMatch(/refused|answered 401/)
      const dead = await start({ gateway: { clientUrl: "http://127.0.0.1:1/upstream/pushpin" } })
      expect(await watch(await grantOf(dead), transport).closed).toMatch(/./)
    }
  )

  it("a stream that has nothing to say says that it lives, and brings frames with line breaks as they are", async () => {
    const env = await start()
    const client = watch(await grantOf(env), "sse")
    await client.opened()
    await client.nextAlive()
    expect(client.frames).toEqual([])
    const arrives = client.nextFrame()
    await Effect.runPromise(env.gateway.publish("g", '{\r\n"a":\n1}'))
    await arrives
    expect(client.frames).toEqual(['{\r\n"a":\n1}'])
  })

  it.each(["websocket", "sse"] as const)(
    "nothing of a closed %s keeps a process from ending",
    async (transport) => {
      const env = await start()
      const program = `
      import { pushpinClient } from "./adapters/gateways/pushpin/client.ts"
      const connection = pushpinClient({ transport: "${transport}" }).connect(${JSON.stringify(await grantOf(env))}, {
        onOpen: () => connection.close(), onFrame() {}, onInterrupted() {}, onAlive() {},
        onClosed: ({ message }) => console.log(message)
      })`
      const child = spawn(process.execPath, ["--input-type=module", "-e", program])
      closers.push(() => child.kill())
      const output: string[] = []
      child.stdout.on("data", (data) => output.push(String(data)))
      child.stderr.on("data", (data) => output.push(String(data)))
      const startedAt = Date.now()
      expect(await once(child, "close")).toEqual([0, null])
      expect(output.join("")).toBe("closed by the caller\n")
      expect(Date.now() - startedAt).toBeLessThan(10_000)
    },
    20_000
  )

  it("an interrupt reaches a run over the socket, through a backend of our own", async () => {
    const made: { backend?: BackendHandle } = {}
    const upstream: Request[] = []
    const served = await serve(
      {
        fetch: async (request) => {
          if (request.url.includes("/upstream/")) upstream.push(request)
          return made.backend!.fetch(request)
        }
      },
      { port: 0 }
    )
    closers.push(served.close)
    const env = await start({ origin: served.url })
    const waits = defineAgent({
      name: "waits",
      input: z.object({}),
      run: (run) =>
        new Promise<void>((_, reject) => run.signal.addEventListener("abort", () => reject(run.signal.reason)))
    })
    const backend = createBackend({
      agents: [waits],
      log: memoryLog(),
      queue: memoryQueue(),
      gateway: Layer.succeed(Gateway, env.gateway),
      authenticate: () => ({ id: "ann" }),
      authorize: () => true
    })
    made.backend = backend
    closers.push(() => backend.close())
    const posts: string[] = []
    const thread = openThread({
      endpoint: served.url,
      thread: "t1",
      gateways: [env.client],
      fetch: (url, init) => (posts.push(String(url)), fetch(url, init))
    })
    closers.push(() => thread.close())
    const started = await thread.start("waits", {})
    const run = started.ok ? started.run : ""
    const working = backend.work({ thread: "main/t1", run, epoch: 1 })
    await until(thread, ({ connection, view }) => connection === "live" && view.runs[0]?.state === "running", 10_000)
    const cancelled = await thread.cancel(run)
    expect(cancelled.ok).toBe(true)
    await working
    await until(thread, ({ view }) => view.runs[0]?.state === "finished", 10_000)
    expect(posts.filter((url) => url.endsWith("/interrupts"))).toEqual([])
    expect(upstream.length).toBeGreaterThan(1)
  }, 30_000)
})

describe("a stream", () => {
  it("that is silent for 9 s has ended", async () => {
    vi.useFakeTimers()
    vi.stubGlobal(
      "fetch",
      async () =>
        new Response(
          new ReadableStream({ start: (to) => to.enqueue(new TextEncoder().encode("event: open\ndata:\n\n")) })
        )
    )
    const client = watch(
      { gateway: "pushpin", url: "http://p/", groups: {}, expiresAt: "", reconnectSpreadMillis: 0, upstream: true },
      "sse"
    )
    await client.opened()
    await vi.advanceTimersByTimeAsync(8_000)
    let isClosed = false
    void client.closed.then(() => (isClosed = true))
    await vi.advanceTimersByTimeAsync(500)
    expect(isClosed).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await client.closed).toMatch(/nothing was heard/)
    expect(vi.getTimerCount()).toBe(0)
  })
  it("is read alike however it is cut into pieces", () => {
    const frames = ['{"a":1}', '{"b":"\\n: x"}', '{\n"c":\r2}']
    const text = `event: open\ndata:\n\n:\n\n${frames.map(encodeFrame).join(":\n\n")}`
    for (let at = 0; at <= text.length; at++) {
      const parse = createParser()
      const events = [...parse(text.slice(0, at)), ...parse(text.slice(at))]
      expect(events.map(frameOf)).toEqual(["", ...frames].map((frame, n) => (n === 0 ? undefined : frame)))
    }
  })
  it("with an event that has no end is given up", () => {
    const parse = createParser()
    expect(() => {
      for (let n = 0; n < 20; n++) parse("x".repeat(100_000))
    }).toThrow(/too large/)
  })
})
