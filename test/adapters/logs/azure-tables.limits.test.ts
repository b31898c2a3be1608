import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { tablesLog } from "../../../adapters/logs/azure-tables/log.ts"
import { following, newThread } from "../../../src/conformance/logCase.ts"
import type { Note } from "../../../src/ports/ThreadLog.ts"
import { hasAzurite, startAzurite, type Azurite } from "../azurite.ts"
import { startProxy, type Proxy } from "../proxy.ts"
import { openLog, type OpenLog } from "./conform.ts"

const KiB = 1_024
/** A JSON text of exactly so many bytes. */
const jsonOf = (bytes: number, fill = "x"): string => fill.repeat(bytes - 2)
const notesOf = (count: number, bytes: number, keyOf = (n: number) => `chunk/run/${n}`): readonly Note[] =>
  Array.from({ length: count }, (_, n) => ({ key: keyOf(n), value: jsonOf(bytes, String(n % 10)) }))

describe.skipIf(!hasAzurite())("the Azure Tables log, with records as large as they may be", () => {
  let azurite: Azurite
  let proxy: Proxy
  let opened: OpenLog
  beforeAll(async () => {
    azurite = await startAzurite()
    const endpoint = /TableEndpoint=(http:\/\/[^/]+)/.exec(azurite.connectionString)![1]!
    proxy = await startProxy(endpoint)
    opened = await openLog(tablesLog({ connectionString: azurite.connectionString.replace(endpoint, proxy.url) }))
  })
  afterAll(async () => {
    await opened?.close()
    await proxy?.close()
    await azurite?.close()
  })

  it("takes an entry of 256 KiB, a control of 16 KiB and 80 notes of 32 KiB in one append, and reads them back", async () => {
    const { log } = opened
    const thread = newThread()
    const body = JSON.stringify(jsonOf(256 * KiB))
    const control = { held: jsonOf(16 * KiB - 20) }
    const notes = notesOf(80, 32 * KiB)
    const head = await Effect.runPromise(log.head(thread))
    const before = proxy.seen.requests
    const result = await Effect.runPromise(log.append(thread, following(head, { body, control, notes })))
    expect([result._tag, proxy.seen.requests - before]).toEqual(["Appended", 1])
    expect(proxy.seen.bodyBytes).toBeGreaterThan(3.5 * KiB * KiB)
    expect(await Effect.runPromise(log.notes(thread, "chunk/"))).toEqual(
      notes.toSorted((a, b) => (a.key < b.key ? -1 : 1))
    )
    expect(await Effect.runPromise(log.read(thread, 0, { limit: 1, maxBytes: 1 }))).toMatchObject({
      entries: [{ body }],
      head: { control }
    })
  })

  it("sends no batch above 4 MiB and refuses none that would be far below: whatever is in it, and nothing is sent", async () => {
    const { log } = opened
    const shapes: readonly (readonly [string, (n: number) => Parameters<typeof following>[1]])[] = [
      ["large notes", (n) => ({ notes: notesOf(98, n * 1_100) })],
      ["keys that are escaped", (n) => ({ notes: notesOf(98, n * 1_100, (k) => `é"\\${k}/${"\u2028".repeat(400)}`) })],
      ["an entry with notes", (n) => ({ body: jsonOf(900 * KiB), notes: notesOf(60, n * 1_400) })]
    ]
    for (const [shape, change] of shapes) {
      let [accepted, refused] = [20, 50]
      let largest = 0
      // the largest that is accepted, found by halves; each on a thread of its own with a long name
      while (refused - accepted > 1) {
        const n = Math.floor((accepted + refused) / 2)
        const thread = `${"é".repeat(60)}/${newThread().slice(5)}`
        const head = await Effect.runPromise(log.head(thread))
        const before = proxy.seen.requests
        const outcome = await Effect.runPromise(Effect.result(log.append(thread, following(head, change(n)))))
        if (outcome._tag === "Success") {
          expect([shape, n, outcome.success._tag]).toEqual([shape, n, "Appended"])
          largest = Math.max(largest, proxy.seen.bodyBytes)
          accepted = n
        } else {
          expect(outcome.failure.reason).toMatchObject({ _tag: "RecordTooLarge", limitBytes: 4 * KiB * KiB })
          expect(proxy.seen.requests).toBe(before)
          refused = n
        }
      }
      expect(largest).toBeLessThanOrEqual(4 * KiB * KiB)
      expect([shape, largest > 3.7 * KiB * KiB]).toEqual([shape, true])
    }
  }, 60_000)

  it("says so where the service finds an append too large after all", async () => {
    const { log } = opened
    const thread = newThread()
    const head = await Effect.runPromise(log.head(thread))
    proxy.faults.push("too-large")
    const { reason } = await Effect.runPromise(Effect.flip(log.append(thread, following(head))))
    expect(reason._tag).toBe("RecordTooLarge")
    expect(reason.message).toMatch(/^append is \d{4} bytes/)
  })
})

describe("the Azure Tables log's settings", () => {
  const development = { connectionString: "UseDevelopmentStorage=true" }
  const credential = { getToken: async () => null }
  it.each([
    ["connectionString", { connectionString: "canary" }, {}],
    ["connectionString", { connectionString: "AccountName=canary;AccountKey=" }, {}],
    ["url", { url: "canary", credential }, {}],
    ["url", { url: "ftp://canary", credential }, {}],
    ["table", development, { table: "1canary" }],
    ["table", development, { table: "ca" }],
    ["table", development, { table: "can-ary" }],
    ["table", development, { table: "Tables" }],
    ["timeoutMillis", development, { timeoutMillis: 0 }],
    ["timeoutMillis", development, { timeoutMillis: Number.NaN }]
  ])("are refused by the name of %s", (name, connection, options) => {
    expect(() => tablesLog(connection, options)).toThrow(new RegExp(`^${name} must`))
    expect(() => tablesLog(connection, options)).not.toThrow(/canary/i)
  })
})
