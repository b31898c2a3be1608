import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { natsLog, type NatsLogOptions } from "../../../adapters/logs/nats/log.ts"
import { following, newThread } from "../../../src/conformance/logCase.ts"
import { LogError } from "../../../src/ports/LogError.ts"
import type { Append, Head, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasNats, startNats, type NatsServer } from "../nats.ts"
import { conforms, openLog } from "./conform.ts"

const ALL = { limit: 10_000, maxBytes: 1e9 }
const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect)
const append = async (log: ThreadLogService, thread: string, change: Parameters<typeof following>[1] = {}) => {
  const request = following(await run(log.head(thread)), change)
  const result = await run(log.append(thread, request))
  if (result._tag !== "Appended") throw new Error(result._tag, { cause: result })
  return { request, head: result.head }
}
const read = async (log: ThreadLogService, thread: string, after = 0) =>
  (await run(log.read(thread, after, ALL))).entries

describe.skipIf(!hasNats())("the NATS log", () => {
  let server: NatsServer
  beforeAll(async () => {
    server = await startNats("jetstream {}")
  })
  afterAll(() => server?.close())
  conforms(async () => natsLog({ servers: server.url }))
})

describe.skipIf(!hasNats())("the NATS log, among processes and failures", () => {
  let server: NatsServer
  const closers: (() => Promise<void>)[] = []
  const open = async (options: Partial<NatsLogOptions> = {}) => {
    const opened = await openLog(natsLog({ servers: server.url, ...options }))
    closers.push(opened.close)
    return opened.log
  }
  const manage = async <A>(work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<A>) => {
    const connection = await connect({ servers: server.url, reconnect: false })
    try {
      return await work(await jetstreamManager(connection))
    } finally {
      await connection.close()
    }
  }
  beforeAll(async () => {
    server = await startNats("jetstream {}")
  })
  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
  })
  afterAll(() => server?.close())

  it("keeps every acknowledged append when the server is killed, and half of none", async () => {
    const log = await open()
    const thread = newThread()
    for (let round = 0; round < 5; round++) {
      const acknowledged: Append[] = []
      let head: Head | undefined = await run(log.head(thread))
      const before = head.offset
      const writing = (async () => {
        while (head !== undefined) {
          const key = `step/${head.offset + 1}`
          const request = following(head, { control: { key }, notes: [{ key, value: "x" }] })
          const result = await run(log.append(thread, request))
          if (result._tag === "Appended") acknowledged.push(request)
          head = result._tag === "Appended" ? result.head : undefined
        }
      })()
      while (acknowledged.length < 20 * (round + 1)) await new Promise((resolve) => setImmediate(resolve))
      await server.kill()
      await writing
      await server.start()
      const entries = await read(log, thread, before)
      expect(entries.slice(0, acknowledged.length)).toEqual(acknowledged.map(({ entry }) => entry))
      const found = await run(log.head(thread))
      expect([found.offset, found.id]).toEqual([before + entries.length, entries.at(-1)?.id])
      expect(found.control).toEqual({ key: `step/${found.offset}` })
      expect(await run(log.notes(thread, "step/"))).toHaveLength(found.offset)
      expect(entries.length - acknowledged.length).toBeLessThanOrEqual(1)
    }
  })

  it("answers in time while the server stands still or is gone: appends are unknown, reads unavailable", async () => {
    const log = await open({ timeoutMillis: 500 })
    const thread = newThread()
    const { head } = await append(log, thread)
    const fails = async () => {
      const begin = performance.now()
      const [result, problem] = await Promise.all([
        run(log.append(thread, following(head))),
        run(Effect.flip(log.head(thread)))
      ])
      expect([result._tag, problem.reason._tag]).toEqual(["Unknown", "LogUnavailable"])
      expect(performance.now() - begin).toBeLessThan(3_000)
    }
    await server.freeze()
    await fails()
    server.thaw()
    await server.kill()
    await fails()
    await server.start()
    // what was not answered may have come
    expect([1, 2]).toContain((await run(log.head(thread))).offset)
    await append(log, thread)
  })

  it("takes a server that lost its newest messages for what it is, although their sequences come again", async () => {
    const own = await startNats("jetstream {}")
    closers.push(own.close)
    const [log, other] = [await open({ servers: own.url }), await open({ servers: own.url })]
    const thread = newThread()
    const first = await append(log, thread)
    const [store, copy] = [join(own.folder, "jetstream"), join(own.folder, "copy")]
    await own.kill()
    cpSync(store, copy, { recursive: true })
    await own.start()
    const lost = await append(log, thread)
    await own.kill()
    rmSync(store, { recursive: true })
    cpSync(copy, store, { recursive: true })
    await own.start()
    expect((await run(other.head(thread))).id).toBe(first.head.id)
    const again = await append(other, thread)
    expect([again.head.tag, again.head.offset]).toEqual([lost.head.tag, lost.head.offset])
    expect((await run(log.append(thread, following(lost.head))))._tag).toBe("Conflict")
    expect((await run(log.append(thread, following(again.head))))._tag).toBe("Appended")
  })

  it("lists the notes of an append whose writer died right after it", async () => {
    const [first, second] = [await open(), await open()]
    const thread = newThread()
    const note = { key: "run/a", value: { n: 1 } }
    await append(first, thread, { notes: [note] })
    await closers.shift()!()
    expect([await run(second.note(thread, note.key)), await run(second.notes(thread, ""))]).toEqual([
      note.value,
      [note]
    ])
    const again = following(await run(second.head(thread)), { notes: [{ key: "run/a", value: 2 }] })
    expect((await run(second.append(thread, again)))._tag).toBe("Conflict")
    await append(second, thread)
    expect(await run(second.notes(thread, ""))).toEqual([note])
  })

  it("does not let a late writer bring back a note that was erased", async () => {
    const [late, other] = [await open(), await open()]
    const thread = newThread()
    // the late writer has seen the commit with the note, and would put it on a subject of its own
    const { head } = await append(late, thread, { notes: [{ key: "run/a", value: "secret" }] })
    await run(other.erase(thread, { from: 1, to: 1, noteKeys: ["run/a"], tombstone: () => "gone" }))
    expect((await run(late.append(thread, following(head))))._tag).toBe("Conflict")
    expect([await run(other.note(thread, "run/a")), await run(other.notes(thread, ""))]).toEqual([undefined, []])
    expect((await read(other, thread)).map(({ body }) => body)).toEqual(["gone"])
    // the key can be used again
    await append(other, thread, { notes: [{ key: "run/a", value: "new" }] })
    await append(other, thread)
    expect(await run(late.notes(thread, ""))).toEqual([{ key: "run/a", value: "new" }])
  })

  it("leaves nothing of what was erased in the stream", async () => {
    const log = await open()
    const thread = newThread()
    const notes = [
      { key: "run/a", value: "secret-note" },
      { key: "run/b", value: "kept" }
    ]
    await append(log, thread, { notes, body: "first" })
    await append(log, thread, { body: "secret-body" })
    await append(log, thread, { body: "secret-last", notes: [{ key: "run/c", value: "secret-note" }] })
    const erase = (to: number) =>
      run(log.erase(thread, { from: 2, to, noteKeys: ["run/a", "run/c"], tombstone: ({ offset }) => `gone ${offset}` }))
    await erase(3)
    await erase(9)
    expect((await read(log, thread)).map(({ body }) => body)).toEqual(["first", "gone 2", "gone 3"])
    expect(await run(log.notes(thread, ""))).toEqual([notes[1]])
    const { head } = await append(log, thread, { body: "fourth" })
    expect(head.offset).toBe(4)
    const texts = await manage(async ({ streams }) => {
      const { state } = await streams.info("throughline-log")
      const found: string[] = []
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        const message = await streams.getMessage("throughline-log", { seq })
        if (message !== null) found.push(new TextDecoder().decode(message.data))
      }
      return found
    })
    expect(texts.filter((text) => text.includes("secret-"))).toEqual([])
    expect(texts.some((text) => text.includes("fourth"))).toBe(true)
  })

  it("finds any offset among entries of other threads, knocks and erasures", async () => {
    const log = await open()
    const [thread, other] = [newThread(), newThread()]
    for (let n = 1; n <= 60; n++) {
      await append(log, thread, { body: `${n}` })
      if (n % 3 === 0) await run(log.knock(thread, "w"))
      if (n % 7 === 0) for (let m = 0; m < 10; m++) await append(log, other)
    }
    await run(log.erase(thread, { from: 20, to: 24, noteKeys: [], tombstone: ({ offset }) => `${offset}` }))
    await run(log.erase(thread, { from: 60, to: 60, noteKeys: [], tombstone: ({ offset }) => `${offset}` }))
    for (let after = 0; after <= 60; after++) {
      const { entries } = await run(log.read(thread, after, { limit: 3, maxBytes: 1e6 }))
      const expected = [1, 2, 3].map((n) => after + n).filter((n) => n <= 60)
      expect(entries.map(({ body }) => body)).toEqual(expected.map(String))
    }
  })

  it("refuses an append that is larger than the server takes, with both sizes, and writes nothing", async () => {
    const log = await open()
    const thread = newThread()
    const notes = Array.from({ length: 40 }, (_, n) => ({ key: `step/${n}`, value: "x".repeat(32_000) }))
    const { reason } = await run(Effect.flip(log.append(thread, following(await run(log.head(thread)), { notes }))))
    expect(reason).toMatchObject({ _tag: "RecordTooLarge", limitBytes: 1_048_576 - 256 })
    expect(reason._tag === "RecordTooLarge" && reason.sizeBytes > reason.limitBytes).toBe(true)
    expect((await run(log.head(thread))).offset).toBe(0)
  })

  it("says that it is full, writes nothing then, and still makes room", async () => {
    const stream = "small"
    await manage(({ streams }) =>
      streams.add({ name: stream, subjects: [`${stream}.>`], discard: "new", max_bytes: 200_000 } as never)
    )
    const log = await open({ stream })
    const thread = newThread()
    const body = "x".repeat(50_000)
    for (let n = 0; n < 3; n++) await append(log, thread, { body })
    const head = await run(log.head(thread))
    const problem = await run(Effect.flip(log.append(thread, following(head, { body }))))
    expect(problem.reason._tag).toBe("LogFull")
    expect([(await run(log.head(thread))).offset, await read(log, thread)]).toMatchObject([3, { length: 3 }])
    const { id, logId, offset } = head
    await run(log.saveSnapshot(thread, { logId, offset, id, foldVersion: 1, hash: "h", view: null }))
    expect(await run(log.trim(thread, 2))).toBe(2)
    await append(log, thread, { body })
  })

  it("says which thread is damaged, and serves the others", async () => {
    const log = await open()
    const [damaged, whole] = [newThread(), newThread()]
    for (let n = 0; n < 3; n++) await append(log, damaged)
    await append(log, whole)
    await manage(async ({ streams }) => {
      const { state } = await streams.info("throughline-log")
      // the second entry of the damaged thread: three from the end are 2, 3 and the whole thread's
      await streams.deleteMessage("throughline-log", state.last_seq - 2)
    })
    expect(await read(log, damaged)).toHaveLength(1)
    const { reason } = await run(Effect.flip(log.read(damaged, 1, ALL)))
    expect(reason).toMatchObject({ _tag: "LogCorrupt", thread: damaged, offset: 2 })
    expect(await read(log, whole)).toHaveLength(1)
  })

  it("refuses wrong options, a stream that forgets, and says no password", async () => {
    for (const [setting, options] of [
      [/servers/, { servers: "nats://me:canary@host:1" }],
      [/stream/, { stream: "a.b" }],
      [/credentials/, { credentials: "canary", user: { name: "me", password: "canary" } }]
    ] as const) {
      const make = () => natsLog({ servers: server.url, ...options })
      expect(make).toThrow(TypeError)
      expect(make).toThrow(setting)
      expect(make).not.toThrow(/canary/)
    }
    await manage(({ streams }) =>
      streams.add({ name: "forgets", subjects: ["forgets.>"], max_age: 3_600_000_000_000 } as never)
    )
    const problems = [
      await open({ stream: "forgets" }).catch((cause: unknown) => cause),
      await open({ servers: "nats://127.0.0.1:1", user: { name: "me", password: "canary" } }).catch(
        (cause: unknown) => cause
      )
    ]
    for (const problem of problems) {
      expect(problem).toBeInstanceOf(LogError)
      expect(inspect(problem, { depth: 20, showHidden: true }) + JSON.stringify(problem)).not.toContain("canary")
    }
    expect(inspect(problems[0], { depth: 9 })).toContain("forgets")
  })
})
