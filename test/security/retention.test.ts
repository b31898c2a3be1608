import { describe, expect, it } from "vitest"
import { memoryBlobs, type MemoryBlobs } from "../../adapters/blobs/memory/blobs.ts"
import { memoryLog, memoryStore } from "throughline/adapters/logs/memory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createBackend, defineAgent } from "throughline"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { openThread } from "throughline/client"
import * as z from "zod"
import { LogError, LogUnavailable } from "../../src/ports/LogError.ts"
import { Gateway } from "../../src/ports/Gateway.ts"
import { ThreadLog, type ThreadLogService } from "../../src/ports/ThreadLog.ts"
import { recordingGateway } from "../writer/world.ts"
import { startStack, textOf, until } from "./stack.ts"

const CANARY = "canary-7b1f"
const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`
const name = { thread: "t1" }

/** One backend on a memory log whose calls may fail once, as if the process had died there, or come after another's. */
const setUp = () => {
  const store = memoryStore()
  const dies = new Set<"erase" | "saveSnapshot">()
  const meanwhile = new Map<"erase" | "saveSnapshot", () => Promise<unknown>>()
  const unlessDead = (step: "erase" | "saveSnapshot", work: Effect.Effect<void, LogError>) =>
    Effect.gen(function* () {
      const other = meanwhile.get(step)
      meanwhile.delete(step)
      if (other !== undefined) yield* Effect.promise(other)
      const reason = new LogUnavailable({ cause: new Error("the process died") })
      yield* dies.delete(step) ? Effect.fail(new LogError({ operation: step, reason })) : work
    })
  const log = Layer.effect(
    ThreadLog,
    Effect.map(ThreadLog, (real) => ({
      ...real,
      erase: (...args: Parameters<ThreadLogService["erase"]>) => unlessDead("erase", real.erase(...args)),
      saveSnapshot: (...args: Parameters<ThreadLogService["saveSnapshot"]>) =>
        unlessDead("saveSnapshot", real.saveSnapshot(...args))
    }))
  ).pipe(Layer.provide(memoryLog({ store })))
  const gateway = recordingGateway({ subscribe: false })
  const blobs: MemoryBlobs = new Map()
  const secretive = defineAgent({
    name: "secretive",
    input: z.object({ word: z.string() }),
    output: z.object({ word: z.string() }),
    run: async (run, { word }) => {
      run.status(`looking for ${word}`)
      const found = await run.tool("search", { word }, async () => ({ hits: [word] }))
      await run.text(`found ${JSON.stringify(found)}`)
      return { word }
    }
  })
  const patient = defineAgent({
    name: "patient",
    input: z.object({}),
    run: (run) => new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
  })
  const backend = createBackend({
    agents: [secretive, patient],
    log,
    blobs: memoryBlobs({ store: blobs }),
    queue: memoryQueue(),
    gateway: Layer.succeed(Gateway, gateway.gateway),
    authenticate: () => ({ id: "ann" }),
    authorize: () => true
  })
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await backend.fetch(
      new Request(`http://test/threads/t1/${path}`, {
        method,
        ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
      })
    )
    // oxlint-disable-next-line typescript/no-explicit-any -- answers of every shape
    return (await response.json()) as any
  }
  return {
    store,
    dies,
    blobs,
    /** What others do just before a step is done, once. */
    meanwhile,
    backend,
    post: (n: number, text: string) =>
      call("POST", "messages", { id: uuid(n), parts: [{ type: "text", text }] }) as Promise<unknown>,
    call,
    /** Everything that the store has of the thread. */
    stored: () => {
      const { control, entries, notes, snapshot } = store.threads.get("main/t1")!
      return JSON.stringify({ control, entries, notes: [...notes], snapshot })
    }
  }
}
/** A run that says the canary everywhere, interrupted by a steer that says it, too. */
const secretRun = async (world: ReturnType<typeof setUp>) => {
  await world.call("POST", "runs", {
    id: uuid(10),
    agent: "secretive",
    input: { word: CANARY },
    message: { id: uuid(11), parts: [{ type: "text", text: CANARY }] }
  })
  await world.call("POST", "interrupts", steer)
  await world.backend.work({ thread: "main/t1", run: uuid(10), epoch: 1 })
  return (await world.call("GET", "view")).view.offset as number
}
const steer = {
  kind: "steer",
  id: uuid(12),
  run: uuid(10),
  when: "next-step",
  message: { id: uuid(13), parts: [{ type: "text", text: CANARY }] }
}

