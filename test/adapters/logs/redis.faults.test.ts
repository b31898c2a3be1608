import { once } from "node:events"
import { connect, createServer } from "node:net"
import type { AddressInfo, Socket } from "node:net"
import { setTimeout } from "node:timers/promises"
import { inspect } from "node:util"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { EvictingServer, redisLog } from "../../../adapters/logs/redis/log.ts"
import { entriesOf, following, grow, newThread, snapshotAt } from "../../../src/conformance/logCase.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import type { Append, AppendResult, Head, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasRedis, startRedis } from "../redis.ts"
import type { RedisServer } from "../redis.ts"
import { openLog } from "./conform.ts"
import type { OpenLog } from "./conform.ts"

const TIMEOUT_MILLIS = 2_000

/**
 * Between a log and its server: counts what passes, cuts the connection in place of the next answer if told, and
 * lets nothing through any more on connections that are open when it is muted.
 */
const startProxy = async (target: number) => {
  const state = { cutNextAnswer: false, chunks: 0, connections: 0, mutedUpTo: 0 }
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1")
    const number = (state.connections += 1)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on("error", () => undefined)
    }
    near.on("data", (chunk) => {
      if (number <= state.mutedUpTo) return
      state.chunks += 1
      far.write(chunk)
    })
    far.on("data", (chunk) => {
      if (!state.cutNextAnswer) return void near.write(chunk)
      state.cutNextAnswer = false
      near.destroy()
      far.destroy()
    })
    near.on("close", () => far.destroy())
    far.on("close", () => near.destroy())
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await once(server.close(), "close")
  }
  return { url, state, close }
}
const open = (url: string) => openLog(Layer.orDie(redisLog({ url, timeoutMillis: TIMEOUT_MILLIS })))
const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)
const reasonOf = async (effect: Effect.Effect<unknown, LogError>) => (await run(Effect.flip(effect))).reason
/** Reads until the log answers again. */
const headOnceBack = async (log: ThreadLogService, thread: string): Promise<Head> =>
  run(Effect.eventually(log.head(thread)))

