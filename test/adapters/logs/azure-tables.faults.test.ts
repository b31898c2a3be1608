import * as Effect from "effect/Effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { serviceClock } from "../../../adapters/logs/azure-tables/clock.ts"
import { tablesLog } from "../../../adapters/logs/azure-tables/log.ts"
import { ALL, entriesOf, following, grow, newThread, snapshotAt } from "../../../src/conformance/logCase.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import type { Head, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasAzurite, startAzurite } from "../azurite.ts"
import type { Azurite } from "../azurite.ts"
import { startProxy, type Fault, type Proxy } from "../proxy.ts"
import { openLog } from "./conform.ts"
import type { OpenLog } from "./conform.ts"

const reasonOf = async (effect: Effect.Effect<unknown, LogError>) =>
  (await Effect.runPromise(Effect.flip(effect))).reason

describe.skipIf(!hasAzurite())("the Azure Tables log, when the service or the network fails", () => {
  let azurite: Azurite
  let proxy: Proxy
  let opened: OpenLog
  let log: ThreadLogService
  let thread: string
  let head: Head
  beforeAll(async () => {
    azurite = await startAzurite()
    const endpoint = /TableEndpoint=(http:\/\/[^/]+)/.exec(azurite.connectionString)![1]!
    proxy = await startProxy(endpoint)
    opened = await openLog(
      tablesLog({ connectionString: azurite.connectionString.replace(endpoint, proxy.url) }, { timeoutMillis: 1_000 })
    )
    log = opened.log
  })
  afterAll(async () => {
    await opened?.close()
    await proxy?.close()
    await azurite?.close()
  })
  beforeEach(async () => {
    thread = newThread()
    head = (await Effect.runPromise(grow(log, thread, 1))).head
  })
  const requestsOf = async <A>(work: () => Promise<A>): Promise<{ readonly count: number; readonly result: A }> => {
    const before = proxy.seen.requests
    const result = await work()
    return { count: proxy.seen.requests - before, result }
  }
  const append = async (fault: Fault, append = following(head)) => {
    proxy.faults.push(fault)
    return { append, result: await Effect.runPromise(log.append(thread, append)) }
  }

  it("answers Unknown where the request, the answer or the time was lost, and reading settles it", async () => {
    for (const [fault, written] of [
      ["lose-request", false],
      ["lose-answer", true],
      ["hang", false],
      ["hang-after", true],
      ["throttle", false],
      ["too-many", false],
      ["break", false]
    ] as const) {
      const { append: sent, result } = await append(fault)
      expect(result._tag).toBe("Unknown")
      const entries = await Effect.runPromise(entriesOf(log, thread, head.offset))
      expect(entries).toEqual(written ? [sent.entry] : [])
      const again = await Effect.runPromise(log.append(thread, sent))
      expect(again._tag).toBe(written ? "Conflict" : "Appended")
      head = await Effect.runPromise(log.head(thread))
    }
  })
  it("lets an append that arrives late, after its writer gave it up, win or lose as a whole", async () => {
    const late = await append("late")
    expect(late.result._tag).toBe("Unknown")
    expect(await Effect.runPromise(entriesOf(log, thread, 1))).toEqual([])
    await proxy.release()
    expect(await Effect.runPromise(entriesOf(log, thread, 1))).toEqual([late.append.entry])
    head = await Effect.runPromise(log.head(thread))
    const beaten = await append("late", following(head, { notes: [{ key: "step/late", value: 1 }] }))
    const winner = following(head)
    expect((await Effect.runPromise(log.append(thread, winner)))._tag).toBe("Appended")
    await proxy.release()
    expect(beaten.result._tag).toBe("Unknown")
    expect(await Effect.runPromise(entriesOf(log, thread, 2))).toEqual([winner.entry])
    expect(await Effect.runPromise(log.note(thread, "step/late"))).toBeUndefined()
  })
  it("answers Unknown where the due index could not be written, and nothing was appended", async () => {
    const { result } = await append("lose-request", following(head, { due: head.now + 1 }))
    expect(result._tag).toBe("Unknown")
    expect(await Effect.runPromise(log.head(thread))).toMatchObject({ offset: 1, due: null })
  })
  it("says when to ask again where the service throttles a read", async () => {
    proxy.faults.push("throttle")
    expect(await reasonOf(log.head(thread))).toMatchObject({ _tag: "LogUnavailable", retryAfterMillis: 1_000 })
    proxy.faults.push("too-many")
    const { retryAfterMillis } = (await reasonOf(log.read(thread, 0, ALL))) as { retryAfterMillis?: number }
    expect(retryAfterMillis).toBeGreaterThan(50_000)
    expect(retryAfterMillis).toBeLessThanOrEqual(60_000)
    proxy.faults.push("break")
    expect(await reasonOf(log.due(Date.now(), 1))).not.toHaveProperty("retryAfterMillis")
    proxy.faults.push("hang")
    expect(await reasonOf(log.read(thread, 0, ALL))).toMatchObject({ _tag: "LogUnavailable" })
    proxy.faults.push("lose-answer")
    expect(await reasonOf(log.notes(thread, ""))).toMatchObject({ _tag: "LogUnavailable" })
  })
  it("refuses what Azure would refuse, though Azurite would not", async () => {
    const tooLarge = async (change: Parameters<typeof following>[1], what: string) => {
      expect(await reasonOf(log.append(thread, following(head, change)))).toMatchObject({
        _tag: "RecordTooLarge",
        what
      })
    }
    await tooLarge({ body: "x".repeat(15 * 65_536 + 1) }, "entry")
    await tooLarge({ control: "x".repeat(65_536) }, "control")
    await tooLarge({ notes: [{ key: "step/1", value: "x".repeat(65_536) }] }, "note step/1")
    await tooLarge(
      { notes: Array.from({ length: 99 }, (_, n) => ({ key: `step/${n}`, value: n })) },
      "operations of the append"
    )
    await tooLarge(
      { notes: Array.from({ length: 60 }, (_, n) => ({ key: `step/${n}`, value: "x".repeat(60_000) })) },
      "append"
    )
    expect((await append("pass", following(head, { body: "x".repeat(15 * 65_536) }))).result._tag).toBe("Appended")
  })
  it("appends and reads with one request each, and joins late with few", async () => {
    const one = await requestsOf(() =>
      Effect.runPromise(log.append(thread, following(head, { notes: [{ key: "step/1", value: 1 }] })))
    )
    expect([one.count, one.result._tag]).toEqual([1, "Appended"])
    expect((await requestsOf(() => Effect.runPromise(log.head(thread)))).count).toBe(1)
    expect((await requestsOf(() => Effect.runPromise(log.read(newThread(), 0, ALL)))).count).toBe(1)
    expect((await requestsOf(() => Effect.runPromise(log.read(thread, 0, { limit: 100, maxBytes: 1e6 })))).count).toBe(
      1
    )
    const grown = (await Effect.runPromise(grow(log, thread, 60))).head
    await Effect.runPromise(log.saveSnapshot(thread, snapshotAt(grown, { text: "x".repeat(5_000_000) })))
    await Effect.runPromise(grow(log, thread, 40))
    const { count, result } = await requestsOf(async () => {
      const snapshot = await Effect.runPromise(log.snapshot(thread))
      return Effect.runPromise(log.read(thread, snapshot?.offset ?? 0, ALL))
    })
    expect(result.entries.length).toBe(40)
    // Azurite's pages are by rows; Azure also ends a page at 4 MiB, which adds one or two.
    expect(count).toBeLessThanOrEqual(4)
  })
})

