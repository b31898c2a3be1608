/** Secrets everywhere, everything fails, and no line, span, error or answer has one of them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"
import { describe, expect, it, vi } from "vitest"
import { createBackend, defineAgent } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { memoryLog } from "throughline/adapters/logs/memory"
import { Backend, layerBackend } from "throughline/effect"
import * as z from "zod"
import { Access } from "../../src/ports/Access.ts"
import { Gateway } from "../../src/ports/Gateway.ts"
import { GatewayError, GatewayUnavailable } from "../../src/ports/GatewayError.ts"
import { JobQueue, QueueError } from "../../src/ports/JobQueue.ts"
import { LogError, LogUnavailable } from "../../src/ports/LogError.ts"
import { ThreadLog } from "../../src/ports/ThreadLog.ts"
import { makeRedact, redact } from "../../src/server/redact.ts"

const CANARY = "canary5f3a9c"
const JWT = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ${CANARY}.${CANARY}sig`
/** Texts as vendors, drivers and proxies write them; each holds the canary once or more. */
const SECRETS = [
  `GET wss://x.webpubsub.azure.com/client/hubs/h?access_token=${CANARY}&x=1 failed`,
  `wss://x/client?awps_connection_id=c1&awps_reconnection_token=${CANARY}`,
  `POST https://app/api/upstream/azure-web-pubsub?code=${CANARY}`,
  `https://acc.blob.core.windows.net/c/b?sv=2024&sig=${CANARY}%3D&se=2026`,
  `https%3A%2F%2Fx%2F%3Faccess_token%3D${CANARY}`,
  `Authorization: Bearer ${CANARY}`,
  `authorization: SharedKey acc:${CANARY}==`,
  `{"headers":{"Authorization":"Basic ${CANARY}","accept":"*"}}`,
  `{\\"authorization\\":\\"Bearer ${CANARY}\\"}`,
  `sent "Bearer ${CANARY}" and got 401`,
  `Endpoint=https://x.webpubsub.azure.com;AccessKey=${CANARY}=;Version=1.0;`,
  `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${CANARY}==;EndpointSuffix=core.windows.net`,
  `Endpoint=sb://x;SharedAccessKeyName=n;SharedAccessKey=${CANARY}=`,
  `SharedAccessSignature sr=x&sig=${CANARY}&se=1`,
  `connect ECONNREFUSED redis://default:${CANARY}@localhost:6379/0`,
  `postgres://app:p%40${CANARY}@db.example/app?sslmode=require`,
  `password=${CANARY} host=db user=app`,
  `{"password":"${CANARY}","client_secret":"${CANARY}","api_key":"${CANARY}"}`,
  `token: ${CANARY}`,
  `x-functions-key: ${CANARY}`,
  `ce-signature: sha256=${CANARY}`,
  `the token ${JWT} is not valid`,
  `wss://x/client?tl=eyJhbGciOiJkaXIifQ..${CANARY}.${CANARY}.${CANARY}`,
  `Set-Cookie: session=${CANARY}; path=/`
]

describe("the redactor", () => {
  it.each(SECRETS)("takes the secret out of %s", (text) => {
    expect(text).toContain(CANARY)
    expect(redact(text)).not.toContain(CANARY)
    expect(redact(text)).toContain("[redacted]")
    expect(redact(redact(text))).toBe(redact(text))
  })

  it("keeps what is none", () => {
    for (const text of [
      'run 0192b5d2 of agent "talk" failed: code: RUN_TERMINAL',
      "publish: the gateway refused the request (401): give wsGateway() the same `key`",
      "append: the log did not answer; retry after 250 ms",
      "https://docs.example/path?page=2&sort=asc#tokens",
      "the tokens of 3 models: 120 in, 30 out",
      "signature is missing"
    ])
      expect(redact(text)).toBe(text)
  })

  it("finds what the backend was given, whatever it looks like", () => {
    expect(makeRedact(["my group secret, sixteen", undefined, "short"])("(my group secret, sixteen)")).toBe(
      "([redacted])"
    )
  })

  it("keeps a text on one line and harmless for a terminal", () => {
    const forged = "ok\n2026-01-01 INFO admin logged in\r\u001b[2J\u009b31m\u2028\u202etxt\u0000\tend"
    const line = redact(forged)
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
    expect(line).toBe("ok\\n2026-01-01 INFO admin logged in\\u000d\\u001b[2J\\u009b31m\\u2028\\u202etxt\\u0000\\tend")
  })

  it("is fast for texts made to be slow", () => {
    for (const text of [
      "a".repeat(200_000),
      "Bearer ".repeat(30_000),
      "x://".repeat(50_000),
      `${"token=".repeat(30_000)}`,
      "ey".repeat(100_000),
      '"authorization":'.repeat(10_000)
    ]) {
      const began = performance.now()
      expect(redact(text).length).toBeLessThan(120_000)
      expect(performance.now() - began).toBeLessThan(1_000)
    }
  })
})