describe.skipIf(!hasRedis())("the Redis log, when the server or the network fails", () => {
  let server: RedisServer
  let proxy: Awaited<ReturnType<typeof startProxy>>
  let opened: OpenLog
  let log: ThreadLogService
  let thread: string
  let head: Head
  beforeAll(async () => {
    server = await startRedis("--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0")
    proxy = await startProxy(Number(new URL(server.url).port))
    opened = await open(proxy.url)
    log = opened.log
  })
  afterAll(async () => {
    await opened?.close()
    await proxy?.close()
    await server?.close()
  })
  beforeEach(async () => {
    thread = newThread()
    head = (await run(grow(log, thread, 1))).head
  })
  const append = (request: Append): Promise<AppendResult> => run(log.append(thread, request))
  /** Reading tells whether the append was written, and the log agrees when it is asked again. */
  const settles = async (sent: Append, written: boolean) => {
    await headOnceBack(log, thread)
    expect(await run(entriesOf(log, thread, head.offset))).toEqual(written ? [sent.entry] : [])
    expect((await append(sent))._tag).toBe(written ? "Conflict" : "Appended")
    expect((await run(log.head(thread))).offset).toBe(2)
  }
  const commandsSoFar = async (): Promise<number> => {
    const stats = String(await server.ask("INFO", "commandstats"))
    return [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0)
  }

  it("answers Unknown for an append whose connection is killed, and never sends it again", async () => {
    // Writes are held by the server, so that the append is under way when its connection goes.
    await server.ask("CLIENT", "PAUSE", "30000", "WRITE")
    const before = await commandsSoFar()
    const sent = following(head)
    const answer = append(sent)
    while (!/blocked_clients:[1-9]/.test(String(await server.ask("INFO", "clients")))) await setTimeout(10)
    await server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    expect((await answer)._tag).toBe("Unknown")
    await server.ask("CLIENT", "UNPAUSE")
    await headOnceBack(log, thread)
    expect((await commandsSoFar()) - before).toBe(1)
    await settles(sent, false)
  })
  it("answers Unknown for an append whose answer is lost, and reading finds it", async () => {
    const sent = following(head)
    proxy.state.cutNextAnswer = true
    expect((await append(sent))._tag).toBe("Unknown")
    await settles(sent, true)
  })
  it("answers Unknown in time when the server stands still, and goes on when it does", async () => {
    server.signal("SIGSTOP")
    const sent = following(head)
    const [appended, read] = await Promise.all([append(sent), reasonOf(log.head(thread))])
    expect([appended._tag, read._tag]).toEqual(["Unknown", "LogUnavailable"])
    server.signal("SIGCONT")
    await headOnceBack(log, thread)
    // The stopped server had received it, and may do it before or after what comes on the new connection.
    const answers = [(await append(sent))._tag, (await append(sent))._tag]
    expect(answers[1]).toBe("Conflict")
    expect(await run(entriesOf(log, thread, head.offset))).toEqual([sent.entry])
  })
  it("answers Unknown in time on a connection that has gone silent, and takes another", async () => {
    proxy.state.mutedUpTo = proxy.state.connections
    const sent = following(head)
    expect((await append(sent))._tag).toBe("Unknown")
    await settles(sent, false)
    expect(proxy.state.connections).toBe(proxy.state.mutedUpTo + 1)
  })
  it("fails at once while the server is gone, and finds everything when it is back", async () => {
    await server.kill()
    const sent = following(head)
    expect((await append(sent))._tag).toBe("Unknown")
    const begin = performance.now()
    expect((await append(sent))._tag).toBe("Unknown")
    expect((await reasonOf(log.read(thread, 0, { limit: 1, maxBytes: 1 })))._tag).toBe("LogUnavailable")
    expect(performance.now() - begin).toBeLessThan(TIMEOUT_MILLIS)
    await server.start()
    await settles(sent, false)
  })
  it("is full where the server's memory is, keeps reading, and can make room", async () => {
    const grown = (await run(grow(log, thread, 4))).head
    await run(log.saveSnapshot(thread, snapshotAt(grown)))
    await server.ask("CONFIG", "SET", "maxmemory", "1")
    try {
      const full = following(grown, { control: { v: 1 }, due: 5, notes: [{ key: "run/1", value: 1 }] })
      expect((await reasonOf(log.append(thread, full)))._tag).toBe("LogFull")
      expect((await reasonOf(log.saveSnapshot(thread, snapshotAt(grown))))._tag).toBe("LogFull")
      const { now: _, ...found } = await run(log.head(thread))
      expect(found).toEqual({ ...grown, now: undefined })
      expect((await run(entriesOf(log, thread))).length).toBe(5)
      expect(await run(log.notes(thread, ""))).toEqual([])
      expect(await run(log.trim(thread, 3))).toBe(3)
      await run(log.erase(thread, { from: 4, to: 5, noteKeys: [], tombstone: () => "gone" }))
      expect((await run(entriesOf(log, thread, 3))).map((entry) => entry.body)).toEqual(["gone", "gone"])
      await run(log.drop(thread, "new"))
    } finally {
      await server.ask("CONFIG", "SET", "maxmemory", "0")
    }
    expect((await append(following(await run(log.head(thread)))))._tag).toBe("Appended")
  })
  it("goes on when the server has forgotten the scripts", async () => {
    await server.ask("SCRIPT", "FLUSH")
    const results = await Promise.all([append(following(head)), append(following(head)), run(log.head(thread))])
    expect(results.slice(0, 2).map((result) => "_tag" in result && result._tag)).toEqual(["Appended", "Conflict"])
  })
  it("sends what is appended in one turn to many threads together", async () => {
    const threads = Array.from({ length: 200 }, newThread)
    const heads = await Promise.all(threads.map((name) => run(log.head(name))))
    const before = proxy.state.chunks
    const results = await Promise.all(threads.map((name, n) => run(log.append(name, following(heads[n]!)))))
    expect(results.every((result) => result._tag === "Appended")).toBe(true)
    expect(proxy.state.chunks - before).toBeLessThan(20)
  })
  it("neither reads nor writes at a replica", async () => {
    const replica = await startRedis("--replicaof", "127.0.0.1", new URL(server.url).port)
    const other = await open(replica.url)
    try {
      while (!String(await replica.ask("INFO", "replication")).includes("master_link_status:up")) await setTimeout(10)
      const reads = [other.log.head(thread), entriesOf(other.log, thread), other.log.note(thread, "run/1")]
      for (const read of [...reads, other.log.notes(thread, ""), other.log.snapshot(thread)])
        expect((await reasonOf(read))._tag).toBe("LogUnavailable")
      expect((await run(other.log.append(thread, following(head))))._tag).toBe("Unknown")
    } finally {
      await other.close()
      await replica.close()
    }
    expect((await run(log.head(thread))).offset).toBe(1)
  })
  it("refuses a server that may delete entries, and says what to set", async () => {
    for (const policy of ["allkeys-lru", "allkeys-lfu", "allkeys-random"]) {
      await server.ask("CONFIG", "SET", "maxmemory-policy", policy)
      const refused = await run(Effect.flip(Effect.scoped(Layer.build(redisLog({ url: server.url })))))
      expect(refused).toBeInstanceOf(EvictingServer)
      expect(refused).toMatchObject({ _tag: "EvictingServer", policy })
      expect(refused.message).toMatch(/maxmemory-policy is allkeys.*set maxmemory-policy to noeviction/)
    }
    await server.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    await (await open(server.url)).close()
    await server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
  })
  it("keeps the password out of every error", async () => {
    const { port } = new URL(server.url)
    const secret = "p4ssw0rd"
    const shown: unknown[] = []
    for (const url of [`redis://me:${secret}@127.0.0.1:${port}`, `redis://me:${secret}@127.0.0.1:1`])
      shown.push(await run(Effect.flip(Effect.scoped(Layer.build(redisLog({ url, timeoutMillis: 500 }))))))
    for (const url of [
      `redis://me:${secret}@[`,
      `http://me:${secret}@host`,
      `redis://me:${secret}@host/x`,
      `redis://me:%${secret}@host`
    ]) {
      try {
        redisLog({ url })
        shown.push("accepted")
      } catch (cause) {
        shown.push(cause)
      }
    }
    for (const error of shown) {
      expect(error).toBeInstanceOf(Error)
      expect(inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)).not.toContain(secret)
    }
  })
})
