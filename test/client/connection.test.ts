import { describe, expect, it } from "vitest"
import { openThread } from "../../src/client/index.ts"
import type { Thread, ThreadOptions } from "../../src/client/index.ts"
import { reconnectDelay } from "../../src/client/backoff.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import { fakeBackend, fakeGateway, refusal, runEvents, viewOf } from "./fake.ts"
import { seeded, virtualClock } from "./virtual.ts"

const setUp = (seed = 1) => {
  const clock = virtualClock(seed)
  const backend = fakeBackend(clock)
  const gateway = fakeGateway(clock)
  const open = (thread = "t1", more: Partial<ThreadOptions> = {}): Thread =>
    openThread({ endpoint: "/api", thread, gateways: [gateway], fetch: backend.fetch, environment: clock, ...more })
  const say = (thread: string, events: Entry["events"]) => {
    const entry = backend.append(thread, events)
    gateway.publish(thread, JSON.stringify(entry))
    return entry
  }
  const whole = (thread: string) => viewOf(backend.log(thread).entries)
  return { clock, backend, gateway, open, say, whole }
}

describe("one connection", () => {
  it("serves every thread of an endpoint and its credentials, with one grant for all", async () => {
    const { backend, clock, gateway, open, say } = setUp()
    const threads = ["t1", "t2", "t3", "t3"].map((name) => open(name))
    const other = open("t1", { token: () => "other" })
    await clock.advance(100)
    expect(gateway.sockets).toHaveLength(2)
    expect(backend.calls.filter((call) => call.path === "/threads/t1/grants").map((call) => call.body)).toEqual([
      { threads: ["t2", "t3"] },
      { threads: [] }
    ])
    say("t3", runEvents.begin("r1"))
    expect(threads.map((thread) => thread.view.offset)).toEqual([0, 0, 1, 1])
    for (const thread of [...threads, other]) thread.close()
    expect(gateway.open()).toHaveLength(0)
    await clock.advance(100_000)
    expect(clock.pending()).toBe(0)
  })
  it("opens the new connection before it closes the old one when a thread is added, and loses nothing", async () => {
    const { clock, gateway, open, say, whole } = setUp()
    gateway.openMillis = 50
    const first = open("t1")
    await clock.advance(500)
    const states: string[] = []
    first.subscribe((_, connection) => states.push(connection))
    const second = open("t2")
    let most = 0
    for (let step = 0; step < 40; step++) {
      say("t1", step === 0 ? runEvents.begin("r") : runEvents.delta("r", `${step} `))
      say("t2", [{ type: "custom", name: "n", value: step }])
      await clock.advance(50)
      most = Math.max(most, gateway.open().length)
      expect(gateway.open().length).toBeGreaterThanOrEqual(1)
    }
    expect(most).toBe(2)
    expect(gateway.open()).toHaveLength(1)
    expect(Object.keys(gateway.open()[0]!.grant.groups)).toEqual(["t1", "t2"])
    expect(new Set(states)).toEqual(new Set(["live"]))
    expect(first.view).toEqual(whole("t1"))
    expect(second.view).toEqual(whole("t2"))
    first.close()
    second.close()
  })
  it("is not kept from serving the others by one thread that is refused", async () => {
    const { backend, clock, gateway, open, say } = setUp()
    backend.intercept = (call) => {
      const asked = [call.path.split("/")[2], ...(call.body?.threads ?? [])]
      return asked.includes("secret") ? refusal(404, "NOT_FOUND") : undefined
    }
    const good = open("t1")
    const bad = open("secret")
    const late = open("t2")
    await clock.advance(1_000)
    expect(good.connection).toBe("live")
    expect(late.connection).toBe("live")
    expect(bad.connection).toBe("offline")
    expect(bad.state.error).toMatchObject({ code: "NOT_FOUND" })
    say("t1", runEvents.begin("r1"))
    expect(good.view.offset).toBe(1)
    const sockets = gateway.sockets.length
    const grants = backend.count(/grants/)
    await clock.advance(5 * 60_000)
    expect(gateway.sockets.length).toBe(sockets)
    expect(backend.count(/grants/) - grants).toBeLessThan(45)
    backend.intercept = undefined
    await clock.advance(2 * 60_000)
    expect(bad.connection).toBe("live")
    for (const thread of [good, bad, late]) thread.close()
  })
  it("is not asked for again and again for a thread that the grant leaves out", async () => {
    const { backend, clock, gateway, open, say } = setUp()
    backend.latencyMillis = 200
    backend.unreadable.add("b")
    const a = open("a")
    const b = open("b")
    await clock.advance(1_000)
    expect(a.connection).toBe("live")
    expect(b.connection).toBe("offline")
    expect(b.state.error).toMatchObject({ code: "NOT_FOUND", retryable: false })
    expect([backend.count(/grants/), gateway.sockets.length]).toEqual([1, 1])
    const states: string[] = []
    a.subscribe((_, connection) => states.push(connection))
    await clock.advance(5 * 60_000)
    expect(new Set(states)).toEqual(new Set(["live"]))
    // Once in 30 to 60 s it is tried again.
    for (const count of [backend.count(/grants/), gateway.sockets.length]) {
      expect(count).toBeGreaterThan(4)
      expect(count).toBeLessThan(13)
    }
    expect(gateway.open()).toHaveLength(1)
    say("a", runEvents.begin("r1"))
    expect(a.view.offset).toBe(1)
    backend.unreadable.clear()
    await clock.advance(61_000)
    expect(b.connection).toBe("live")
    expect(b.state.error).toBeUndefined()
    // Revoked while it is open: the entry that says so makes the client ask for the new groups.
    backend.unreadable.add("b")
    const before = backend.count(/grants/)
    say("b", [{ type: "custom", name: ".grants", value: null }])
    await clock.advance(10_000)
    expect(b.connection).toBe("offline")
    expect(a.connection).toBe("live")
    await clock.advance(2 * 60_000)
    expect(backend.count(/grants/) - before).toBeLessThan(7)
    for (const thread of [a, b]) thread.close()
    await clock.advance(100_000)
    expect(clock.pending()).toBe(0)
  })
  it.each([
    ["more threads than a grant may have", 101, undefined, 40],
    // Each is asked for alone, and none is refused.
    ["threads that are only refused together", 3, "FORBIDDEN", 160]
  ])("asks with pauses for %s", async (_, count, code, most) => {
    const { backend, clock, gateway, open } = setUp()
    backend.latencyMillis = 200
    backend.intercept = ({ body }) => (code && body?.threads?.length > 0 ? refusal(403, code) : undefined)
    const threads = Array.from({ length: count }, (_, at) => open(`t${at}`))
    // A view that is answered later takes the error away again.
    const told = new Set<string | undefined>()
    for (const thread of threads) thread.subscribe(() => told.add(thread.state.error?.code))
    await clock.advance(1_000)
    expect(told).toContain(code ?? "TOO_MANY")
    for (const { connection } of threads) expect(connection).toBe("offline")
    await clock.advance(10 * 60_000)
    expect(gateway.sockets).toHaveLength(0)
    expect(backend.count(/grants/)).toBeGreaterThan(4)
    expect(backend.count(/grants/)).toBeLessThan(most)
    backend.intercept = undefined
    threads.pop()!.close()
    await clock.advance(65_000)
    for (const { connection } of threads) expect(connection).toBe("live")
    for (const thread of threads) thread.close()
  })
})

