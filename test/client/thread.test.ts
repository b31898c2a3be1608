import { describe, expect, it, vi } from "vitest"
import { openThread } from "../../src/client/index.ts"
import type { Thread, ThreadOptions } from "../../src/client/index.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import { fakeBackend, fakeGateway, refusal, runEvents, viewOf } from "./fake.ts"
import { virtualClock } from "./virtual.ts"

const setUp = (seed = 1) => {
  const clock = virtualClock(seed)
  const backend = fakeBackend(clock)
  const gateway = fakeGateway(clock)
  const open = (thread = "t1", more: Partial<ThreadOptions> = {}): Thread =>
    openThread({ endpoint: "/api", thread, gateways: [gateway], fetch: backend.fetch, environment: clock, ...more })
  const publish = (entry: Entry) => gateway.publish(entry.thread, JSON.stringify(entry))
  const say = (thread: string, events: Entry["events"]) => {
    const entry = backend.append(thread, events)
    publish(entry)
    return entry
  }
  const whole = (thread: string) => viewOf(backend.log(thread).entries)
  return { clock, backend, gateway, open, publish, say, whole }
}

describe("following a thread", () => {
  it("shows each frame that continues the log at once, and is live", async () => {
    const { clock, open, say, whole } = setUp()
    const thread = open()
    const seen: number[] = []
    thread.subscribe((view) => seen.push(view.offset))
    await clock.advance(100)
    expect(thread.connection).toBe("live")
    say("t1", runEvents.begin("r1"))
    say("t1", runEvents.delta("r1", "Hello"))
    expect(thread.view).toEqual(whole("t1"))
    expect(seen.slice(-2)).toEqual([1, 2])
    thread.close()
    expect(thread.connection).toBe("closed")
  })
  it("joins late: what happened before, while and after the view was taken is there once", async () => {
    for (let late = 0; late <= 6; late++) {
      const { backend, clock, gateway, open, say, whole } = setUp(late)
      backend.latencyMillis = 30
      gateway.openMillis = 20
      const run = "r1"
      const steps = [
        runEvents.begin(run),
        ...["a", "b", "c", "d"].map((text) => runEvents.delta(run, text)),
        runEvents.end(run)
      ]
      let thread: Thread | undefined
      for (const [index, events] of steps.entries()) {
        if (index === late) thread = open()
        say("t1", events)
        await clock.advance(9)
      }
      thread ??= open()
      await clock.advance(2_000)
      expect(thread.view).toEqual(whole("t1"))
      expect(thread.connection).toBe("live")
      thread.close()
    }
  })
  it("fetches a missing entry with one bounded request and never shows the hole", async () => {
    const { backend, clock, open, publish, say, whole } = setUp()
    const thread = open()
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    const lost = backend.append("t1", runEvents.delta("r1", "lost "))
    const before = backend.count(/entries/)
    say("t1", runEvents.delta("r1", "found"))
    expect(thread.view.offset).toBe(1)
    await clock.advance(149)
    expect(backend.count(/entries/)).toBe(before)
    await clock.advance(151)
    expect(thread.view).toEqual(whole("t1"))
    expect(backend.count(/entries/)).toBe(before + 1)
    expect(backend.calls.at(-1)!.query.get("limit")).toBe("1")
    publish(lost)
    expect(thread.view).toEqual(whole("t1"))
    expect(thread.counters.duplicates).toBe(1)
    thread.close()
  })
  it("finds a lost last frame by silence within 6 s while a run is started", async () => {
    const { backend, clock, open, say, whole } = setUp()
    const thread = open()
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    backend.append("t1", runEvents.end("r1"))
    await clock.advance(6_100)
    expect(thread.view).toEqual(whole("t1"))
    expect(thread.view.runs[0]!.state).toBe("finished")
    thread.close()
  })
  it("looks at the head at most once a minute or so while nothing runs", async () => {
    const { backend, clock, open } = setUp()
    const thread = open()
    await clock.advance(1_000)
    const before = backend.count(/entries/)
    await clock.advance(10 * 60_000)
    const looked = backend.count(/entries/) - before
    expect(looked).toBeGreaterThanOrEqual(8)
    expect(looked).toBeLessThanOrEqual(10)
    thread.close()
  })
  it("takes the view anew when the log was replaced, and never mixes the two", async () => {
    const { backend, clock, open, say, whole } = setUp()
    const thread = open()
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    say("t1", runEvents.delta("r1", "old"))
    const old = backend.log("t1").entries
    backend.log("t1").entries = []
    backend.log("t1").logId = "log-new"
    say("t1", runEvents.begin("r2"))
    say("t1", runEvents.delta("r2", "new"))
    say("t1", runEvents.delta("r2", "er"))
    expect(thread.view).toEqual(viewOf(old))
    await clock.advance(1_000)
    expect(thread.view).toEqual(whole("t1"))
    expect(thread.connection).toBe("live")
    thread.close()
  })
  it("takes the view anew when a page does not continue it, though the backend compared nothing", async () => {
    const { backend, clock, open, say, whole } = setUp()
    backend.intercept = ({ path, query }) => {
      if (!path.endsWith("/entries")) return undefined
      const { entries, logId } = backend.log("t1")
      const head = { offset: entries.length, id: entries.at(-1)?.id ?? "" }
      return { body: { ok: true, logId, head, entries: entries.slice(Number(query.get("after"))), more: false } }
    }
    const thread = open()
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    backend.log("t1").entries = []
    backend.log("t1").logId = "log-new"
    for (const run of ["r2", "r3", "r4"]) say("t1", runEvents.begin(run))
    await clock.advance(1_000)
    expect(thread.view).toEqual(whole("t1"))
    expect(thread.connection).toBe("live")
    thread.close()
  })
  it("notices a log that lost its end and was written on, within seconds", async () => {
    const { backend, clock, open, say, whole } = setUp()
    const thread = open()
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    for (const text of "abcdef") say("t1", runEvents.delta("r1", text))
    backend.log("t1").entries.length = 4
    say("t1", runEvents.delta("r1", "Z"))
    await clock.advance(1_500)
    expect(thread.view).toEqual(whole("t1"))
    backend.log("t1").entries.length = 2
    await clock.advance(8_000)
    expect(thread.view).toEqual(whole("t1"))
    thread.close()
  })
  it("takes the view when the log no longer holds what is missing", async () => {
    const { backend, clock, gateway, open, say, whole } = setUp()
    const thread = open()
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    gateway.open()[0]!.cut()
    for (const text of "abc") backend.append("t1", runEvents.delta("r1", text))
    backend.offsetExpiredBelow = 3
    await clock.advance(2_000)
    expect(thread.view).toEqual(whole("t1"))
    expect(thread.connection).toBe("live")
    thread.close()
  })
  it("fetches what a head frame reveals, page by page", async () => {
    const { backend, clock, gateway, open, whole } = setUp()
    const thread = open()
    await clock.advance(100)
    backend.append("t1", runEvents.begin("r1"))
    for (let index = 0; index < 120; index++) backend.append("t1", runEvents.delta("r1", `${index} `))
    const { id, logId, offset } = backend.log("t1").entries.at(-1)!
    gateway.publish("t1", JSON.stringify({ v: 1, logId, thread: "t1", offset, id }))
    await clock.advance(500)
    expect(thread.view).toEqual(whole("t1"))
    thread.close()
  })
  it("drops what is no frame, counts it, looks at the log, and goes on", async () => {
    const { backend, clock, gateway, open, say, whole } = setUp()
    const thread = open()
    await clock.advance(2_000)
    const good = backend.append("t1", runEvents.begin("r1"))
    const bad = [
      "",
      "{",
      "[]",
      "null",
      "1",
      '"x"',
      "{}",
      "\u0000",
      ...[0, -1, 1.5, "7", 9007199254740993, null].map((offset) => JSON.stringify({ ...good, offset })),
      JSON.stringify(good).replace('"offset":1', '"offset":1e400'),
      JSON.stringify({ ...good, v: 2 }),
      JSON.stringify({ ...good, id: "" }),
      JSON.stringify({ ...good, prev: 5 }),
      JSON.stringify({ ...good, events: {} }),
      JSON.stringify({ ...good, events: [null] }),
      JSON.stringify({ ...good, events: [{ type: 5 }] }),
      `{"__proto__":{"admin":true}}`,
      "[".repeat(200_000),
      JSON.stringify({ ...good, id: "x".repeat(129) })
    ]
    for (const text of bad) gateway.publish("t1", text)
    expect(thread.counters.badFrames).toBe(bad.length)
    await clock.advance(100)
    expect(thread.view).toEqual(whole("t1"))
    say("t1", runEvents.end("r1"))
    expect(thread.view).toEqual(whole("t1"))
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
    thread.close()
  })
  it("does not buffer a frame far ahead, asks a bounded number of times, and stops believing it", async () => {
    const { backend, clock, gateway, open, say } = setUp()
    const thread = open()
    await clock.advance(100)
    const first = say("t1", runEvents.begin("r1"))
    const before = backend.count(/entries/)
    gateway.publish("t1", JSON.stringify({ ...first, offset: 1_000_000_000, id: "far", prev: "near" }))
    await clock.advance(4_000)
    expect(backend.count(/entries/) - before).toBeLessThanOrEqual(2)
    expect(thread.connection).toBe("live")
    expect(thread.view.offset).toBe(1)
    thread.close()
  })
  it("keeps an event of an unknown type: the offset advances and it is handed on", async () => {
    const { clock, open, say } = setUp()
    const thread = open()
    await clock.advance(100)
    const iterator = thread.events()[Symbol.asyncIterator]()
    const next = iterator.next()
    await vi.dynamicImportSettled()
    await clock.settle()
    say("t1", [{ type: "quantum.leap", size: 3 }])
    await clock.settle()
    expect((await next).value).toMatchObject({ offset: 1, event: { type: "quantum.leap", size: 3 } })
    thread.close()
  })
  it("joins a surrogate pair that was split between two deltas", async () => {
    const { clock, open, say } = setUp()
    const thread = open()
    await clock.advance(100)
    say("t1", runEvents.begin("r1"))
    say("t1", runEvents.delta("r1", "\ud83d"))
    say("t1", runEvents.delta("r1", "\ude00"))
    expect(thread.view.messages[0]!.parts[0]).toMatchObject({ text: "😀" })
    thread.close()
  })
  it("reports a listener that throws once, and serves the others", async () => {
    const { clock, open, say } = setUp()
    const reported: unknown[] = []
    const original = globalThis.reportError
    globalThis.reportError = (error) => void reported.push(error)
    try {
      const thread = open()
      let calls = 0
      thread.subscribe(() => {
        throw new Error("mine")
      })
      thread.subscribe(() => void calls++)
      await clock.advance(100)
      say("t1", runEvents.begin("r1"))
      say("t1", runEvents.end("r1"))
      expect(calls).toBeGreaterThan(2)
      expect(reported).toHaveLength(1)
      thread.close()
    } finally {
      globalThis.reportError = original
    }
  })
  it("loads older messages before the ones it has", async () => {
    const { backend, clock, open, say } = setUp()
    const messages = ["a", "b", "c"].map(
      (text) =>
        [
          { type: "message.posted", message: `m-${text}`, role: "user", parts: [{ type: "text", text }] }
        ] as Entry["events"]
    )
    for (const events of messages) backend.append("t1", events)
    let meanwhile = () => {}
    backend.intercept = ({ path, query }) => {
      if (!path.endsWith("/view")) return undefined
      const { entries, logId } = backend.log("t1")
      const view = { ...viewOf(entries), logId }
      const older = query.get("before") !== null
      if (older) meanwhile()
      return {
        body: {
          view: { ...view, messages: older ? view.messages.slice(0, 2) : view.messages.slice(2) },
          ...(older ? {} : { before: "m-c" })
        }
      }
    }
    const thread = open()
    await clock.advance(100)
    expect(thread.state.hasOlder).toBe(true)
    expect(thread.view.messages).toHaveLength(1)
    // after the page was made, before it is shown
    meanwhile = () => say("t1", [{ type: "content.erased", offsets: [[1, 1]] }])
    expect(await thread.older()).toEqual({ ok: true })
    expect(thread.view.messages.map((message) => message.id)).toEqual(["m-a", "m-b", "m-c"])
    const texts = thread.view.messages.flatMap(({ parts }) => parts.map((part) => part.type === "text" && part.text))
    expect(texts).toEqual(["", "b", "c"])
    expect(thread.state.hasOlder).toBe(false)
    say("t1", runEvents.begin("r1"))
    expect(thread.view.messages).toHaveLength(4)
    thread.close()
  })
})

