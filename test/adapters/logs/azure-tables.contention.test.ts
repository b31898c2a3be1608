import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { tablesLog } from "../../../adapters/logs/azure-tables/log.ts"
import { entriesOf, following, newThread } from "../../../src/conformance/logCase.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasAzurite, startAzurite, type Azurite } from "../azurite.ts"
import { startProxy, type Fault, type Proxy } from "../proxy.ts"
import { openLog, type OpenLog } from "./conform.ts"

const WRITERS = 6
const EACH = 8

/** Appends until it is known to be there, as a writer does: what is not known is looked up. */
const write = Effect.fnUntraced(function* (log: ThreadLogService, thread: string, name: string) {
  let unknown = 0
  for (let n = 0; n < EACH; n++) {
    const id = `${name}-${n}`
    for (;;) {
      const head = yield* Effect.retry(log.head(thread), { times: 20 })
      const notes = [{ key: `step/${id}`, value: id }]
      const result = yield* log.append(thread, following(head, { id, notes, due: head.now + 60_000 }))
      if (result._tag === "Appended") break
      if (result._tag !== "Unknown") continue
      unknown += 1
      const there = yield* Effect.retry(log.note(thread, `step/${id}`), { times: 20 })
      if (there !== undefined) break
    }
  }
  return unknown
})
const isWhole = async (log: ThreadLogService, thread: string) => {
  const entries = await Effect.runPromise(entriesOf(log, thread))
  expect(entries.map(({ offset }) => offset)).toEqual(Array.from({ length: WRITERS * EACH }, (_, n) => n + 1))
  const all = Array.from({ length: WRITERS }, (_, w) => Array.from({ length: EACH }, (_n, n) => `w${w}-${n}`))
  expect(entries.map(({ id }) => id).sort()).toEqual(all.flat().sort())
  // each writer's own come in its order
  for (const own of all) expect(entries.map(({ id }) => id).filter((id) => own.includes(id))).toEqual(own)
  expect((await Effect.runPromise(log.notes(thread, "step/"))).length).toBe(WRITERS * EACH)
}

describe.skipIf(!hasAzurite())("many writers on one partition of Azure Tables", () => {
  let azurite: Azurite
  let proxy: Proxy
  const logs: OpenLog[] = []
  beforeAll(async () => {
    azurite = await startAzurite()
    const endpoint = /TableEndpoint=(http:\/\/[^/]+)/.exec(azurite.connectionString)![1]!
    proxy = await startProxy(endpoint)
    const connectionString = azurite.connectionString.replace(endpoint, proxy.url)
    for (let n = 0; n < WRITERS; n++)
      logs.push(await openLog(tablesLog({ connectionString }, { timeoutMillis: 3_000 })))
  })
  afterAll(async () => {
    for (const { close } of logs) await close()
    await proxy?.close()
    await azurite?.close()
  })
  const all = (thread: string) =>
    Effect.runPromise(
      Effect.all(
        logs.map(({ log }, n) => write(log, thread, `w${n}`)),
        { concurrency: "unbounded" }
      )
    )

  it("loses and doubles no entry", async () => {
    const thread = newThread()
    await all(thread)
    await isWhole(logs[0]!.log, thread)
  }, 60_000)

  it("loses and doubles none while requests, answers and time are lost and the service is busy", async () => {
    const thread = newThread()
    const kinds: readonly Fault[] = ["lose-request", "lose-answer", "throttle", "too-many", "break"]
    // every third request fails, in turn
    for (let n = 0; n < 400; n++) proxy.faults.push("pass", "pass", kinds[n % kinds.length]!)
    const unknown = await all(thread)
    proxy.faults.length = 0
    expect(unknown.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(0)
    await isWhole(logs[0]!.log, thread)
  }, 60_000)
})
