import { describe, expect, it } from "vitest"
import type { Principal } from "throughline"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import { makeLimiter } from "../../src/server/limits.ts"
import { startApp } from "../server/app.ts"
import { startStack } from "./stack.ts"

const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`
const ann: Principal = { id: "ann", tenant: "acme" }

describe("the limiter", () => {
  it("gives a burst, then as much as time brings, and says how long to wait", () => {
    let now = 1_000_000
    const limiter = makeLimiter({ requests: { perSecond: 10, burst: 5 } }, () => now)
    const taken = () => limiter.take(ann, ["requests"])
    for (let n = 0; n < 5; n++) expect(taken()).toBeUndefined()
    expect(taken()).toMatchObject({ code: "RATE_LIMITED", retryable: true, retryAfterMillis: 100 })
    now += 99
    expect(taken()).toMatchObject({ retryAfterMillis: 1 })
    now += 1
    expect(taken()).toBeUndefined()
    // a clock set back and forth gives nothing twice
    now -= 60_000
    expect(taken()).toBeDefined()
    now += 60_000_000
    for (let n = 0; n < 5; n++) expect(taken()).toBeUndefined()
    expect(taken()).toBeDefined()
  })

  it("counts each principal alone, of each tenant", () => {
    const limiter = makeLimiter({ starts: { perSecond: 1, burst: 1 } }, () => 0)
    expect(limiter.take(ann, ["starts"])).toBeUndefined()
    expect(limiter.take(ann, ["starts"])).toBeDefined()
    expect(limiter.take({ id: "ann", tenant: "other" }, ["starts"])).toBeUndefined()
    expect(limiter.take({ id: "bob", tenant: "acme" }, ["starts"])).toBeUndefined()
    // and takes nothing of one bucket where another one is empty
    for (let n = 0; n < 2_000; n++) expect(limiter.take(ann, ["requests", "starts"])).toBeDefined()
    expect(limiter.take(ann, ["requests"])).toBeUndefined()
  })

  it("lets one answer overdraw what may be read, and no second one", () => {
    let now = 0
    const limiter = makeLimiter({ replayBytes: { perSecond: 1_000, burst: 1_000 } }, () => now)
    expect(limiter.take(ann, ["replayBytes"])).toBeUndefined()
    limiter.spend(ann, "replayBytes", 5_000)
    expect(limiter.take(ann, ["replayBytes"])?.retryAfterMillis).toBe(4_001)
    now += 4_001
    expect(limiter.take(ann, ["replayBytes"])).toBeUndefined()
  })

  it("remembers who called last, and no more than 10,000", () => {
    const limiter = makeLimiter({ requests: { perSecond: 0.001, burst: 1 } }, () => 0)
    const take = (id: string) => limiter.take({ id }, ["requests"]) === undefined
    expect(take("first")).toBe(true)
    expect(take("first")).toBe(false)
    for (let n = 0; n < 9_999; n++) take(`p${n}`)
    expect(take("first")).toBe(false)
    for (let n = 0; n < 10_000; n++) take(`q${n}`)
    // forgotten: that is the price of the bound, and what it may cost is one burst
    expect(take("first")).toBe(true)
  })

  it("refuses rates that allow nothing when the backend is built", async () => {
    expect(() => makeLimiter({ posts: { perSecond: 0, burst: 1 } }, () => 0)).toThrow("limits.posts")
    expect(() => makeLimiter({ posts: { perSecond: Number.NaN, burst: 1 } }, () => 0)).toThrow(TypeError)
    expect(makeLimiter(false, () => 0).take(ann, ["requests"])).toBeUndefined()
  })
})

describe("a flood", () => {
  it("of requests is answered 429 with Retry-After by default, per person", async () => {
    const app = await startApp({})
    const answers = await Promise.all(
      Array.from({ length: 1_500 }, () => app.send("ann", "GET", "/threads/ann-x/entries?after=0"))
    )
    const limited = answers.filter(({ status }) => status === 429)
    expect(limited.length).toBeGreaterThan(0)
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(1_000)
    expect(limited[0]!.body.error).toMatchObject({ code: "RATE_LIMITED", retryable: true })
    expect(Number(limited[0]!.headers.get("retry-after"))).toBeGreaterThanOrEqual(1)
    expect((await app.send("eve", "GET", "/threads/x/entries?after=0")).status).toBe(200)
    await app.close()
  })

  it("of 10,000 steers is cut twice: 32 wait for the agent, and the sender is slowed", async () => {
    const app = await startApp({})
    await app.send("ann", "POST", "/threads/ann-f/runs", { id: uuid(1), agent: "patient", input: {} })
    const codes = new Map<string, number>()
    for (let at = 0; at < 10_000; at += 500) {
      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, n) =>
          app.send("ann", "POST", "/threads/ann-f/interrupts", {
            kind: "steer",
            id: uuid(100 + at + n),
            run: uuid(1),
            when: "next-step",
            message: { id: uuid(20_000 + at + n), parts: [{ type: "text", text: "again" }] }
          })
        )
      )
      for (const { body } of answers) {
        const code = body.ok ? "accepted" : body.error.code
        codes.set(code, (codes.get(code) ?? 0) + 1)
      }
    }
    expect(codes.get("accepted")).toBe(32)
    expect(codes.get("TOO_MANY")).toBeGreaterThan(0)
    expect(codes.get("RATE_LIMITED")).toBeGreaterThan(5_000)
    expect([...codes.keys()].sort()).toEqual(["RATE_LIMITED", "TOO_MANY", "accepted"])
    await app.close()
  }, 60_000)

  it("over a socket is answered as a successful call with a fault, and the connection stays", async () => {
    const stack = await startStack("ws", {
      people: { ann: { id: "ann" } },
      authorize: () => true,
      limits: { interrupts: { perSecond: 1, burst: 3 } }
    })
    const granted = (await (await stack.send("ann", "POST", "/threads/t1/grants", {})).json()) as { grant: never }
    let closed = 0
    const connection = await new Promise<ReturnType<ReturnType<typeof wsClient>["connect"]>>((resolve) => {
      const opened = wsClient().connect(granted.grant, {
        onOpen: () => resolve(opened),
        onAlive: () => {},
        onFrame: () => {},
        onInterrupted: () => closed++,
        onClosed: () => closed++
      })
    })
    const codes: string[] = []
    for (let n = 0; n < 6; n++) {
      const answer = (await connection.invoke!(
        "interrupt",
        { thread: "t1", interrupt: { kind: "cancel", id: uuid(n), run: uuid(99) } },
        { timeoutMillis: 5_000 }
      )) as { error: { code: string; retryAfterMillis?: number } }
      codes.push(answer.error.code)
      if (n > 2) expect(answer.error.retryAfterMillis).toBeGreaterThan(0)
    }
    expect(codes).toEqual(["NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "RATE_LIMITED", "RATE_LIMITED", "RATE_LIMITED"])
    expect(closed).toBe(0)
    connection.close()
  })
})

describe("admit", () => {
  it("is asked for each start that is allowed and well-formed, and refuses before anything is appended", async () => {
    const asked: string[] = []
    const stack = await startStack("ws", {
      people: { ann: { id: "ann" }, bob: { id: "bob" } },
      authorize: ({ id }) => id === "ann",
      admit: ({ id }, { agent, thread, tags }) => {
        asked.push(`${id} ${agent} ${thread}`)
        if (tags?.["budget"] === "none") return false
        if (tags?.["budget"] === "own")
          return { code: "QUOTA", message: "the month's runs are used up", retryable: false }
        if (tags?.["budget"] === "broken") throw new Error("the quota service is away: canary-quota")
        return true
      }
    })
    const start = async (who: string, n: number, more: object = {}) =>
      (await (
        await stack.send(who, "POST", "/threads/t1/runs", { id: uuid(n), agent: "idle", input: {}, ...more })
      )
        // oxlint-disable-next-line typescript/no-explicit-any -- answers of every shape
        .json()) as any
    expect(await start("ann", 1)).toMatchObject({ ok: true, offset: 1 })
    expect((await start("ann", 2, { tags: { budget: "none" } })).error).toMatchObject({ code: "FORBIDDEN" })
    expect((await start("ann", 3, { tags: { budget: "own" } })).error).toEqual({
      code: "QUOTA",
      message: "the month's runs are used up",
      retryable: false
    })
    const broken = await start("ann", 4, { tags: { budget: "broken" } })
    expect(broken.error.code).toBe("INTERNAL")
    expect(JSON.stringify(broken)).not.toContain("canary")
    await start("bob", 5)
    await start("ann", 6, { agent: "unknown" })
    await start("ann", 7, { input: { extra: "x".repeat(70_000) } })
    expect(asked).toEqual(Array(4).fill("ann idle t1"))
    const page = (await (await stack.send("ann", "GET", "/threads/t1/entries?after=0")).json()) as {
      head: { offset: number }
    }
    expect(page.head.offset).toBe(1)
  })
})
