import { spawnSync } from "node:child_process"
import { DeleteItemCommand, paginateScan } from "@aws-sdk/client-dynamodb"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { dynamodbLog, dynamodbLogTable, type DynamodbLogOptions } from "../../../adapters/logs/dynamodb/log.ts"
import { following, newThread, snapshotAt } from "../../../src/conformance/logCase.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import type { Append, Head, Note, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { startAwsFront, type AwsFault, type AwsFront } from "../awsFront.ts"
import { CREDENTIALS, dynaliteMissing, REGION, startDynalite, type Dynalite } from "../dynalite.ts"
import { openLog } from "./conform.ts"

const run = Effect.runPromise
const ALL = { limit: 1_000, maxBytes: 64 * 1024 * 1024 }

describe.skipIf(dynaliteMissing() !== undefined)("the DynamoDB log, when things go wrong", () => {
  let dynalite: Dynalite
  let front: AwsFront
  /** Through the front, and past it. */
  let log: ThreadLogService
  let other: ThreadLogService
  const closers: (() => unknown)[] = []
  const common = { table: "log", region: REGION, credentials: CREDENTIALS }
  const open = async (options: Partial<DynamodbLogOptions>) => {
    const opened = await openLog(dynamodbLog({ ...common, ...options }))
    closers.push(opened.close)
    return opened.log
  }
  beforeAll(async () => {
    dynalite = await startDynalite()
    await dynalite.createTable(dynamodbLogTable("log"))
  })
  afterAll(() => dynalite?.close())
  const begin = async (options: Partial<DynamodbLogOptions> = {}) => {
    front = await startAwsFront("dynamodb", dynalite.url)
    closers.push(front.close)
    log = await open({ url: front.url, ...options })
    other = await open({ url: dynalite.url })
    return newThread()
  }
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })
  const append = async (by: ThreadLogService, thread: string, change: Parameters<typeof following>[1] = {}) => {
    const request = following(await run(by.head(thread)), change)
    return { request, result: await run(by.append(thread, request)) }
  }
  const headOf = ({ result }: Awaited<ReturnType<typeof append>>): Head => {
    if (result._tag !== "Appended") throw new Error(`it was ${result._tag}`)
    return result.head
  }
  const bodies = async (by: ThreadLogService, thread: string) =>
    (await run(by.read(thread, 0, ALL))).entries.map(({ body }) => body)
  /** Every row that is of the thread, as text. */
  const rows = async (thread: string) => {
    const found: string[] = []
    for await (const { Items = [] } of paginateScan(
      { client: dynalite.client },
      { TableName: "log", ConsistentRead: true }
    ))
      found.push(...Items.filter(({ pk }) => pk?.S?.includes(thread)).map((row) => JSON.stringify(row)))
    return found
  }
  /** The requests that something shall become of have come. */
  const untilSpent = async () => {
    while (front.faults.length > 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const failure = async (effect: Effect.Effect<unknown, LogError>) => {
    const result = await run(Effect.result(effect))
    if (Result.isSuccess(result)) throw new Error("it did not fail")
    const { reason } = result.failure
    const said = "cause" in reason ? String(reason.cause) : reason.message
    expect(said + result.failure.message).not.toMatch(/SECRET|secret-of/)
    return { tag: reason._tag, said }
  }
  const answered = (type: string, status = 400): AwsFault => ({ status, type })

  it("an append whose answer is lost is unknown, never sent again, and found by reading", async () => {
    const thread = await begin()
    const expected = await run(log.head(thread))
    front.faults.push("lose-answer")
    const asked = front.seen.length
    const request = following(expected, { body: "1", notes: [] })
    expect(await run(log.append(thread, request))).toMatchObject({ _tag: "Unknown" })
    expect(front.seen.slice(asked)).toEqual(["UpdateItem"])
    expect(await bodies(other, thread)).toEqual(["1"])
    expect(await run(log.append(thread, request))).toEqual({ _tag: "Conflict" })
    await append(log, thread, { body: "2" })
    expect(await bodies(other, thread)).toEqual(["1", "2"])
  })

  it.each<[string, AwsFault]>([
    ["throttled", answered("ProvisionedThroughputExceededException")],
    ["refused", answered("AccessDeniedException")],
    ["broken", answered("InternalServerError", 500)],
    ["cut off", "cut"],
    ["silent", "hang"]
  ])("a service that is %s writes nothing, says so, and carries no secret", async (_what, fault) => {
    const thread = await begin({ timeoutMillis: 300 })
    const expected = await run(log.head(thread))
    front.faults.push(fault)
    const result = await run(log.append(thread, following(expected)))
    expect(result._tag).toBe("Unknown")
    expect(String((result as { cause: LogError }).cause) + JSON.stringify(result)).not.toMatch(/SECRET|secret-of/)
    front.faults.push(fault)
    expect((await failure(log.head(thread))).tag).toBe("LogUnavailable")
    expect(await bodies(other, thread)).toEqual([])
    headOf({ request: {} as Append, result: await run(log.append(thread, following(expected))) })
  })

  it("what a writer that died left in the head is read, and put where it belongs by the next", async () => {
    const thread = await begin()
    const notes: Note[] = [{ key: "step/1", value: { n: 1 } }]
    // the head is written, the rows are not
    front.faults.push("pass", "pass", "pass", "cut", "cut")
    await append(log, thread, { body: "1", notes })
    await untilSpent()
    expect((await rows(thread)).length).toBe(1)
    expect(await bodies(other, thread)).toEqual(["1"])
    expect([await run(other.note(thread, "step/1")), await run(other.notes(thread, ""))]).toEqual([{ n: 1 }, notes])
    expect((await append(other, thread, { notes })).result).toEqual({ _tag: "Conflict" })
    headOf(await append(other, thread, { body: "2" }))
    expect(await bodies(other, thread)).toEqual(["1", "2"])
    expect([await run(other.note(thread, "step/1")), await run(other.notes(thread, ""))]).toEqual([{ n: 1 }, notes])
  })

  it("a writer whose rows failed puts them there before it appends again", async () => {
    const thread = await begin()
    front.faults.push("pass", "pass", "cut")
    const head = headOf(await append(log, thread, { body: "1" }))
    expect((await run(log.append(thread, following(head, { body: "2" }))))._tag).toBe("Appended")
    expect(await bodies(other, thread)).toEqual(["1", "2"])
    // and where it cannot, nothing is appended
    front.faults.push("pass", "pass", "cut")
    const third = await append(log, thread, { body: "3" })
    await untilSpent()
    front.faults.push("cut")
    const fourth = following(headOf(third), { body: "4" })
    expect((await run(log.append(thread, fourth)))._tag).toBe("Unknown")
    expect(await bodies(other, thread)).toEqual(["1", "2", "3"])
    headOf({ request: fourth, result: await run(log.append(thread, fourth)) })
    expect(await bodies(other, thread)).toEqual(["1", "2", "3", "4"])
  })

  it("an append that no row holds is one step all the same, and leaves nothing else", async () => {
    const thread = await begin()
    const notes = Array.from({ length: 90 }, (_, n) => ({ key: `chunk/${n}`, value: `${n} ${"x".repeat(30_000)}` }))
    const body = JSON.stringify("y".repeat(250_000))
    // it dies before the rows are there
    front.faults.push(
      "pass",
      ...Array.from({ length: 98 + 1 }, (): AwsFault => "pass"),
      ...Array<AwsFault>(200).fill("cut")
    )
    const { request, result } = await append(log, thread, { body, notes })
    expect(result._tag).toBe("Appended")
    expect((await run(other.notes(thread, "chunk/"))).length).toBe(90)
    expect(await run(other.note(thread, "chunk/77"))).toBe(notes[77]!.value)
    headOf(await append(other, thread, { body: "2" }))
    expect((await run(other.notes(thread, ""))).length).toBe(90)
    expect(await bodies(other, thread)).toEqual([body, "2"])
    // who conflicts takes what it brought away with it
    front.faults.splice(0)
    const loser = await run(
      log.append(thread, { ...request, notes: notes.map((note) => ({ ...note, key: `l${note.key}` })) })
    )
    expect(loser).toEqual({ _tag: "Conflict" })
    const staged = async () => (await rows(thread)).filter((row) => row.includes('"sk":{"S":"s0'))
    while ((await staged()).length > 0) await new Promise((resolve) => setImmediate(resolve))
    expect((await run(other.notes(thread, ""))).length).toBe(90)
  })

  it("what can never fit is refused before anything is written", async () => {
    const thread = await begin()
    const expected = await run(log.head(thread))
    const asked = front.seen.length
    const large = following(expected, { body: "x".repeat(400_000) })
    const note = following(expected, { notes: [{ key: "a", value: "x".repeat(400_000) }] })
    for (const one of [large, note]) expect((await failure(log.append(thread, one))).tag).toBe("RecordTooLarge")
    expect(front.seen.length).toBe(asked)
  })

  it("erased text is nowhere in the table, also when it was in the head, or comes late", async () => {
    const thread = await begin()
    front.faults.push("pass", "pass", "pass", "held", "held")
    const { result } = await append(log, thread, { body: "TELLTALE", notes: [{ key: "step/1", value: "TELLTALE" }] })
    expect(result._tag).toBe("Appended")
    await untilSpent()
    await run(other.erase(thread, { from: 1, to: 1, noteKeys: ["step/1"], tombstone: () => "gone" }))
    await front.release()
    expect((await rows(thread)).join()).not.toContain("TELLTALE")
    expect([
      await bodies(log, thread),
      await run(log.note(thread, "step/1")),
      await run(log.notes(thread, ""))
    ]).toEqual([["gone"], undefined, []])
    // its key can be used again
    headOf(await append(other, thread, { notes: [{ key: "step/1", value: 2 }] }))
    headOf(await append(other, thread))
    expect(await run(other.note(thread, "step/1"))).toBe(2)
  })

  it("a trimmed thread leaves what was not trimmed, a dropped one nothing that was in it", async () => {
    const thread = await begin()
    for (let n = 1; n <= 3; n++) await append(log, thread, { body: `b${n}`, notes: [{ key: `k/${n}`, value: n }] })
    const head = headOf(await append(log, thread, { body: "b4" }))
    await run(log.saveSnapshot(thread, snapshotAt(head)))
    await run(log.saveSnapshot(thread, snapshotAt(head, { again: true })))
    expect(await run(log.trim(thread, 4))).toBe(4)
    const left = async () =>
      (await rows(thread)).map((row) => (JSON.parse(row) as { sk: { S: string } }).sk.S[0]).sort()
    expect(await left()).toEqual(["h", "i", "n", "n", "n", "p"])
    await run(other.drop(thread, "another-log"))
    expect(await left()).toEqual(["h", "p"])
  })

  it("a row that is missing in between is damage, with thread and offset", async () => {
    const thread = await begin()
    for (let n = 1; n <= 3; n++) await append(log, thread)
    const Key = { pk: { S: `t#${thread}` }, sk: { S: "e000000000000000000000002" } }
    await dynalite.client.send(new DeleteItemCommand({ TableName: "log", Key }))
    expect(await failure(log.read(thread, 0, ALL))).toEqual({
      tag: "LogCorrupt",
      said: expect.stringContaining("offset 2")
    })
  })

  it("`now` is the service's clock", async () => {
    const ahead = await startAwsFront("dynamodb", dynalite.url, { skewMillis: 3_600_000 })
    closers.push(ahead.close)
    const skewed = await open({ url: ahead.url })
    await run(skewed.head(newThread()))
    const { now } = await run(skewed.head(newThread()))
    expect(Math.abs(now - Date.now() - 3_600_000)).toBeLessThan(2_000)
  })

  it("a table that is not there is named as the problem", async () => {
    await begin()
    const lost = await open({ url: dynalite.url, table: "no-such-table" })
    expect(await failure(lost.head("main/t"))).toMatchObject({ said: expect.stringContaining("no such table") })
  })
})