describe("events()", () => {
  it("gives every event once, in order, from any offset on, also to a slow reader", async () => {
    const { backend, clock, open, say } = setUp()
    for (let index = 0; index < 10; index++) backend.append("t1", [{ type: "custom", name: "n", value: index }])
    const thread = open()
    await clock.advance(100)
    const got: number[] = []
    const stop = new AbortController()
    const reading = (async () => {
      for await (const { offset } of thread.events({ after: 3, signal: stop.signal })) {
        got.push(offset)
        if (offset === 6) await new Promise<void>((resolve) => clock.setTimeout(resolve, 1_000))
      }
    })()
    await vi.dynamicImportSettled()
    await clock.advance(100)
    for (let index = 0; index < 3_000; index++) say("t1", [{ type: "custom", name: "n", value: index }])
    await clock.advance(10_000)
    stop.abort()
    await reading
    expect(got).toEqual(Array.from({ length: 3_007 }, (_, index) => index + 4))
    thread.close()
  })
  it("ends when the thread is closed, and throws when the log was replaced", async () => {
    const { backend, clock, open, say } = setUp()
    const thread = open()
    say("t1", runEvents.begin("r1"))
    await clock.advance(100)
    const read = async () => {
      for await (const _ of thread.events());
    }
    const first = read().catch((error: unknown) => error)
    await vi.dynamicImportSettled()
    await clock.settle()
    backend.log("t1").entries = []
    backend.log("t1").logId = "other"
    say("t1", runEvents.begin("r2"))
    await clock.advance(2_000)
    expect(await first).toMatchObject({ name: "ThreadError", fault: { code: "LOG_CHANGED" } })
    const second = read()
    await vi.dynamicImportSettled()
    await clock.settle()
    thread.close()
    await second
  })
})