describe("reconnecting", () => {
  it("is caught up within a second of a cut, and within 250 ms of the socket's opening, a thousand times", async () => {
    const { backend, clock, gateway, open, say, whole } = setUp(7)
    backend.latencyMillis = 60
    gateway.openMillis = 40
    const thread = open()
    await clock.advance(1_000)
    say("t1", runEvents.begin("r"))
    const times: number[] = []
    const sinceOpen: number[] = []
    for (let round = 0; round < 1_000; round++) {
      gateway.open()[0]!.cut()
      const cutAt = clock.now()
      expect(thread.connection).toBe("recovering")
      const { offset } = backend.append("t1", runEvents.delta("r", "x"))
      let openAt = Infinity
      for (let step = 0; step < 200 && (thread.view.offset < offset || thread.connection !== "live"); step++) {
        await clock.advance(10)
        if (gateway.open().length > 0) openAt = Math.min(openAt, clock.now())
      }
      times.push(clock.now() - cutAt)
      // It was seen up to a step of the clock late.
      sinceOpen.push(clock.now() - openAt + 10)
      await clock.advance(1_000 - Math.min(900, clock.now() - cutAt))
    }
    times.sort((a, b) => a - b)
    expect(times[990]!).toBeLessThanOrEqual(1_000)
    expect(Math.max(...sinceOpen)).toBeLessThanOrEqual(250)
    expect(thread.view).toEqual(whole("t1"))
    thread.close()
  }, 60_000)
  it("uses the grant again while it is valid, and asks for another when it expired or did not connect", async () => {
    const { backend, clock, gateway, open } = setUp()
    backend.grant = { ...backend.grant, expiresAt: new Date(clock.now() + 60_000).toISOString() }
    const thread = open()
    await clock.advance(1_000)
    gateway.open()[0]!.cut()
    await clock.advance(1_000)
    expect(backend.count(/grants/)).toBe(1)
    await clock.advance(60_000)
    expect(thread.connection).toBe("live")
    gateway.open()[0]!.cut()
    await clock.advance(1_000)
    expect(backend.count(/grants/)).toBe(2)
    backend.grant = { ...backend.grant, expiresAt: "2027-01-01T00:00:00.000Z" }
    gateway.opens = false
    gateway.open()[0]!.cut()
    await clock.advance(5_000)
    expect(thread.connection).toBe("offline")
    expect(thread.state.error).toMatchObject({ code: "GATEWAY_UNAVAILABLE" })
    expect(backend.count(/grants/)).toBeGreaterThan(2)
    gateway.opens = true
    await clock.advance(60_000)
    expect(thread.connection).toBe("live")
    expect(thread.state.error).toBeUndefined()
    thread.close()
  })
  it("goes on showing the log by polling while no gateway can be reached", async () => {
    const { backend, clock, gateway, open, say, whole } = setUp()
    gateway.opens = false
    const thread = open()
    await clock.advance(1_000)
    say("t1", runEvents.begin("r1"))
    await clock.advance(61_000 + 10_000)
    expect(thread.view).toEqual(whole("t1"))
    backend.append("t1", runEvents.end("r1"))
    await clock.advance(6_500)
    expect(thread.view).toEqual(whole("t1"))
    expect(thread.connection).toBe("offline")
    thread.close()
  })
  it("spreads its attempts over the grant's time once it fails again and again", async () => {
    const { backend, clock, gateway, open } = setUp()
    backend.grant = { ...backend.grant, reconnectSpreadMillis: 60_000 }
    const thread = open()
    await clock.advance(1_000)
    gateway.opens = false
    gateway.open()[0]!.cut()
    await clock.advance(10 * 60_000)
    // 30 s apart on average, instead of 16 at most without the grant's measure.
    expect(gateway.sockets.length).toBeGreaterThan(8)
    expect(gateway.sockets.length).toBeLessThan(40)
    thread.close()
  })
  it("waits as long as the gateway or the backend says", async () => {
    const { backend, clock, gateway, open } = setUp()
    const thread = open()
    await clock.advance(1_000)
    gateway.open()[0]!.cut(20_000)
    await clock.advance(19_900)
    expect(gateway.sockets).toHaveLength(1)
    await clock.advance(10_000)
    expect(thread.connection).toBe("live")
    backend.grant = { ...backend.grant, expiresAt: "2020-01-01T00:00:00.000Z" }
    backend.intercept = ({ path }) =>
      path.endsWith("grants") ? refusal(503, "GATEWAY_UNAVAILABLE", true, { "retry-after": "30" }) : undefined
    thread.close()
    const other = open("t2")
    await clock.advance(29_900)
    expect(backend.calls.filter(({ path }) => path === "/threads/t2/grants")).toHaveLength(1)
    other.close()
  })
  it("says so when the grant is for a gateway that the client does not have", async () => {
    const { backend, clock, open } = setUp()
    backend.grant = { ...backend.grant, gateway: "carrier-pigeon" }
    const thread = open()
    await clock.advance(2_000)
    expect(thread.connection).toBe("offline")
    expect(thread.state.error?.message).toContain("carrier-pigeon")
    thread.close()
  })
  it("renews the grant when frames are missing though the socket is open", async () => {
    const { backend, clock, gateway, open, say, whole } = setUp()
    const thread = open()
    await clock.advance(1_000)
    say("t1", runEvents.begin("r1"))
    // The group's name was changed: what is published reaches only who asks for a new grant.
    gateway.sockets[0]!.deaf = true
    for (let round = 0; round < 8; round++) {
      backend.append("t1", runEvents.delta("r1", `${round}`))
      await clock.advance(3_000)
    }
    expect(gateway.sockets).toHaveLength(2)
    say("t1", runEvents.end("r1"))
    expect(thread.view).toEqual(whole("t1"))
    thread.close()
  })
  it("takes over when the gateway's own client does not bridge a cut in time, and not when it does", async () => {
    const { clock, gateway, open, say, whole, backend } = setUp()
    const thread = open()
    await clock.advance(1_000)
    const socket = gateway.sockets[0]!
    socket.handlers.onInterrupted()
    expect(thread.connection).toBe("recovering")
    backend.append("t1", runEvents.begin("r1"))
    await clock.advance(500)
    socket.handlers.onOpen()
    await clock.advance(100)
    expect(thread.connection).toBe("live")
    expect(thread.view).toEqual(whole("t1"))
    expect(gateway.sockets).toHaveLength(1)
    socket.handlers.onInterrupted()
    await clock.advance(3_000)
    expect(gateway.sockets).toHaveLength(2)
    expect(socket.closed).toBe(true)
    say("t1", runEvents.end("r1"))
    expect(thread.view).toEqual(whole("t1"))
    thread.close()
  })
})