describe("trim", () => {
  it("removes what a snapshot covers, keeps the newest entry, and the view stays whole", async () => {
    const world = setUp()
    for (let n = 1; n <= 10; n++) await world.post(n, `message ${n}`)
    const before = (await world.call("GET", "view")).view
    expect(await world.backend.trim(name, { keepEntries: 3 })).toEqual({ ok: true, firstOffset: 8 })
    expect((await world.call("GET", "view")).view).toEqual(before)
    expect((await world.call("GET", "entries?after=5")).error).toMatchObject({ code: "OFFSET_EXPIRED" })
    expect(await world.backend.trim(name, { keepEntries: 0 })).toEqual({ ok: true, firstOffset: 10 })
    // who is up to date still is
    const newest = await world.call("GET", `entries?after=10&id=${before.id}&log=${before.logId}`)
    expect(newest).toMatchObject({ ok: true, entries: [] })
    await world.post(11, "after the trim")
    expect((await world.call("GET", "view")).view.messages).toHaveLength(11)
  })

  it("never takes what an unfinished run's next worker reads", async () => {
    const world = setUp()
    await world.post(1, "first")
    await world.call("POST", "runs", { id: uuid(20), agent: "patient", input: {} })
    for (let n = 2; n <= 6; n++) await world.post(n, "later")
    expect(await world.backend.trim(name, { keepEntries: 1 })).toEqual({ ok: true, firstOffset: 2 })
    await world.call("POST", "interrupts", { kind: "cancel", id: uuid(21), run: uuid(20) })
    expect(await world.backend.trim(name, { before: 7 })).toEqual({ ok: true, firstOffset: 7 })
  })

  it("answers what is no number and no name", async () => {
    const { backend } = setUp()
    for (const options of [{ keepEntries: -1 }, { before: 1.5 }, { keepEntries: Number.NaN }])
      expect(await backend.trim(name, options)).toMatchObject({ ok: false, error: { code: "BAD_NUMBER" } })
    for (const bad of [{ thread: "../x" }, { tenant: "a/b", thread: "t" }, { thread: "" }])
      expect(await backend.trim(bad, { keepEntries: 1 })).toMatchObject({ ok: false, error: { code: "BAD_ID" } })
    expect(await backend.trim({ thread: "never" }, { keepEntries: 0 })).toEqual({ ok: true, firstOffset: 1 })
  })

  it("a client behind it gets whole again", async () => {
    const stack = await startStack("ws", { people: { ann: { id: "ann" } }, authorize: () => true })
    const post = (n: number) =>
      stack.send("ann", "POST", "/threads/t1/messages", { id: uuid(n), parts: [{ type: "text", text: `m${n}` }] })
    for (let n = 1; n <= 5; n++) await post(n)
    const ahead = stack.open("ann", "t1")
    await until(ahead, ({ connection, view }) => connection === "live" && view.offset === 5)
    // a client whose socket and network are gone for a while: every request fails until they are back
    let away = false
    const real = wsClient()
    const behind = openThread({
      endpoint: stack.endpoint,
      thread: "t1",
      token: () => "ann",
      gateways: [
        {
          ...real,
          connect: (grant, handlers) =>
            real.connect(grant, { ...handlers, onFrame: (text) => (away ? undefined : handlers.onFrame(text)) })
        }
      ],
      fetch: (url, init) => (away ? Promise.reject(new TypeError("offline")) : fetch(url, init))
    })
    await until(behind, ({ connection, view }) => connection === "live" && view.offset === 5)
    away = true
    for (let n = 6; n <= 20; n++) await post(n)
    expect(await stack.server.trim(name, { keepEntries: 2 })).toEqual({ ok: true, firstOffset: 19 })
    away = false
    // the next frame shows the gap, the gap's request is answered OFFSET_EXPIRED, and the view is taken
    await post(21)
    await until(behind, ({ view }) => view.offset === 21)
    await until(ahead, ({ view }) => view.offset === 21)
    expect(behind.counters.resets).toBe(2)
    expect(textOf(behind)).toBe(textOf(ahead))
    behind.close()
  })
})