describe("the service's clock", () => {
  it("takes the local clock while the service's answers agree with it", () => {
    let local = 1_000_000_000_400
    const clock = serviceClock(() => local)
    clock.observe(new Date(1_000_000_000_000).toUTCString(), local - 20, local)
    expect(clock.now()).toBe(local)
    local += 5
    expect(clock.now()).toBe(local)
  })
  it("follows a service that is hours away, to within what its whole seconds and the way allow", () => {
    for (const away of [-7_200_000, 7_200_000]) {
      let local = 1_000_000_000_000
      const clock = serviceClock(() => local)
      for (let n = 0; n < 50; n++) {
        local += 137
        clock.observe(new Date(Math.floor((local + away) / 1000) * 1000).toUTCString(), local - 4, local + 4)
      }
      expect(Math.abs(clock.now() - (local + away))).toBeLessThan(60)
    }
  })
  it("begins anew when a clock was set, and ignores what is no date", () => {
    let local = 1_000_000_000_000
    const clock = serviceClock(() => local)
    const observe = (service: number) => clock.observe(new Date(service).toUTCString(), local, local)
    observe(local)
    local -= 3_600_000
    observe(1_000_000_001_000)
    clock.observe(undefined, local, local)
    clock.observe("yesterday", local, local)
    expect(Math.abs(clock.now() - 1_000_000_001_000)).toBeLessThan(1_000)
  })
})