describe("requests", () => {
  it("explains an endpoint that is none, and stays quiet about it", async () => {
    const { backend, clock, open } = setUp()
    backend.intercept = () => ({ status: 404, text: "<html>not here</html>" })
    const thread = open()
    await clock.advance(1_000)
    expect(thread.state.error).toMatchObject({ code: "NOT_FOUND", retryable: false })
    expect(thread.connection).toBe("offline")
    const before = backend.calls.length
    await clock.advance(60_000)
    expect(backend.calls.length - before).toBeLessThan(12)
    thread.close()
  })
  it("asks for the token again after a 401, and gives up politely", async () => {
    const { backend, clock, open } = setUp()
    let tokens = 0
    let accepted = "Bearer t1"
    backend.intercept = (call) => (call.authorization === accepted ? undefined : refusal(401, "UNAUTHENTICATED"))
    const thread = open("t1", { token: () => `t${++tokens}` })
    await clock.advance(1_000)
    accepted = "Bearer none"
    const posted = thread.post("hello")
    await clock.advance(1_000)
    expect(await posted).toMatchObject({ ok: false, error: { code: "UNAUTHENTICATED" } })
    expect(backend.calls.filter((call) => call.path.endsWith("messages"))).toHaveLength(2)
    thread.close()
  })
  it("waits as long as Retry-After says, repeats with the same id, and answers", async () => {
    const { backend, clock, open } = setUp()
    const thread = open()
    await clock.advance(100)
    const sent: number[] = []
    backend.intercept = (call) => {
      if (!call.path.endsWith("runs")) return undefined
      sent.push(clock.now())
      return sent.length < 3 ? refusal(503, "STORE_UNAVAILABLE", true, { "retry-after": "2" }) : undefined
    }
    const started = thread.start("writer", { question: "?" }, { message: "Hi" })
    await clock.advance(20_000)
    expect(await started).toMatchObject({ ok: true })
    const starts = backend.calls.filter((call) => call.path.endsWith("runs"))
    expect(new Set(starts.map((call) => call.body.id)).size).toBe(1)
    expect(sent[1]! - sent[0]!).toBeGreaterThanOrEqual(2_000)
    expect(starts[0]!.body).toMatchObject({
      agent: "writer",
      input: { question: "?" },
      message: { parts: [{ type: "text", text: "Hi" }] }
    })
    thread.close()
  })
  it("answers OUTCOME_UNKNOWN when no answer ever comes, and never throws", async () => {
    const { backend, clock, open } = setUp()
    const thread = open()
    await clock.advance(100)
    backend.intercept = () => Promise.reject(new Error("network down"))
    const posted = thread.post("hello")
    await clock.advance(60_000)
    expect(await posted).toMatchObject({ ok: false, error: { code: "OUTCOME_UNKNOWN", retryable: true } })
    expect(await thread.start("writer", { big: 1n })).toMatchObject({ ok: false, error: { code: "BAD_SHAPE" } })
    thread.close()
  })
  it("takes the input that the agent's type says", async () => {
    const { backend, clock, open } = setUp()
    const thread = open()
    await clock.advance(100)
    const librarian = { name: "librarian" } as {
      name: "librarian"
      "~types"?: { input: { question: string }; output: number }
    }
    expect(await thread.start(librarian, { question: "?" })).toMatchObject({ ok: true })
    await thread.start<typeof librarian>("librarian", { question: "?" })
    // @ts-expect-error -- another input than the agent's
    await thread.start(librarian, { query: "?" })
    await thread.start("anything", { what: ["ever"] })
    expect(backend.calls.at(-1)!.body).toMatchObject({ agent: "anything", input: { what: ["ever"] } })
    thread.close()
  })
  it("does not repeat what was refused", async () => {
    const { backend, clock, open } = setUp()
    const thread = open()
    await clock.advance(100)
    backend.intercept = (call) => (call.path.endsWith("runs") ? refusal(409, "RUN_BUSY", true) : undefined)
    expect(await thread.start("writer", {})).toMatchObject({ ok: false, error: { code: "RUN_BUSY" } })
    expect(backend.count(/runs/)).toBe(1)
    thread.close()
  })
  it("shows what it sent, even if its frame is lost", async () => {
    const { backend, clock, open, whole } = setUp()
    const thread = open()
    await clock.advance(100)
    backend.intercept = (call) => {
      if (call.path.endsWith("messages")) {
        backend.append("t1", [{ type: "message.posted", message: call.body.id, role: "user", parts: call.body.parts }])
      }
      return undefined
    }
    expect(await thread.post("hello")).toMatchObject({ ok: true, offset: 1 })
    await clock.advance(400)
    expect(thread.view).toEqual(whole("t1"))
    thread.close()
  })
})

