/** What the log in Durable Objects does when calls are lost, objects are busy, the index is away, and there is no room. */
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { durableObjectsLog } from "../../../adapters/logs/durable-objects/log.ts"
import { ThroughlineDue, ThroughlineThread } from "../../../adapters/logs/durable-objects/object.ts"
import type { ObjectContext } from "../../../adapters/logs/durable-objects/workers.ts"
import { following, newThread } from "../../../src/conformance/logCase.ts"
import { openLog, type OpenLog } from "./conform.ts"
import { startObjects, type ObjectsOfLog } from "./durable-objects.ts"

type Namespace = ObjectsOfLog["threads"]
type Fetch = ReturnType<Namespace["get"]>["fetch"]
let objects: ObjectsOfLog
const open: OpenLog[] = []
beforeAll(async () => void (objects = await startObjects()))
afterAll(() => objects.close())
afterEach(() => Promise.all(open.splice(0).map(({ close }) => close())))

const openOn = async (options: Partial<Parameters<typeof durableObjectsLog>[0]> = {}) => {
  const opened = await openLog(durableObjectsLog({ threads: objects.threads, due: objects.due, ...options }))
  open.push(opened)
  return opened.log
}
/** A namespace whose calls go through `through`. */
const via = (
  namespace: Namespace,
  through: (go: () => Promise<Response>, url: string, init?: RequestInit) => Promise<Response>
): Namespace => ({
  idFromName: namespace.idFromName,
  get: (id) => {
    const stub = namespace.get(id)
    return { fetch: (url, init) => through(() => stub.fetch(url, init), url, init) }
  }
})
const silence = (_go: unknown, _url: string, init?: RequestInit) =>
  new Promise<never>((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason)))
const run = Effect.runPromise
const failing = <A>(effect: Effect.Effect<A, { readonly reason: unknown }>) => run(Effect.flip(effect))

describe("the Durable Objects log", () => {
  it("keeps everything when its object leaves memory, and its place in the index", async () => {
    const log = await openOn()
    const thread = newThread()
    const notes = [{ key: "run/a", value: { n: 1 } }]
    const first = following(await run(log.head(thread)), { due: 1, control: { v: 1 }, notes })
    expect((await run(log.append(thread, first)))._tag).toBe("Appended")
    const before = await run(log.head(thread))
    await objects.miniflare.unsafeEvictDurableObject("", "ThroughlineThread", { name: thread })
    expect(await run(log.head(thread))).toEqual({ ...before, now: expect.any(Number) })
    expect((await run(log.read(thread, 0, { limit: 9, maxBytes: 9_999 }))).entries).toEqual([first.entry])
    expect(await run(log.notes(thread, "run/"))).toEqual(notes)
    expect(await run(log.due(2, 100))).toContain(thread)
  })

  it("answers Unknown for an append whose answer is lost, and reading tells that it is there", async () => {
    const log = await openOn()
    const lossy = await openOn({
      threads: via(objects.threads, async (go) => {
        await go()
        throw new Error("Network connection lost.")
      })
    })
    const thread = newThread()
    const append = following(await run(log.head(thread)))
    expect((await run(lossy.append(thread, append)))._tag).toBe("Unknown")
    expect((await run(log.head(thread))).id).toBe(append.entry.id)
    expect((await failing(lossy.head(thread))).reason).toMatchObject({ _tag: "LogUnavailable" })
  })

  it("gives a call up in time, and says when to come back to an object that is busy", async () => {
    const silent = await openOn({ threads: via(objects.threads, silence), timeoutMillis: 50 })
    expect((await failing(silent.head("main/t"))).reason).toMatchObject({ _tag: "LogUnavailable" })
    const busy = await openOn({
      threads: via(objects.threads, () => Promise.reject(Object.assign(new Error("busy"), { overloaded: true })))
    })
    expect((await failing(busy.head("main/t"))).reason).toMatchObject({
      _tag: "LogUnavailable",
      retryAfterMillis: 1_000
    })
  })

  it("takes an answer that no object gives for none", async () => {
    const strange = await openOn({ threads: via(objects.threads, async () => new Response("<html>", { status: 502 })) })
    expect((await failing(strange.head("main/t"))).reason).toMatchObject({ _tag: "LogUnavailable" })
    const nonsense = await openOn({ threads: via(objects.threads, async () => new Response("<html>")) })
    const { head } = { head: await run((await openOn()).head("main/t")) }
    expect((await run(nonsense.append("main/t", following(head))))._tag).toBe("Unknown")
  })

  it("refuses an entry that a row has no room for, and writes nothing of it", async () => {
    const log = await openOn()
    const thread = newThread()
    const head = await run(log.head(thread))
    const notes = [{ key: "run/a", value: 1 }]
    const { reason } = await failing(log.append(thread, following(head, { body: "漢".repeat(700_000), notes })))
    expect(reason).toMatchObject({ _tag: "RecordTooLarge", what: "entry", sizeBytes: 2_100_000 })
    expect(await run(log.head(thread))).toMatchObject({ tag: "", offset: 0 })
    expect(await run(log.note(thread, "run/a"))).toBeUndefined()
  })

  it("writes nothing where the index cannot be told in time, and can be asked again", async () => {
    const { broken, held, namespaces } = inThisProcess()
    held.release()
    const log = await openOn(namespaces)
    const head = await run(log.head("main/t"))
    broken.due = true
    expect((await run(log.append("main/t", following(head, { due: 5 }))))._tag).toBe("Unknown")
    expect(await run(log.head("main/t"))).toMatchObject({ tag: "", offset: 0 })
    expect((await run(log.append("main/t", following(head))))._tag).toBe("Appended")
    broken.due = false
    const next = following(await run(log.head("main/t")), { due: 5 })
    expect((await run(log.append("main/t", next)))._tag).toBe("Appended")
    expect(await run(log.due(6, 9))).toEqual(["main/t"])
  })

  it("does not forget what becomes due while the index is corrected", async () => {
    const { namespaces, held } = inThisProcess()
    const log = await openOn(namespaces)
    // told and not yet written
    const appending = run(
      Effect.flatMap(log.head("main/t"), (head) => log.append("main/t", following(head, { due: 5 })))
    )
    await held.announced
    expect(await run(log.due(6, 9))).toEqual(["main/t"])
    held.release()
    expect((await appending)._tag).toBe("Appended")
    expect(await run(log.due(6, 9))).toEqual(["main/t"])
    const done = following(await run(log.head("main/t")), { due: null })
    await run(log.append("main/t", done))
    expect(await run(log.due(6, 9))).toEqual([])
    await run(log.append("main/t", following(await run(log.head("main/t")), { due: 4 })))
    expect(await run(log.due(6, 9))).toEqual(["main/t"])
  })

  it("says that there is no room, and goes on reading", async () => {
    const { databases, namespaces } = inThisProcess()
    const log = await openOn(namespaces)
    const first = await run(Effect.flatMap(log.head("main/t"), (head) => log.append("main/t", following(head))))
    const head = await run(log.head("main/t"))
    databases.get("main/t")!.exec("PRAGMA max_page_count = 1")
    expect(first._tag).toBe("Appended")
    const large = following(head, { body: "x".repeat(100_000) })
    expect((await failing(log.append("main/t", large))).reason).toMatchObject({ _tag: "LogFull" })
    expect(await run(log.head("main/t"))).toEqual({ ...head, now: expect.any(Number) })
  })

  it("tells damage, by offset", async () => {
    const { databases, namespaces } = inThisProcess()
    const log = await openOn(namespaces)
    for (let n = 0; n < 3; n++)
      await run(Effect.flatMap(log.head("main/t"), (head) => log.append("main/t", following(head))))
    const read = log.read("main/t", 0, { limit: 9, maxBytes: 9_999 })
    databases.get("main/t")!.exec(`UPDATE entries SET id = 'other' WHERE "offset" = 3`)
    expect((await failing(read)).reason).toMatchObject({ _tag: "LogCorrupt", thread: "main/t", offset: 3 })
    databases.get("main/t")!.exec(`DELETE FROM entries WHERE "offset" = 2`)
    expect((await failing(read)).reason).toMatchObject({ _tag: "LogCorrupt", thread: "main/t", offset: 2 })
    databases.get("main/t")!.exec(`UPDATE head SET control = '{'`)
    expect((await failing(log.head("main/t"))).reason).toMatchObject({ _tag: "LogCorrupt" })
  })

  it("names the binding that is absent", () => {
    const { due, threads } = objects
    const given = (options: object) => () => durableObjectsLog(options as { due: Namespace; threads: Namespace })
    expect(given({ due })).toThrow(/^threads must be .*THROUGHLINE_THREADS/)
    expect(given({ threads })).toThrow(/^due must be .*THROUGHLINE_DUE/)
  })
})

