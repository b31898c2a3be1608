import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterEach, describe, expect, it, vi } from "vitest"
import { redisLog } from "../../../adapters/logs/redis/log.ts"
import { conflicts, entriesOf, following, grow, newThread } from "../../../src/conformance/logCase.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasRedis, startRedis } from "../redis.ts"
import type { RedisServer } from "../redis.ts"
import { openLog } from "./conform.ts"

const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)
const open = (server: RedisServer) => openLog(Layer.orDie(redisLog({ url: server.url })))
interface Acknowledged {
  readonly id: string
  readonly at: number
}
/** Appends until an append is not answered; what was acknowledged, by thread. */
const write = async (log: ThreadLogService, threads: readonly string[]) => {
  const acknowledged = new Map<string, Acknowledged[]>(threads.map((thread) => [thread, []]))
  const all = Promise.all(
    threads.map(async (thread) => {
      let head = await run(log.head(thread))
      for (;;) {
        const next = following(head, { notes: [{ key: `step/r/${head.offset}`, value: 1 }] })
        const result = await run(log.append(thread, next))
        if (result._tag !== "Appended") return
        acknowledged.get(thread)!.push({ id: next.entry.id, at: performance.now() })
        head = result.head
      }
    })
  )
  return { acknowledged, all }
}

describe.skipIf(!hasRedis())("what the Redis log keeps when its server is killed", () => {
  let server: RedisServer | undefined
  afterEach(() => server?.close())

  for (const { sync, writeMillis, mayLoseMillis } of [
    { sync: "always", writeMillis: 500, mayLoseMillis: 0 },
    { sync: "no", writeMillis: 500, mayLoseMillis: 0 },
    // While a sync is slow, the server holds the next write back for up to two seconds, and answers nevertheless.
    { sync: "everysec", writeMillis: 2_600, mayLoseMillis: 2_100 }
  ]) {
    it(`keeps what was acknowledged, with appendfsync ${sync}`, async () => {
      server = await startRedis("--appendonly", "yes", "--appendfsync", sync)
      const first = await open(server)
      const threads = Array.from({ length: 16 }, newThread)
      const { acknowledged, all } = await write(first.log, threads)
      await run(Effect.sleep(writeMillis))
      const isBusy = () => [...acknowledged.values()].every(({ length }) => length > 10)
      await vi.waitUntil(isBusy, { timeout: 20_000 })
      const killed = performance.now()
      await server.kill()
      await all
      await first.close()
      await server.start()
      const second = await open(server)
      let lost = 0
      for (const thread of threads) {
        const ids = (await run(entriesOf(second.log, thread))).map((entry) => entry.id)
        const promised = acknowledged.get(thread)!
        // One more may be there, whose answer was lost. What is lost is the newest, never one in between.
        expect(ids.length).toBeLessThanOrEqual(promised.length + 1)
        expect(ids.slice(0, promised.length)).toEqual(promised.slice(0, ids.length).map(({ id }) => id))
        expect((await run(second.log.notes(thread, "step/"))).length).toBe(ids.length)
        const missing = promised.slice(ids.length)
        expect(missing.filter(({ at }) => killed - at > mayLoseMillis)).toEqual([])
        lost += missing.length
      }
      if (mayLoseMillis === 0) expect(lost).toBe(0)
      await second.close()
    })
  }

  it("says what holds for the server that it found", async () => {
    server = await startRedis()
    const said = async (...settings: readonly string[]) => {
      for (let n = 0; n < settings.length; n += 2)
        await server?.ask("CONFIG", "SET", settings[n] ?? "", settings[n + 1] ?? "")
      const { log, close } = await open(server!)
      await close()
      return log.durability
    }
    expect((await said()).sigkill).toMatch(/^Only what the server's last snapshot holds/)
    expect(await said("appendonly", "yes", "appendfsync", "always")).toMatchObject({
      sigkill: expect.stringMatching(/^Everything acknowledged: .* syncs/),
      powerCut: expect.stringMatching(/^Everything acknowledged/)
    })
    expect(await said("appendfsync", "everysec")).toMatchObject({
      sigkill: expect.stringMatching(/^Everything acknowledged, unless/),
      powerCut: expect.stringMatching(/^All but the newest two seconds/)
    })
    expect((await said("appendfsync", "no")).powerCut).toMatch(/^All but the newest half minute/)
    // A user without the right to ask
    await server.ask("ACL", "SETUSER", "plain", "on", ">x", "~*", "&*", "+@all", "-config", "-info")
    const url = server.url.replace("://", "://plain:x@")
    const { log, close } = await openLog(Layer.orDie(redisLog({ url })))
    expect(log.durability.sigkill).toMatch(/^Not known/)
    expect((await run(grow(log, newThread(), 2))).head.offset).toBe(2)
    await close()
  })

  it("is another history when it is restarted with older data: who knew the newer one conflicts", async () => {
    server = await startRedis("--appendonly", "yes", "--appendfsync", "always")
    const { folder } = server
    const thread = newThread()
    const { log, close } = await open(server)
    const old = (await run(grow(log, thread, 5))).head
    const back = async () => {
      await server?.start()
      await run(Effect.eventually(log.head(thread)))
    }
    await server.kill()
    cpSync(join(folder, "appendonlydir"), join(folder, "copy"), { recursive: true })
    await back()
    const newer = (await run(grow(log, thread, 3))).head
    await server.kill()
    rmSync(join(folder, "appendonlydir"), { recursive: true })
    cpSync(join(folder, "copy"), join(folder, "appendonlydir"), { recursive: true })
    await back()

    const found = await run(log.head(thread))
    expect([found.offset, found.id, found.logId]).toEqual([5, old.id, old.logId])
    await run(conflicts("the newer history's writer", await run(log.append(thread, following(newer)))))
    // Also when the other history has come as far: the entries are others.
    const { entries, head } = await run(grow(log, thread, 3))
    expect([head.offset, head.tag]).toEqual([newer.offset, newer.tag])
    await run(conflicts("and again", await run(log.append(thread, following(newer)))))
    expect((await run(entriesOf(log, thread, 5))).map((entry) => entry.id)).toEqual(entries.map((entry) => entry.id))
    await close()
  })
})