describe("liveness", () => {
  it("gives up a dead socket within 10 s while a run is active and within 30 s otherwise", async () => {
    for (const [active, bound] of [
      [true, 10_000],
      [false, 30_000]
    ] as const) {
      const { clock, gateway, open, say } = setUp()
      const thread = open()
      await clock.advance(1_000)
      say("t1", active ? runEvents.begin("r1") : [{ type: "custom", name: "n", value: 1 }])
      gateway.answers = false
      gateway.sockets[0]!.open = false
      const since = clock.now()
      while (!gateway.sockets[0]!.closed && clock.now() - since < 60_000) await clock.advance(100)
      expect(clock.now() - since).toBeLessThanOrEqual(bound)
      thread.close()
    }
  })
  it("keeps a quiet socket that answers, at few pings", async () => {
    const { clock, gateway, open } = setUp()
    const thread = open()
    await clock.advance(10 * 60_000)
    expect(gateway.sockets).toHaveLength(1)
    expect(gateway.sockets[0]!.pings).toBeLessThanOrEqual(31)
    expect(thread.connection).toBe("live")
    thread.close()
  })
  it("looks at once when the page becomes visible or the network is back", async () => {
    const { backend, clock, gateway, open, whole } = setUp()
    const thread = open()
    await clock.advance(1_000)
    backend.append("t1", runEvents.end("r1"))
    clock.wake()
    await clock.advance(10)
    expect(thread.view).toEqual(whole("t1"))
    expect(gateway.sockets[0]!.pings).toBe(1)
    gateway.answers = false
    clock.wake()
    await clock.advance(4_500)
    expect(gateway.sockets[0]!.closed).toBe(true)
    gateway.opens = false
    await clock.advance(10 * 60_000)
    const tried = gateway.sockets.length
    gateway.opens = true
    clock.wake()
    await clock.advance(200)
    expect(gateway.sockets.length).toBe(tried + 1)
    expect(thread.connection).toBe("live")
    thread.close()
  })
})

