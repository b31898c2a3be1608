import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { keysOf } from "../../../adapters/logs/redis/keys.ts"
import type { ThreadKeys } from "../../../adapters/logs/redis/keys.ts"
import { redisLog } from "../../../adapters/logs/redis/log.ts"
import { entryRecord } from "../../../adapters/logs/redis/records.ts"
import { ALL, appended, entriesOf, following, grow, newThread, snapshotAt } from "../../../src/conformance/logCase.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasRedis, startRedis } from "../redis.ts"
import type { RedisServer } from "../redis.ts"
import { openLog } from "./conform.ts"
import type { OpenLog } from "./conform.ts"

const PREFIX = "damage:"
const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)

describe.skipIf(!hasRedis())("the Redis log, when its records are damaged", () => {
  let server: RedisServer
  let opened: OpenLog
  let log: ThreadLogService
  let thread: string
  let intact: string
  let keys: ThreadKeys
  beforeAll(async () => {
    server = await startRedis()
    opened = await openLog(Layer.orDie(redisLog({ url: server.url, prefix: PREFIX })))
    log = opened.log
  })
  afterAll(async () => {
    await opened?.close()
    await server?.close()
  })
  const fill = Effect.fnUntraced(function* (name: string) {
    const first = following(yield* log.head(name), { control: { v: 1 }, due: 9, notes: [{ key: "run/1", value: "n" }] })
    yield* appended("first", yield* log.append(name, first))
    const { head } = yield* grow(log, name, 4)
    yield* log.saveSnapshot(name, snapshotAt(head, { text: "view" }))
  })
  beforeEach(async () => {
    thread = newThread()
    intact = newThread()
    keys = keysOf(PREFIX).thread(thread)
    await run(fill(thread))
    await run(fill(intact))
  })
  /** Changes one character of a hash's field, in the middle. */
  const spoil = async (key: string, field: string) => {
    const value = String(await server.ask("HGET", key, field))
    const at = value.length >> 1
    await server.ask("HSET", key, field, value.slice(0, at) + (value[at] === "7" ? "8" : "7") + value.slice(at + 1))
  }
  const isCorrupt = async (effect: Effect.Effect<unknown, LogError>, offset: number) => {
    const { reason } = await run(Effect.flip(effect))
    expect(reason).toMatchObject({ _tag: "LogCorrupt", thread, offset })
  }
  const othersGoOn = async () => {
    expect((await run(entriesOf(log, intact))).length).toBe(5)
    expect(await run(log.note(intact, "run/1"))).toBe("n")
    expect((await run(log.snapshot(intact)))?.offset).toBe(5)
    await run(grow(log, intact, 1))
  }

  it("names the entry that is changed, missing, moved or beyond the head", async () => {
    const { entries } = await run(log.read(thread, 0, ALL))
    const record = async (offset: number) => String(await server.ask("HGET", keys.entries, String(offset)))
    const [whole, newest] = [await record(3), await record(5)]
    await spoil(keys.entries, "3")
    await isCorrupt(log.read(thread, 0, ALL), 3)
    expect((await run(log.read(thread, 3, ALL))).entries).toEqual(entries.slice(3))
    await server.ask("HDEL", keys.entries, "3")
    await isCorrupt(log.read(thread, 0, ALL), 3)
    await isCorrupt(log.erase(thread, { from: 1, to: 5, noteKeys: [], tombstone: () => "" }), 3)
    await server.ask("HSET", keys.entries, "3", await record(4))
    await isCorrupt(log.read(thread, 0, ALL), 3)
    const other = entryRecord(keys.name, { offset: 5, id: "other", body: "whole" })
    await server.ask("HSET", keys.entries, "3", whole, "5", other)
    await isCorrupt(log.read(thread, 0, ALL), 5)
    await server.ask("HSET", keys.entries, "5", newest, "6", whole)
    expect((await run(log.read(thread, 0, ALL))).entries).toEqual(entries)
    await isCorrupt(log.append(thread, following(await run(log.head(thread)))), 6)
    await othersGoOn()
  })
  it("refuses a head that is changed, half or gone, and writes nothing over it", async () => {
    const head = await run(log.head(thread))
    for (const field of ["l", "o", "i", "n", "c", "d"]) {
      const value = String(await server.ask("HGET", keys.head, field))
      await spoil(keys.head, field)
      expect((await run(Effect.flip(log.head(thread)))).reason._tag).toBe("LogCorrupt")
      await server.ask("HSET", keys.head, field, value)
      expect((await run(log.head(thread))).tag).toBe(head.tag)
    }
    await server.ask("HDEL", keys.head, "c", "d", "u")
    await isCorrupt(log.read(thread, 0, ALL), 5)
    await server.ask("DEL", keys.head)
    await isCorrupt(log.head(thread), 0)
    const none = { ...head, logId: "", offset: 0, id: "", control: null, due: null, tag: "0" }
    await isCorrupt(log.append(thread, following(none)), 1)
    await server.ask("SET", keys.head, "something else")
    await isCorrupt(log.head(thread), 0)
    await run(log.drop(thread, "new"))
    expect((await run(log.head(thread))).logId).toBe("new")
    await othersGoOn()
  })
  it("refuses a note that is changed, and one that lost its place", async () => {
    await spoil(keys.notes, "run/1")
    await isCorrupt(log.note(thread, "run/1"), 0)
    await isCorrupt(log.notes(thread, "run/"), 0)
    await server.ask("DEL", keys.noteKeys)
    await isCorrupt(log.notes(thread, ""), 0)
    expect((await run(entriesOf(log, thread))).length).toBe(5)
    await othersGoOn()
  })
  it("takes a damaged snapshot for none, unless what it covers was trimmed", async () => {
    await spoil(keys.snapshot, "v")
    expect(await run(log.snapshot(thread))).toBeUndefined()
    expect(await run(log.trim(thread, 5))).toBe(0)
    const { head } = await run(grow(log, thread, 1))
    await run(log.saveSnapshot(thread, snapshotAt(head)))
    expect(await run(log.trim(thread, 4))).toBe(4)
    await spoil(keys.snapshot, "v")
    await isCorrupt(log.snapshot(thread), 4)
    await spoil(keys.head, "t")
    await isCorrupt(log.read(thread, 4, ALL), 0)
    await othersGoOn()
  })
  it("drops a thread whatever is damaged", async () => {
    await spoil(keys.head, "o")
    await spoil(keys.entries, "2")
    await run(log.drop(thread, "new"))
    expect(await run(log.head(thread))).toMatchObject({ logId: "new", offset: 0 })
    expect((await run(grow(log, thread, 2))).head.offset).toBe(2)
    expect(await run(log.due(100, 100))).not.toContain(thread)
  })
  it("trims and erases threads longer than one step", async () => {
    const name = newThread()
    const { head } = await run(grow(log, name, 5_100))
    await run(log.erase(name, { from: 5, to: 1_300, noteKeys: [], tombstone: ({ offset }) => `gone ${offset}` }))
    const entries = await run(entriesOf(log, name))
    expect(entries.map((entry) => entry.body.startsWith("gone"))).toEqual(
      entries.map(({ offset }) => offset >= 5 && offset <= 1_300)
    )
    await run(log.saveSnapshot(name, snapshotAt(head)))
    expect(await run(log.trim(name, 5_050))).toBe(5_050)
    expect((await run(entriesOf(log, name, 5_050))).length).toBe(50)
  })
})