describe("interrupts", () => {
  it("go over the socket, and an answer is bound to the digest that the view shows", async () => {
    const { backend, clock, gateway, open, say } = setUp()
    const thread = open()
    await clock.advance(100)
    say("t1", [
      ...runEvents.begin("r1"),
      {
        type: "ask.opened",
        run: "r1",
        ask: "a1",
        kind: "approval",
        prompt: "Write?",
        digest: "d1",
        expiresAt: "2026-01-01T01:00:00.000Z"
      }
    ])
    expect(await thread.cancel("r1", { reason: "enough" })).toMatchObject({ ok: true, verdict: { type: "accepted" } })
    expect(await thread.approve("a1")).toMatchObject({ ok: true })
    expect(await thread.deny("a1", { reason: "no" })).toMatchObject({ ok: true })
    expect(await thread.steer("r1", "be brief")).toMatchObject({ ok: true })
    expect(await thread.approve("nowhere")).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } })
    const sent = gateway.sockets[0]!.sent.map(({ data }) => data)
    expect(sent[0]).toMatchObject({ thread: "t1", interrupt: { kind: "cancel", run: "r1", reason: "enough" } })
    expect(sent[1].interrupt).toMatchObject({
      kind: "answer",
      run: "r1",
      ask: "a1",
      digest: "d1",
      answer: { type: "approved" }
    })
    expect(sent[2].interrupt.answer).toEqual({ type: "denied", reason: "no" })
    expect(sent[3].interrupt).toMatchObject({
      kind: "steer",
      when: "next-step",
      message: { parts: [{ type: "text", text: "be brief" }] }
    })
    expect(backend.count(/interrupts/)).toBe(0)
    thread.close()
  })
  it("go over HTTP with the same id when the socket does not answer, and when there is no way back", async () => {
    const { backend, clock, gateway, open } = setUp()
    const thread = open()
    await clock.advance(100)
    gateway.invoke = () => Promise.reject(new Error("gone"))
    const first = await thread.cancel("r1")
    const overHttp = backend.calls.at(-1)!
    expect(overHttp.path).toBe("/threads/t1/interrupts")
    expect(overHttp.body).toEqual(gateway.sockets[0]!.sent[0]!.data.interrupt)
    expect(first).toMatchObject({ ok: true, interrupt: overHttp.body.id })
    gateway.invoke = () => Promise.resolve({ nonsense: true })
    expect(await thread.pause("r1")).toMatchObject({ ok: true })
    gateway.invoke = () => Promise.resolve(refusal(200, "RUN_TERMINAL").body)
    expect(await thread.resume("r1")).toMatchObject({ ok: false, error: { code: "RUN_TERMINAL" } })
    expect(backend.count(/interrupts/)).toBe(2)
    gateway.open()[0]!.cut()
    expect(await thread.cancel("r1", { id: "mine" })).toMatchObject({ ok: true, interrupt: "mine" })
    thread.close()
  })
})
