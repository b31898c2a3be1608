import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startApp, type App } from "./app.ts"

let app: App
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`

describe("messages and runs", () => {
  it("posts a message and answers where the log stands", async () => {
    const posted = await app.send("ann", "POST", "/threads/ann-1/messages", {
      id: uuid(1),
      parts: [{ type: "text", text: "hello" }]
    })
    expect(posted.status).toBe(200)
    expect(posted.body).toEqual({ ok: true, offset: 1, message: uuid(1) })
  })

  it("answers a repeated message as the first time and appends nothing", async () => {
    const body = { id: uuid(2), parts: [{ type: "text", text: "once" }] }
    const first = await app.send("ann", "POST", "/threads/ann-2/messages", body)
    const again = await app.send("ann", "POST", "/threads/ann-2/messages", body)
    expect(again.body).toEqual(first.body)
    const { body: page } = await app.send("ann", "GET", "/threads/ann-2/entries?after=0")
    expect(page.entries).toHaveLength(1)
  })

  it("refuses an id that was used with another body", async () => {
    await app.send("ann", "POST", "/threads/ann-3/messages", { id: uuid(3), parts: [{ type: "text", text: "a" }] })
    const other = await app.send("ann", "POST", "/threads/ann-3/messages", {
      id: uuid(3),
      parts: [{ type: "text", text: "b" }]
    })
    expect(other.status).toBe(409)
    expect(other.body.error.code).toBe("DUPLICATE_DIFFERENT")
  })

  it("puts a start and its message into one entry and executes the run", async () => {
    const started = await app.send("ann", "POST", "/threads/ann-4/runs", {
      id: uuid(4),
      agent: "echo",
      input: { text: "echoed" },
      message: { id: uuid(5), parts: [{ type: "text", text: "please" }] }
    })
    expect(started.body).toEqual({ ok: true, offset: 1, run: uuid(4) })
    expect(await app.backend.work({ thread: "acme/ann-4", run: uuid(4), epoch: 1 })).toEqual({
      type: "finished",
      outcome: "completed"
    })
    const { body } = await app.send("ann", "GET", "/threads/ann-4/view")
    expect(body.view.runs[0]).toMatchObject({
      id: uuid(4),
      state: "finished",
      by: "ann",
      outcome: { type: "completed", result: { length: 6 } }
    })
    expect(body.view.messages.map((message: { role: string }) => message.role)).toEqual(["user", "assistant"])
  })

  it("refuses input that does not fit the agent's schema before anything is appended", async () => {
    const started = await app.send("ann", "POST", "/threads/ann-5/runs", {
      id: uuid(6),
      agent: "echo",
      input: { text: 7 }
    })
    expect(started.status).toBe(400)
    expect(started.body.error).toMatchObject({ code: "BAD_INPUT", path: "input.text", retryable: false })
    expect((await app.send("ann", "GET", "/threads/ann-5/entries?after=0")).body.head.offset).toBe(0)
  })

  it("lets nobody stop another's run by a start that replaces it, who may not interrupt", async () => {
    const start = (who: string, n: number, onBusy?: string) =>
      app.send(who, "POST", "/threads/ann-9/runs", {
        id: uuid(n),
        agent: "patient",
        input: {},
        ...(onBusy === undefined ? {} : { onBusy })
      })
    await start("ann", 90)
    const replacing = await start("flo", 91, "replace")
    expect([replacing.status, replacing.body.error.code]).toEqual([403, "FORBIDDEN"])
    expect((await start("flo", 92, "queue")).status).toBe(200)
    const { body } = await app.send("ann", "GET", "/threads/ann-9/view")
    expect(body.view.runs.map(({ id, outcome }: { id: string; outcome?: unknown }) => [id, outcome])).toEqual([
      [uuid(90), undefined],
      [uuid(92), undefined]
    ])
    expect((await start("ann", 93, "replace")).status).toBe(200)
  })

  it("a redelivered job takes nothing", async () => {
    expect(await app.backend.work({ thread: "acme/ann-4", run: uuid(4), epoch: 1 })).toEqual({
      type: "skipped",
      why: "RUN_TERMINAL"
    })
    expect(await app.backend.work("nonsense")).toEqual({ type: "skipped", why: "BAD_SHAPE" })
  })

  it("a busy agent that rejects says so, and an interrupt ends its run", async () => {
    await app.send("ann", "POST", "/threads/ann-6/runs", { id: uuid(10), agent: "patient", input: {} })
    const busy = await app.send("ann", "POST", "/threads/ann-6/runs", { id: uuid(11), agent: "patient", input: {} })
    expect(busy.body.error).toMatchObject({ code: "RUN_BUSY", retryable: true })
    const working = app.backend.work({ thread: "acme/ann-6", run: uuid(10), epoch: 1 })
    const cancelled = await app.send("ann", "POST", "/threads/ann-6/interrupts", {
      kind: "cancel",
      id: uuid(12),
      run: uuid(10)
    })
    expect(cancelled.body).toMatchObject({ ok: true, interrupt: uuid(12), verdict: { type: "accepted" } })
    expect(await working).toMatchObject({ type: expect.stringMatching(/finished|skipped/) })
    const late = await app.send("ann", "POST", "/threads/ann-6/interrupts", {
      kind: "cancel",
      id: uuid(13),
      run: uuid(10)
    })
    expect(late.status).toBe(409)
    expect(late.body.error.code).toBe("RUN_TERMINAL")
  })
})

describe("reading", () => {
  it("pages entries densely and says whether there is more", async () => {
    for (let n = 0; n < 5; n++) {
      await app.send("ann", "POST", "/threads/ann-pages/messages", {
        id: uuid(100 + n),
        parts: [{ type: "text", text: String(n) }]
      })
    }
    const first = (await app.send("ann", "GET", "/threads/ann-pages/entries?after=0&limit=2")).body
    expect(first.entries.map((entry: { offset: number }) => entry.offset)).toEqual([1, 2])
    expect(first.more).toBe(true)
    const anchor = first.entries[1]
    const rest = (await app.send("ann", "GET", `/threads/ann-pages/entries?after=2&id=${anchor.id}&log=${first.logId}`))
      .body
    expect(rest.entries.map((entry: { offset: number }) => entry.offset)).toEqual([3, 4, 5])
    expect(rest.more).toBe(false)
  })

  it("tells another history and an offset beyond the head", async () => {
    const wrongLog = await app.send("ann", "GET", `/threads/ann-pages/entries?after=2&log=${uuid(999)}`)
    expect(wrongLog.body.error).toMatchObject({ code: "LOG_CHANGED", head: { offset: 5 } })
    const wrongId = await app.send("ann", "GET", `/threads/ann-pages/entries?after=2&id=${uuid(998)}`)
    expect(wrongId.body.error.code).toBe("LOG_CHANGED")
    const ahead = await app.send("ann", "GET", "/threads/ann-pages/entries?after=6")
    expect(ahead.body.error).toMatchObject({ code: "OFFSET_AHEAD", retryable: true, head: { offset: 5 } })
  })

  it("answers an empty view for a thread that has no entry yet", async () => {
    const { body, status } = await app.send("ann", "GET", "/threads/ann-none/view")
    expect(status).toBe(200)
    expect(body.view).toMatchObject({ offset: 0, messages: [], runs: [] })
  })

  it("cuts a view larger than a page at whole messages, the rest by `before`", async () => {
    const text = "x".repeat(30_000)
    for (let n = 0; n < 50; n++) {
      await app.send("ann", "POST", "/threads/ann-long/messages", { id: `m${n}`, parts: [{ type: "text", text }] })
    }
    const newest = (await app.send("ann", "GET", "/threads/ann-long/view")).body
    expect(JSON.stringify(newest).length).toBeLessThanOrEqual(1024 * 1024)
    expect(newest.view.messages.at(-1).id).toBe("m49")
    const older = (await app.send("ann", "GET", `/threads/ann-long/view?before=${newest.before}`)).body
    const ids = [...older.view.messages, ...newest.view.messages].map((message: { id: string }) => message.id)
    expect(ids).toEqual(Array.from({ length: 50 }, (_, n) => `m${n}`))
    expect(older.before).toBeUndefined()
  })
})

describe("pages of a long view", () => {
  it("hold each finished run once, beside its messages", async () => {
    const text = "y".repeat(30_000)
    for (let n = 0; n < 40; n++) {
      await app.send("ann", "POST", "/threads/ann-runs/runs", { id: uuid(2_000 + n), agent: "echo", input: { text } })
      await app.backend.work({ thread: "acme/ann-runs", run: uuid(2_000 + n), epoch: 1 })
    }
    const runs: string[] = []
    const messages: string[] = []
    let before: string | undefined
    do {
      const query = before === undefined ? "" : `?before=${encodeURIComponent(before)}`
      const { body, text: raw } = await app.send("ann", "GET", `/threads/ann-runs/view${query}`)
      expect(raw.length).toBeLessThanOrEqual(1024 * 1024)
      runs.unshift(...body.view.runs.map((run: { id: string }) => run.id))
      messages.unshift(...body.view.messages.map((message: { run: string }) => message.run))
      before = body.before
    } while (before !== undefined)
    const all = Array.from({ length: 40 }, (_, n) => uuid(2_000 + n))
    expect(runs).toEqual(all)
    expect(messages).toEqual(all)
  })
})

describe("grants", () => {
  it("names the gateway and one opaque group per readable thread, and leaves the others out", async () => {
    const { body } = await app.send("bob", "POST", "/threads/shared-1/grants", { threads: ["shared-2", "ann-1"] })
    expect(body.grant).toMatchObject({ gateway: "ws", upstream: true })
    expect(Object.keys(body.grant.groups)).toEqual(["shared-1", "shared-2"])
    expect(body.grant.groups["shared-1"]).toMatch(/^t-[A-Za-z0-9_-]{43}$/)
    expect(Date.parse(body.grant.expiresAt)).toBeGreaterThan(Date.now())
  })

  it("gives different tenants different groups for the same name", async () => {
    const groupOf = async (who: string) =>
      (await app.send(who, "POST", "/threads/shared-1/grants", {})).body.grant.groups["shared-1"]
    expect(await groupOf("ann")).not.toBe(await groupOf("eve"))
    expect(await groupOf("ann")).toBe(await groupOf("bob"))
  })
})

describe("the sweeper", () => {
  it("has nothing to do while nothing is late", async () => {
    expect(await app.backend.sweep()).toEqual({ enqueued: 0, ended: 0 })
  })
})