/** The objects in this process, each on a database of its own, so that tests can get between them. */
function inThisProcess() {
  const databases = new Map<string, DatabaseSync>()
  const broken = { due: false }
  const announced = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  let holds = 0
  const contextOf = (name: string) => {
    const database = new DatabaseSync(":memory:")
    databases.set(name, database)
    const exec = (query: string, ...bindings: never[]) => {
      const rows = database.prepare(query).all(...bindings)
      return Object.assign(rows, { toArray: () => rows }) as never
    }
    const transactionSync = <A>(work: () => A): A => {
      database.exec("BEGIN")
      try {
        const result = work()
        database.exec("COMMIT")
        return result
      } catch (cause) {
        if (database.isTransaction) database.exec("ROLLBACK")
        throw cause
      }
    }
    return { storage: { sql: { exec }, transactionSync } } as unknown as ObjectContext
  }
  const namespace = (make: (name: string) => { fetch: (request: Request) => Promise<Response> }): Namespace => {
    const made = new Map<string, ReturnType<typeof make>>()
    const one = (name: string) => made.get(name) ?? made.set(name, make(name)).get(name)!
    const call =
      (name: unknown): Fetch =>
      (url, init) =>
        one(name as string).fetch(new Request(url, init))
    return { idFromName: (name) => name, get: (name) => ({ fetch: call(name) }) }
  }
  const due = via(
    namespace((name) => new ThroughlineDue(contextOf(name))),
    async (go, url) => {
      if (broken.due) throw new Error("the index is away")
      const response = await go()
      if (url.endsWith("/announce") && ++holds === 1) {
        announced.resolve()
        await released.promise
      }
      return response
    }
  )
  const threads = namespace(
    (name) => new ThroughlineThread(contextOf(name), { THROUGHLINE_DUE: due, THROUGHLINE_THREADS: due })
  )
  return {
    databases,
    namespaces: { threads, due },
    broken,
    held: { announced: announced.promise, release: released.resolve }
  }
}