describe("options of the DynamoDB log that cannot be right", () => {
  const good = { table: "log", region: REGION }
  it.each<[string, object, RegExp]>([
    ["no table", { table: "" }, /^table must be/],
    ["no region", { region: "" }, /^region must be/],
    ["no URL", { url: "dynamo" }, /^url must be/],
    ["no time", { timeoutMillis: 0 }, /^timeoutMillis must be/]
  ])("are named: %s", (_what, wrong, message) => {
    expect(() => dynamodbLog({ ...good, ...wrong })).toThrow(message)
    expect(() => dynamodbLog({ ...good, ...wrong })).toThrow(TypeError)
  })

  it("say what to install where there is no SDK", () => {
    const file = (path: string) => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href)
    const program = `
      import { registerHooks } from "node:module"
      registerHooks({
        resolve: (specifier, context, next) => {
          if (specifier !== "@aws-sdk/client-dynamodb") return next(specifier, context)
          throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })
        }
      })
      const { dynamodbLog } = await import(${file("adapters/logs/dynamodb/log.ts")})
      const Effect = await import("effect/Effect")
      const { ThreadLog } = await import(${file("src/ports/ThreadLog.ts")})
      const head = Effect.provide(Effect.flatMap(ThreadLog, (log) => log.head("main/t")), dynamodbLog({ table: "log", region: "x" }))
      console.log(String((await Effect.runPromise(Effect.flip(head))).reason.cause))`
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" })
    expect(child.stdout + child.stderr).toContain("npm install @aws-sdk/client-dynamodb")
  })
})