describe("erase", () => {
  it("leaves nothing of the content anywhere, and answers repeated ids as before", async () => {
    const world = setUp()
    await world.post(1, "stays")
    const end = await secretRun(world)
    await world.post(2, "stays, too")
    const first = {
      run: await world.call("POST", "runs", {
        id: uuid(10),
        agent: "secretive",
        input: { word: CANARY },
        message: { id: uuid(11), parts: [{ type: "text", text: CANARY }] }
      }),
      steer: await world.call("POST", "interrupts", steer)
    }
    expect(world.stored()).toContain(CANARY)

    const erased = await world.backend.erase(name, { from: 2, to: end, reason: "asked for", by: "ann" })
    expect(erased).toEqual({ ok: true, offset: end + 2 })
    expect(world.stored()).not.toContain(CANARY)
    const { view } = await world.call("GET", "view")
    expect(JSON.stringify(view)).not.toContain(CANARY)
    expect(view.messages.filter((message: { role: string }) => message.role === "user")).toHaveLength(2)
    // it began and ended, nothing else is said of it
    expect(view.runs).toMatchObject([{ id: uuid(10), state: "finished", outcome: { type: "completed" } }])
    const page = await world.call("GET", "entries?after=0")
    expect(page.entries.map(({ offset }: { offset: number }) => offset)).toEqual(
      [...Array(end + 2).keys()].map((n) => n + 1)
    )
    expect(page.entries.at(-1).events).toEqual([
      { type: "content.erased", offsets: [[2, end]], reason: "asked for", by: "ann" }
    ])

    expect(await world.call("POST", "interrupts", steer)).toEqual(first.steer)
    expect(
      await world.call("POST", "runs", {
        id: uuid(10),
        agent: "secretive",
        input: { word: CANARY },
        message: { id: uuid(11), parts: [{ type: "text", text: CANARY }] }
      })
    ).toEqual(first.run)
    expect(await world.call("POST", "interrupts", { ...steer, when: "after-run" })).toMatchObject({
      error: { code: "DUPLICATE_DIFFERENT" }
    })
    expect((await world.call("GET", "view")).view.offset).toBe(end + 2)
  })

  it.each(["erase", "saveSnapshot"] as const)("is finished by calling again after a death before %s", async (step) => {
    const world = setUp()
    const end = await secretRun(world)
    world.dies.add(step)
    expect(await world.backend.erase(name, { from: 1, to: end })).toMatchObject({
      ok: false,
      error: { code: "STORE_UNAVAILABLE" }
    })
    expect(await world.backend.erase(name, { from: 1, to: end })).toMatchObject({ ok: true })
    expect(world.stored()).not.toContain(CANARY)
    expect(await world.call("POST", "interrupts", steer)).toMatchObject({ ok: true, interrupt: steer.id })
  })

  it("reaches what was trimmed and lives on in the snapshot", async () => {
    const world = setUp()
    await world.post(1, "stays")
    const end = await secretRun(world)
    for (let n = 2; n <= 5; n++) await world.post(n, `later ${n}`)
    await world.backend.trim(name, { keepEntries: 2 })
    expect(world.stored()).toContain(CANARY)
    expect(await world.backend.erase(name, { from: 2, to: end + 1 })).toMatchObject({ ok: true })
    expect(world.stored()).not.toContain(CANARY)
    const { view } = await world.call("GET", "view")
    expect(JSON.stringify(view)).not.toContain(CANARY)
    const texts = JSON.stringify(view.messages)
    for (const text of ["stays", "later 3", "later 5"]) expect(texts).toContain(text)
    expect(texts).not.toContain("later 2")
  })

  it.each(["erase", "saveSnapshot"] as const)(
    "leaves nothing where others trim and read just before %s",
    async (step) => {
      const world = setUp()
      await world.post(1, "stays")
      const end = await secretRun(world)
      // long enough that whoever reads the view saves it
      for (let n = 102; n <= 131; n++) await world.post(n, "x".repeat(10_000))
      let seen = 0
      world.meanwhile.set(step, async () => {
        // so that what they save is newer than what the erasure has just folded
        await world.post(132, "stays, too")
        seen = (await world.call("GET", "view")).view.offset
        await world.backend.trim(name, { keepEntries: 1 })
      })
      expect(await world.backend.erase(name, { from: 2, to: end })).toMatchObject({ ok: true })
      expect(seen).toBe(end + 32)
      expect(world.stored()).not.toContain(CANARY)
      const { view } = await world.call("GET", "view")
      expect(JSON.stringify(view)).not.toContain(CANARY)
      expect(JSON.stringify(view.messages)).toContain("stays")
      expect(view.messages.filter((message: { role: string }) => message.role === "user")).toHaveLength(32)
    }
  )

  it("leaves nothing where two erase at once", async () => {
    for (const step of ["erase", "saveSnapshot"] as const)
      for (const trimmed of [false, true]) {
        const world = setUp()
        await world.post(1, `${CANARY} one`)
        const end = await secretRun(world)
        await world.post(2, "stays")
        if (trimmed) await world.backend.trim(name, { keepEntries: 1 })
        world.meanwhile.set(step, () => world.backend.erase(name, { from: 1, to: 1 }))
        expect(await world.backend.erase(name, { from: 2, to: end })).toMatchObject({ ok: true })
        expect(world.stored()).not.toContain(CANARY)
        expect(JSON.stringify((await world.call("GET", "view")).view.messages)).toContain("stays")
      }
  })

  it("takes the blobs of the runs there, also one whose worker died before it was noted, and no others", async () => {
    const world = setUp()
    const end = await secretRun(world)
    const blob = { bytes: new Uint8Array(1), mediaType: "application/json", sha256: "" }
    const [gone, other] = [`main/t1/${uuid(10)}/a`, `main/t1/${uuid(99)}/a`] as const
    world.blobs.set(gone, blob).set(other, blob)
    expect(await world.backend.erase(name, { from: 1, to: end })).toMatchObject({ ok: true })
    expect([...world.blobs.keys()]).toEqual([other])
  })

  it("leaves views of a thread with erased entries to be saved again, whatever becomes of the snapshot", async () => {
    const world = setUp()
    for (let n = 1; n <= 30; n++) await world.post(n, "x".repeat(10_000))
    await world.backend.erase(name, { from: 2, to: 2 })
    const found = world.store.threads.get("main/t1")!
    found.snapshot = undefined
    expect((await world.call("GET", "view")).view.messages).toHaveLength(29)
    expect(found.snapshot).toMatchObject({ offset: 31 })
  })

  it("refuses while a run with content there is unfinished, and what is no range", async () => {
    const world = setUp()
    await world.post(1, "first")
    await world.call("POST", "runs", { id: uuid(20), agent: "patient", input: {} })
    expect(await world.backend.erase(name, { from: 1, to: 2 })).toMatchObject({ error: { code: "RUN_BUSY" } })
    expect(await world.backend.erase(name, { from: 1, to: 1 })).toMatchObject({ ok: true })
    for (const [from, to] of [
      [0, 1],
      [2, 1],
      [1.5, 2]
    ] as const)
      expect(await world.backend.erase(name, { from, to })).toMatchObject({ error: { code: "BAD_NUMBER" } })
    expect(await world.backend.erase(name, { from: 1, to: 99 })).toMatchObject({ error: { code: "OFFSET_AHEAD" } })
  })

  it("empties screens that are open", async () => {
    const stack = await startStack("ws", { people: { ann: { id: "ann" } }, authorize: () => true })
    const post = (n: number, text: string) =>
      stack.send("ann", "POST", "/threads/t1/messages", { id: uuid(n), parts: [{ type: "text", text }] })
    await post(1, CANARY)
    await post(2, "stays")
    const thread = stack.open("ann", "t1")
    await until(thread, ({ connection, view }) => connection === "live" && view.offset === 2)
    await stack.server.erase(name, { from: 1, to: 1 })
    await until(thread, ({ view }) => view.offset === 3)
    expect(textOf(thread)).not.toContain(CANARY)
    expect(thread.view.messages).toHaveLength(2)
  })
})