/** An error as SDKs throw them: the request hangs on it, headers and all. */
const vendorError = (n: number) =>
  Object.assign(new Error(SECRETS[n % SECRETS.length], { cause: new Error(SECRETS[(n + 7) % SECRETS.length]) }), {
    request: { url: SECRETS[0], headers: { authorization: `Bearer ${CANARY}` } },
    response: { body: SECRETS.join("\n") }
  })

/** Everything that is logged, traced or answered, as text. */
const world = () => {
  const sink: string[] = []
  let n = 0
  const unavailable = (operation: string) =>
    Effect.suspend(() =>
      Effect.fail(new LogError({ operation, reason: new LogUnavailable({ cause: vendorError(n++) }) }))
    )
  const real = memoryLog()
  const broken = { now: false }
  const log = Layer.effect(
    ThreadLog,
    Effect.map(ThreadLog, (inner) => ({
      ...inner,
      head: (thread: string) => (broken.now ? unavailable("head") : inner.head(thread)),
      read: (...args: Parameters<typeof inner.read>) => (broken.now ? unavailable("read") : inner.read(...args)),
      due: () => unavailable("due"),
      snapshot: () => (broken.now ? Effect.die(vendorError(n++)) : Effect.succeed(undefined))
    }))
  ).pipe(Layer.provide(real))
  const gatewayDown = (operation: "publish" | "grant" | "subscribe" | "revoke") =>
    Effect.suspend(() =>
      Effect.fail(new GatewayError({ operation, reason: new GatewayUnavailable({ cause: vendorError(n++) }) }))
    )
  const gateway = Layer.succeed(Gateway, {
    name: "down",
    groupSecret: `group-secret-${CANARY}`,
    capabilities: {
      maxFrameBytes: 1_000,
      order: "none",
      delivery: "at-most-once",
      recovery: false,
      upstream: true,
      serverSubscribe: true,
      revoke: true,
      presence: false,
      manyGroups: true,
      auth: "token"
    } as const,
    publish: () => gatewayDown("publish"),
    grant: () => gatewayDown("grant"),
    subscribe: () => gatewayDown("subscribe"),
    revoke: () => gatewayDown("revoke"),
    upstream: () => Effect.die(vendorError(n++))
  })
  const queue = Layer.succeed(JobQueue, {
    name: "down",
    enqueue: () => Effect.suspend(() => Effect.fail(new QueueError({ operation: "enqueue", cause: vendorError(n++) })))
  })
  const agents = SECRETS.map((text, at) =>
    defineAgent({
      name: `failing-${at}`,
      input: z.object({}),
      onBusy: "parallel",
      run: async () => {
        throw Object.assign(new Error(`the model refused: ${text}`), { config: { headers: { Authorization: JWT } } })
      }
    })
  )
  return { sink, log, gateway, queue, agents, broken, vendorError: () => vendorError(n++) }
}
const post = (path: string, body: object, who = "ann") =>
  new Request(`http://backend/threads/t1/${path}?access_token=${CANARY}&code=${CANARY}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${who === "ann" ? CANARY : who}` },
    body: JSON.stringify(body)
  })
