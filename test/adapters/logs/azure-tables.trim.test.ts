import { TableClient } from "@azure/data-tables"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { tablesLog } from "../../../adapters/logs/azure-tables/log.ts"
import { partitionOf } from "../../../adapters/logs/azure-tables/keys.ts"
import { ALL, entriesOf, following, grow, newThread, snapshotAt } from "../../../src/conformance/logCase.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import type { Head, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasAzurite, startAzurite, type Azurite } from "../azurite.ts"
import { startProxy, type Proxy } from "../proxy.ts"
import { openLog, type OpenLog } from "./conform.ts"

const reasonOf = async (effect: Effect.Effect<unknown, LogError>) =>
  (await Effect.runPromise(Effect.flip(effect))).reason

describe.skipIf(!hasAzurite())("trimming, erasing and dropping in Azure Tables", () => {
  let azurite: Azurite
  let proxy: Proxy
  let opened: OpenLog
  let log: ThreadLogService
  let rows: TableClient
  let thread: string
  beforeAll(async () => {
    azurite = await startAzurite()
    const endpoint = /TableEndpoint=(http:\/\/[^/]+)/.exec(azurite.connectionString)![1]!
    proxy = await startProxy(endpoint)
    opened = await openLog(tablesLog({ connectionString: azurite.connectionString.replace(endpoint, proxy.url) }))
    log = opened.log
    rows = TableClient.fromConnectionString(azurite.connectionString, "throughline", { allowInsecureConnection: true })
  })
  afterAll(async () => {
    await opened?.close()
    await proxy?.close()
    await azurite?.close()
  })
  beforeEach(() => void (thread = newThread()))
  /** Row keys of the thread that begin so. */
  const keysOf = async (begin: string): Promise<string[]> => {
    const found: string[] = []
    const filter = `PartitionKey eq '${partitionOf(thread)}'`
    for await (const { rowKey } of rows.listEntities({ queryOptions: { filter, select: ["RowKey"] } }))
      if (rowKey?.startsWith(begin) === true) found.push(rowKey)
    return found
  }
  /** A thread of so many entries, written in batches past the log, but for the first and the last two. */
  const longThread = async (count: number): Promise<Head> => {
    const append = async (head: Head) => {
      const result = await Effect.runPromise(log.append(thread, following(head, { body: `{"n":${head.offset + 1}}` })))
      if (result._tag !== "Appended") throw new Error(result._tag)
      return result.head
    }
    let head = await append(await Effect.runPromise(log.head(thread)))
    const partitionKey = partitionOf(thread)
    for (let from = 2; from <= count - 2; from += 100) {
      await rows.submitTransaction(
        Array.from({ length: Math.min(100, count - 1 - from) }, (_, n) => {
          const body = Buffer.from(`{"n":${from + n}}`)
          const rowKey = `e00000000${String(from + n).padStart(16, "0")}`
          return ["create", { partitionKey, rowKey, id: `"id-${from + n}"`, bytes: body.length, wide: 0, b0: body }]
        })
      )
    }
    const stored = await rows.getEntity<{ head: string }>(partitionKey, "h")
    const text = { ...(JSON.parse(stored.head) as object), offset: count - 2, id: `id-${count - 2}` }
    await rows.updateEntity({ partitionKey, rowKey: "h", head: JSON.stringify(text) }, "Merge")
    head = await append(await append(await Effect.runPromise(log.head(thread))))
    expect(head.offset).toBe(count)
    return head
  }
  const trimmedIs = async (offset: number, head: Head) => {
    for (const after of [0, 1, Math.floor(offset / 2), offset - 1]) {
      for (const options of [ALL, { limit: 1, maxBytes: 1 }, { limit: 40, maxBytes: 1_000_000 }])
        expect(await reasonOf(log.read(thread, after, options))).toMatchObject({
          _tag: "OffsetExpired",
          firstOffset: offset + 1
        })
    }
    expect((await Effect.runPromise(entriesOf(log, thread, offset))).map((entry) => entry.offset)).toEqual(
      Array.from({ length: head.offset - offset }, (_, n) => offset + 1 + n)
    )
  }

  it("trims a log of more entries than a page holds, in batches, and costs a read nothing", async () => {
    const head = await longThread(1_260)
    await Effect.runPromise(log.saveSnapshot(thread, snapshotAt({ ...head, offset: 1_200 })))
    const before = proxy.seen.requests
    expect(await Effect.runPromise(log.trim(thread, 5_000))).toBe(1_200)
    // snapshot, marker twice, two pages, twelve batches
    expect(proxy.seen.requests - before).toBeLessThanOrEqual(17)
    expect((await keysOf("e")).length).toBe(60)
    await trimmedIs(1_200, head)
    const asked = proxy.seen.requests
    await Effect.runPromise(log.read(thread, 1_200, ALL))
    await Effect.runPromise(log.read(thread, 1_200, { limit: 60, maxBytes: 1_000_000 }))
    expect(proxy.seen.requests - asked).toBe(2)
  }, 60_000)

  it("leaves nothing to see of a trim that died half-way, and finishes it at the next", async () => {
    const head = await longThread(420)
    await Effect.runPromise(log.saveSnapshot(thread, snapshotAt({ ...head, offset: 400 })))
    // the trim's requests: snapshot, marker read, marker written unless it was, a page, batch, batch, …
    for (const [passed, left] of [
      [0, 420],
      [2, 420],
      [4, 420],
      [6, 120]
    ] as const) {
      proxy.faults.push(...Array.from({ length: passed }, () => "pass" as const), "lose-request")
      expect(await reasonOf(log.trim(thread, 400))).toMatchObject({ _tag: "LogUnavailable" })
      expect([passed, (await keysOf("e")).length]).toEqual([passed, left])
      if (passed > 2) await trimmedIs(400, head)
      else expect((await Effect.runPromise(entriesOf(log, thread))).length).toBe(420)
    }
    expect(await Effect.runPromise(log.trim(thread, 10))).toBe(400)
    expect((await keysOf("e")).length).toBe(20)
    await trimmedIs(400, head)
  }, 60_000)

  it("never lets a trimmed offset be written again", async () => {
    const first = await longThread(5)
    await Effect.runPromise(log.saveSnapshot(thread, snapshotAt(first)))
    const stale: Head = { ...first, offset: 3 }
    expect(await Effect.runPromise(log.trim(thread, 5))).toBe(5)
    for (const expected of [stale, { ...first, offset: 0, id: "", tag: "" }, { ...stale, tag: first.tag }]) {
      const result = await Effect.runPromise(log.append(thread, following(expected, { logId: first.logId })))
      expect(result._tag).toBe("Conflict")
    }
    const next = await Effect.runPromise(log.append(thread, following(first)))
    expect(next).toMatchObject({ _tag: "Appended", head: { offset: 6 } })
    expect(await keysOf("e")).toEqual([`e00000000${"6".padStart(16, "0")}`])
  })

  it("keeps the farther of two trims that cross", async () => {
    const head = await longThread(60)
    await Effect.runPromise(log.saveSnapshot(thread, snapshotAt(head)))
    const answers = await Promise.all([10, 50, 20, 40, 30].map((to) => Effect.runPromise(log.trim(thread, to))))
    expect(Math.max(...answers)).toBe(50)
    await trimmedIs(50, head)
  })

  it("says that an offset is expired, not that the log is corrupt, when a read meets the trim", async () => {
    const head = await longThread(1_300)
    await Effect.runPromise(log.saveSnapshot(thread, snapshotAt({ ...head, offset: 1_290 })))
    // the read's second page waits until the trim is over
    proxy.faults.push("pass", "held")
    const reading = Effect.runPromise(Effect.flip(log.read(thread, 0, ALL)))
    await proxy.untilHeld()
    await Effect.runPromise(log.trim(thread, 1_290))
    await proxy.release()
    expect((await reading).reason).toMatchObject({ _tag: "OffsetExpired", firstOffset: 1_291 })
  }, 60_000)

  it("erases more than one batch holds", async () => {
    const body = "x".repeat(200_000)
    let head = (await Effect.runPromise(grow(log, thread, 1))).head
    for (let n = 0; n < 25; n++) {
      const result = await Effect.runPromise(log.append(thread, following(head, { body })))
      head = result._tag === "Appended" ? result.head : head
    }
    await Effect.runPromise(
      log.erase(thread, { from: 1, to: 26, noteKeys: [], tombstone: ({ body }) => body.replaceAll("x", "-") })
    )
    const entries = await Effect.runPromise(entriesOf(log, thread))
    expect([entries.length, entries.some((entry) => entry.body.includes("x"))]).toEqual([26, false])
  })

  it("erases notes that are many, named twice or gone, in few requests", async () => {
    const notes = Array.from({ length: 90 }, (_, n) => ({ key: `step/run/${n}`, value: "secret" }))
    const result = await Effect.runPromise(
      log.append(thread, following(await Effect.runPromise(log.head(thread)), { notes, body: "secret" }))
    )
    expect(result._tag).toBe("Appended")
    const noteKeys = notes.map(({ key }) => key)
    const erase = { from: 1, to: 1, noteKeys: [...noteKeys, ...noteKeys], tombstone: () => "erased" }
    const before = proxy.seen.requests
    await Effect.runPromise(log.erase(thread, erase))
    expect(proxy.seen.requests - before).toBeLessThanOrEqual(4)
    await Effect.runPromise(log.erase(thread, { ...erase, noteKeys: ["step/run/1", "step/never"] }))
    expect(await Effect.runPromise(log.notes(thread, ""))).toEqual([])
    for await (const row of rows.listEntities({ queryOptions: { filter: `PartitionKey eq '${partitionOf(thread)}'` } }))
      expect(
        Object.values(row).map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value))
      ).not.toContain("secret")
  })

  it("keeps the rows of no snapshot but the one that counts, also where a lower one is saved after it", async () => {
    const { entries, head } = await Effect.runPromise(grow(log, thread, 2))
    const one = { ...head, offset: 1, id: entries[0]!.id }
    // the lower one looks, finds none, and is written after the higher one
    proxy.faults.push("pass", "held")
    const lower = Effect.runPromise(log.saveSnapshot(thread, snapshotAt(one, { text: "secret".repeat(400_000) })))
    await proxy.untilHeld()
    await Effect.runPromise(log.saveSnapshot(thread, snapshotAt(head)))
    await proxy.release()
    await lower
    expect((await Effect.runPromise(log.snapshot(thread)))?.offset).toBe(2)
    expect(await keysOf("i")).toHaveLength(1)
  })

  it("drops a long thread page by page; what a drop that died has left is not read, and goes with the next", async () => {
    await longThread(320)
    proxy.faults.push("pass", "pass", "pass", "pass", "lose-request")
    expect(await reasonOf(log.drop(thread, "log-2"))).toMatchObject({ _tag: "LogUnavailable" })
    expect((await keysOf("e")).length).toBeGreaterThan(0)
    expect(await Effect.runPromise(log.read(thread, 0, ALL))).toMatchObject({
      entries: [],
      head: { logId: "log-2", offset: 0 }
    })
    const head = await Effect.runPromise(log.head(thread))
    expect((await Effect.runPromise(log.append(thread, following(head))))._tag).toBe("Appended")
    await Effect.runPromise(log.drop(thread, "log-3"))
    expect(await keysOf("")).toEqual(["h"])
  }, 60_000)
})