describe("a herd", () => {
  it("of 10,000 clients that failed to reconnect comes back spread over the grant's time", () => {
    const random = seeded(3)
    for (const failures of [2, 3, 5]) {
      const slots = new Map<number, number>()
      for (let client = 0; client < 10_000; client++) {
        const slot = Math.floor(reconnectDelay(failures, 10_000, random) / 100)
        slots.set(slot, (slots.get(slot) ?? 0) + 1)
      }
      expect(slots.size).toBeGreaterThanOrEqual(100)
      expect(Math.max(...slots.values())).toBeLessThan(200)
    }
  })
  it("that was told to come back later does not come back together", () => {
    const random = seeded(4)
    const delays = Array.from({ length: 10_000 }, () => reconnectDelay(0, 5_000, random, 2_000))
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(2_000)
    const slots = new Map<number, number>()
    for (const delay of delays) slots.set(Math.floor(delay / 100), (slots.get(Math.floor(delay / 100)) ?? 0) + 1)
    expect(Math.max(...slots.values())).toBeLessThan(300)
  })
  it("is not made of single cuts: the first retry is quick, and never at once", () => {
    const random = seeded(5)
    const delays = Array.from({ length: 1_000 }, () => reconnectDelay(0, 60_000, random))
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(50)
    expect(Math.max(...delays)).toBeLessThanOrEqual(250)
  })
})