const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`

describe("a backend whose everything fails", () => {
  it("puts no secret into a log line, a span, an error or an answer; each line is one line", async () => {
    const parts = world()
    const { agents, broken, gateway, log, queue, sink } = parts
    const lines: string[] = []
    const loggers = [Logger.formatLogFmt, Logger.formatJson, Logger.formatSimple].map((format) =>
      Logger.map(format, (line) => void lines.push(line))
    )
    const spans: string[] = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        return Object.assign(span, {
          end: (at: bigint, exit: unknown) => {
            Tracer.NativeSpan.prototype.end.call(span, at, exit as never)
            const { cause } = exit as { cause?: { reasons: { error?: Error; defect?: Error }[] } }
            spans.push(
              `${span.name} ${JSON.stringify([...span.attributes])} ${JSON.stringify(span.events.map(([name, , more]) => [name, more]))} ` +
                (cause?.reasons ?? [])
                  .map(({ error, defect }) => {
                    const thrown = error ?? defect
                    return `${thrown?.message}${thrown?.stack}${JSON.stringify(thrown, Object.getOwnPropertyNames(thrown ?? {}))}`
                  })
                  .join()
            )
          }
        })
      }
    })
    const access = Layer.succeed(
      Access,
      Access.of({
        authenticate: (request) =>
          Effect.suspend(() => {
            const who = request.headers.get("authorization")
            if (who === "Bearer broken") return Effect.die(parts.vendorError())
            return Effect.succeed(who === "Bearer nobody" ? null : { id: "ann", claims: { secret: CANARY } })
          }),
        authorize: () => Effect.succeed(true)
      })
    )
    const answered = (request: Request) =>
      Effect.flatMap(Backend, (backend) =>
        Effect.flatMap(backend.handle(request), (response) =>
          Effect.promise(async () =>
            sink.push(`${response.status} ${await response.text()} ${JSON.stringify([...response.headers])}`)
          )
        )
      )
    await Effect.gen(function* () {
      const backend = yield* Backend
      for (let n = 0; n < agents.length; n++) {
        yield* answered(post("runs", { id: uuid(n), agent: `failing-${n}`, input: {} }))
        yield* Effect.exit(backend.work({ thread: "main/t1", run: uuid(n), epoch: 1 }))
      }
      yield* answered(post("grants", {}))
      yield* answered(post("grants", {}, "broken"))
      yield* answered(post("grants", {}, "nobody"))
      for (let n = 0; n < SECRETS.length; n++)
        yield* answered(new Request(`http://backend/upstream/down?code=${CANARY}`, { method: "POST", body: "{}" }))
      yield* backend.revoke({ id: "bob" }, "t1")
      broken.now = true
      for (let n = 0; n < SECRETS.length; n++) {
        yield* answered(new Request("http://backend/threads/t1/view"))
        yield* answered(new Request(`http://backend/threads/t1/entries?after=0&access_token=${CANARY}`))
        yield* answered(new Request(`http://backend/threads/%0a%1b[2J${CANARY}/view`))
      }
      for (const call of [
        backend.sweep,
        backend.trim({ thread: "t1" }, { keepEntries: 1 }),
        backend.erase({ thread: "t1" }, { from: 1, to: 2 })
      ]) {
        // typed failures of the Effect face carry their cause for the program; what is told of them does not
        const exit = yield* Effect.exit(Effect.withSpan(call as Effect.Effect<unknown, unknown>, "by the host"))
        sink.push(exit._tag)
      }
      yield* Effect.sleep(200)
    }).pipe(
      Effect.provide(layerBackend({ agents }).pipe(Layer.provide(Layer.mergeAll(log, gateway, queue, access)))),
      Effect.provide(Logger.layer(loggers)),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.runPromise
    )
    expect(lines.length).toBeGreaterThan(SECRETS.length * 3)
    expect(spans.length).toBeGreaterThan(SECRETS.length)
    expect(sink.length).toBeGreaterThan(SECRETS.length * 3)
    const own = spans.filter((span) => !span.startsWith("by the host"))
    for (const text of [...lines, ...own, ...sink]) expect(text).not.toContain(CANARY)
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
    expect(lines.some((line) => line.includes("[redacted]"))).toBe(true)
  }, 60_000)

  it("rejects, in the Promise face, with errors that a host may log", async () => {
    const { agents, broken, gateway, log, queue } = world()
    const backend = createBackend({ agents, log, gateway, queue, authenticate: () => null, authorize: () => false })
    broken.now = true
    const error = await backend.sweep().then(
      () => expect.fail("swept"),
      (thrown: Error) => thrown
    )
    const all = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error) + error.stack
    expect(all).toContain("due")
    expect(all).not.toContain(CANARY)
    expect(await backend.trim({ thread: "t1" }, { keepEntries: 1 })).toMatchObject({
      error: { code: "STORE_UNAVAILABLE" }
    })
    await backend.close()
  })

  it("says why it could not start, without the settings", async () => {
    const printed: string[] = []
    const spies = (["log", "error", "warn", "info", "debug"] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation((...args: unknown[]) => void printed.push(args.map(String).join(" ")))
    )
    const backend = createBackend({
      agents: [],
      log: Layer.effect(ThreadLog, Effect.fail(vendorError(14))),
      gateway: azureWebPubSub({
        connectionString: `Endpoint=https://x.webpubsub.azure.com;AccessKey=${CANARY}${CANARY};`,
        hub: "h"
      }),
      queue: world().queue,
      authenticate: () => null,
      authorize: () => false
    })
    const response = await backend.fetch(new Request("http://backend/threads/t1/view"))
    const text = await response.text()
    const ready = await backend.ready().catch((error: Error) => `${error.message} ${error.stack}`)
    for (const spy of spies) spy.mockRestore()
    expect(response.status).toBe(503)
    expect(printed.join("\n")).toContain("could not start")
    expect(`${text} ${ready} ${printed.join("\n")}`).not.toContain(CANARY)
    await backend.close()
  })
})