describe("drop", () => {
  it("begins another history: watchers get whole, workers are fenced, groups are named anew", async () => {
    const stack = await startStack("ws", { people: { ann: { id: "ann" } }, authorize: () => true })
    await stack.send("ann", "POST", "/threads/t1/runs", { id: uuid(1), agent: "talk", input: {} })
    const working = stack.worker.work({ thread: "main/t1", run: uuid(1), epoch: 1 })
    const thread = stack.open("ann", "t1")
    await stack.say(CANARY)
    await until(thread, ({ connection, view }) => connection === "live" && JSON.stringify(view).includes(CANARY))
    const groups = async () =>
      (await (await stack.send("ann", "POST", "/threads/t1/grants", {})).json()).grant.groups.t1
    const [group, { logId }] = [await groups(), thread.view]

    expect(await stack.server.drop(name)).toEqual({ ok: true, offset: 1 })
    await until(thread, ({ view }) => view.logId !== logId)
    expect(textOf(thread)).not.toContain(CANARY)
    expect(thread.view).toMatchObject({ offset: 1, messages: [], runs: [] })
    expect(await working).toEqual({ type: "fenced" })
    expect(await groups()).not.toBe(group)
    // its ids are free again: nothing is left of them
    await stack.send("ann", "POST", "/threads/t1/messages", { id: uuid(9), parts: [{ type: "text", text: "anew" }] })
    await until(thread, ({ view }) => JSON.stringify(view).includes("anew"))
    const again = await groups()
    await stack.server.drop(name)
    expect([group, again]).not.toContain(await groups())
  })
})
