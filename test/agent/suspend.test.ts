import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as z from "zod"
import { memoryBlobs, type MemoryBlobs } from "../../adapters/blobs/memory/blobs.ts"
import type { Run } from "../../src/agent/Run.ts"
import { OutcomeUnknown } from "../../src/agent/RunAborted.ts"
import { flush, pass, passUntil } from "../writer/world.ts"
import { aborted, agentOf, ended, gate, job, makeBackends, typesOf, type World } from "./world.ts"

const numbers = { asks: { n: z.number() }, holdFor: "0 seconds" } as const
/** Answers the oldest open ask of the thread. */
const answerNext = (world: World, value: number) =>
  Effect.gen(function* () {
    const ask = (yield* world.view()).asks.find(({ answer }) => answer === undefined)!
    const body = { kind: "answer", run: ask.run, ask: ask.id, answer: { type: "answered", value }, digest: ask.digest }
    const sent = yield* world.interrupt(body)
    assert.isTrue(sent.ok, JSON.stringify(sent))
  })
const valueOf = async (run: Run, key: string) => {
  const reply = await run.ask.input("n", { key })
  return reply.answered ? (reply.value as number) : -1
}
const text = (world: World) =>
  Effect.map(world.view(), ({ messages }) =>
    messages.flatMap(({ parts }) => parts).flatMap((part) => (part.type === "text" ? [part.text] : []))
  )
const finished = { type: "finished", outcome: "completed" } as const

describe("a run that suspends", () => {
  it.effect("inside of a step and a tool goes on inside of them, and makes their finished calls no second time", () =>
    Effect.gen(function* () {
      const ran: string[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          (run) =>
            run.step("plan", async () => {
              await run.tool("look", {}, () => void ran.push("look"))
              const first = await valueOf(run, "first")
              return run.tool("weigh", { first }, async () => {
                ran.push("weigh")
                return first + (await valueOf(run, "second"))
              })
            }),
          numbers
        )
      ])
      yield* world.start("r", "a")
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "suspended" })
      yield* answerNext(world, 1)
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), { type: "suspended" })
      yield* answerNext(world, 2)
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), finished)
      assert.deepStrictEqual(ran, ["look", "weigh", "weigh"])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: 3 }])
      const steps = (yield* world.view()).runs[0]!.steps
      assert.deepStrictEqual(
        steps.map(({ name, state }) => [name, state]),
        [["plan", "completed"]]
      )
    })
  )
  it.effect("waits until a tool that runs beside the ask has ended, so that its outcome is known", () =>
    Effect.gen(function* () {
      const on = gate()
      const world = yield* makeBackends([
        agentOf(
          "a",
          (run) => Promise.all([valueOf(run, "n"), run.tool("slow", {}, async () => (await on.passed) as number)]),
          numbers
        )
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* passUntil(() => typesOf(world.events()).includes("tool.called"))
      yield* pass(5_000, 100)
      assert.notInclude(typesOf(world.events()), "run.suspended")
      on.open(7)
      assert.deepStrictEqual(yield* ended(working), { type: "suspended" })
      yield* answerNext(world, 5)
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [5, 7] }])
    })
  )
  it.effect("that dies after it went on inside of a step does not enter it a third time", () =>
    Effect.gen(function* () {
      const seen: unknown[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          (run) =>
            run
              .step("plan", async () => {
                const n = await valueOf(run, "n")
                if (run.epoch === 2) await new Promise(() => {})
                return n
              })
              .catch((error: unknown) => void seen.push(error)),
          { ...numbers, onWorkerLost: "retry" }
        )
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      yield* answerNext(world, 1)
      yield* world.work(world.second)
      yield* pass(1_000, 100)
      world.second.kill()
      yield* pass(31_000, 250)
      yield* world.first.backend.sweep
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), finished)
      assert.instanceOf(seen[0], OutcomeUnknown)
    })
  )
  it.effect("says what it had not said, and keeps silent of the rest", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            run.status("Thinking")
            await run.text("one ")
            const n = await valueOf(run, "n")
            await run.text(`two ${n} `)
            const m = await valueOf(run, "m")
            await run.text(`three ${m}`)
          },
          numbers
        )
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      yield* answerNext(world, 1)
      yield* ended(yield* world.work(world.first))
      yield* answerNext(world, 2)
      yield* ended(yield* world.work(world.second))
      assert.strictEqual((yield* text(world)).join(""), "one two 1 three 2")
    })
  )
})

describe("the state of a run that suspends", () => {
  it.effect("is patched once, and goes on from what the thread holds", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        agentOf("seed", async (run) => run.state().set({ items: ["old"] })),
        agentOf(
          "a",
          async (run) => {
            const [theirs, own] = [run.state(), run.state("own")]
            own.set({ items: [] })
            const add = (value: string) => [{ op: "add", path: "/items/-", value }] as const
            await theirs.patch([
              { op: "test", path: "/items/0", value: "old" },
              { op: "remove", path: "/items/0" }
            ])
            for (const doc of [theirs, own]) await doc.patch(add("before"))
            await theirs.get()
            const read = await own.get()
            await valueOf(run, "n")
            for (const doc of [theirs, own]) await doc.patch(add("after"))
            return [read, await theirs.get(), await own.get()]
          },
          numbers
        )
      ])
      yield* world.start("s", "seed")
      yield* ended(yield* world.work(world.first))
      yield* world.start("r", "a")
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), { type: "suspended" })
      yield* answerNext(world, 1)
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), finished)
      const both = { items: ["before", "after"] }
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [{ items: ["before"] }, both, both] }])
      assert.deepStrictEqual((yield* world.view()).state, { state: both, own: both })
    })
  )
})

describe("a child run", () => {
  const child = agentOf("child", async (run) => 10 * (await valueOf(run, "n")), numbers)
  it.effect("that asks suspends its parent with it; the answer makes one job, and both go on", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        child,
        agentOf("a", async (run) => [await valueOf(run, "mine"), await run.call(child as never, {} as never)], numbers)
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      yield* answerNext(world, 1)
      assert.deepStrictEqual(world.jobs, [job("r", 2)])
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), { type: "suspended" })
      const { runs } = yield* world.view()
      assert.deepStrictEqual(
        runs.map(({ state }) => state),
        ["suspended", "suspended"]
      )
      yield* pass(60_000, 5_000)
      yield* answerNext(world, 2)
      assert.deepStrictEqual(world.jobs, [job("r", 3)])
      assert.deepStrictEqual(yield* ended(yield* world.work(world.second)), finished)
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [1, 20] }])
      assert.deepStrictEqual((yield* world.plain.head("main/t1")).control, { v: 1, generation: 1, runs: [] })
    })
  )
  it.effect("ends with its parent, also where no worker holds them", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([child, agentOf("a", (run) => run.call(child as never, {} as never))])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* passUntil(() => typesOf(world.events()).includes("ask.opened"))
      assert.deepStrictEqual(yield* ended(working, 40_000), { type: "suspended" })
      yield* world.interrupt({ kind: "cancel", run: "r" })
      const last = world.events().slice(-5)
      assert.deepStrictEqual(typesOf(last).toSorted(), [
        "ask.resolved",
        "interrupt.applied",
        "interrupt.received",
        "run.finished",
        "run.finished"
      ])
      assert.strictEqual(world.outcomes("r").length, 1)
    })
  )
})

describe("pause and resume", () => {
  it.effect("pause takes effect at the next recorded call; an answer does not wake it, a resume does", () =>
    Effect.gen(function* () {
      const on = gate()
      const ran: string[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            await run.tool("one", {}, async () => {
              ran.push("one")
              await on.passed
            })
            await run.tool("two", {}, () => void ran.push("two"))
            return valueOf(run, "n")
          },
          numbers
        )
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* passUntil(() => ran.length === 1)
      yield* world.interrupt({ kind: "pause", run: "r" })
      yield* pass(2_000, 100)
      on.open()
      assert.deepStrictEqual(yield* ended(working), { type: "suspended" })
      assert.deepInclude(world.events().at(-1), { type: "run.suspended", why: "paused" })
      assert.deepStrictEqual(ran, ["one"])
      yield* pass(120_000, 10_000)
      yield* world.first.backend.sweep
      assert.deepStrictEqual(world.jobs, [])
      yield* world.interrupt({ kind: "resume", run: "r" })
      assert.deepStrictEqual(world.jobs, [job("r", 2)])
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), { type: "suspended" })
      assert.deepStrictEqual(ran, ["one", "two"])
      yield* world.interrupt({ kind: "pause", run: "r" })
      yield* answerNext(world, 4)
      assert.deepStrictEqual(world.jobs, [])
      yield* world.interrupt({ kind: "resume", run: "r" })
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: 4 }])
      const { interrupts } = (yield* world.view()).runs[0]!
      assert.deepStrictEqual(new Set(interrupts.map(({ state }) => state)), new Set(["applied"]))
    })
  )
  it.effect("a pause that is taken back in time holds nothing up, and is told so", () =>
    Effect.gen(function* () {
      const on = gate()
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          await run.tool("one", {}, async () => void (await on.passed))
          await run.tool("two", {}, () => {})
        })
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* passUntil(() => typesOf(world.events()).includes("tool.called"))
      yield* world.interrupt({ kind: "pause", run: "r" })
      yield* world.interrupt({ kind: "resume", run: "r" })
      yield* pass(1_000, 50)
      on.open()
      assert.deepStrictEqual(yield* ended(working), finished)
      const states = (yield* world.view()).runs[0]!.interrupts.map(({ kind, state }) => `${kind} ${state}`)
      assert.deepStrictEqual(states, ["pause too-late", "resume applied"])
    })
  )
})

describe("a host whose time is short", () => {
  it.effect("lets the run suspend at its next recorded call, and another job goes on", () =>
    Effect.gen(function* () {
      const ran: number[] = []
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          for (let n = 1; n <= 4; n++) await run.tool("work", { n }, async () => void ran.push(n))
        })
      ])
      yield* world.start("r", "a")
      world.second.lag = 300
      for (let epoch = 1; world.outcomes("r").length === 0 && epoch < 9; epoch++) {
        const fiber = yield* Effect.forkChild(world.second.backend.work(world.jobs.shift(), { hostMillis: 4_000 }))
        yield* ended(fiber, 20_000)
      }
      assert.deepStrictEqual(ran, [1, 2, 3, 4])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed" }])
      assert.include(JSON.stringify(world.events()), '"why":"time-limit"')
    })
  )
})

describe("checkpoints", () => {
  it.effect("let a function of its own state go on from the newest one", () =>
    Effect.gen(function* () {
      const did: string[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            let { at } = ((await run.resumedFrom()) ?? { at: 0 }) as { at: number }
            await run.text(`from ${at} `)
            while (at < 3) {
              await run.tool("work", { at }, () => void did.push(`tool ${at}`))
              at++
              await run.checkpoint({ at })
              if (at === 2) did.push(`answer ${await valueOf(run, "n")}`)
            }
            return at
          },
          numbers
        )
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      yield* answerNext(world, 9)
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), finished)
      assert.deepStrictEqual(did, ["tool 0", "tool 1", "tool 2"])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: 3 }])
    })
  )
})

describe("a checkpoint after many calls with keys of their own", () => {
  it.effect("is kept like any value, however many they are", () =>
    Effect.gen(function* () {
      let did = 0
      const key = (n: number) => `row ${n} of the table with the long name`
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            if ((await run.resumedFrom()) === undefined) {
              for (let n = 0; n < 1_000; n++) await run.step("row", () => ++did, { key: key(n) })
              await run.checkpoint("done")
            }
            return [await valueOf(run, "n"), await run.step("row", () => ++did, { key: key(1_000) })]
          },
          numbers
        )
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second), 60_000)
      yield* answerNext(world, 9)
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [9, 1_001] }])
    })
  )
})

describe("a steer for after the run", () => {
  it.effect("is posted as a message of who sent it when the run completes, and told as applied", () =>
    Effect.gen(function* () {
      const on = gate()
      const world = yield* makeBackends([agentOf("a", async (run) => [await on.passed, await run.steered()])])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      const message = { id: "m-after", parts: [{ type: "text", text: "And now in French." }] }
      yield* world.as("bob", () => world.interrupt({ kind: "steer", run: "r", message, when: "after-run" }))
      yield* pass(500, 50)
      on.open(1)
      yield* ended(working)
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [1, []] }])
      const view = yield* world.view()
      assert.deepInclude(view.messages.at(-1), { id: "m-after", role: "user", by: "bob" })
      assert.deepStrictEqual(
        view.runs[0]!.interrupts.map(({ state }) => state),
        ["applied"]
      )
    })
  )
  it.effect("is not posted when the run is cancelled, and its sender is told so", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", aborted)])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      const message = { id: "m-after", parts: [{ type: "text", text: "And now in French." }] }
      yield* world.interrupt({ kind: "steer", run: "r", message, when: "after-run" })
      yield* world.interrupt({ kind: "cancel", run: "r" })
      yield* ended(working)
      const view = yield* world.view()
      assert.deepStrictEqual(view.messages, [])
      assert.deepInclude(view.runs[0]!.interrupts[0], { kind: "steer", state: "too-late", reason: "cancelled" })
    })
  )
})

describe("a result too large for notes", () => {
  it.effect("goes to the blob store, comes back whole in another process, and is refused where there is none", () =>
    Effect.gen(function* () {
      const large = "The log is the truth. ".repeat(50_000)
      let ran = 0
      const agent = agentOf(
        "a",
        async (run) => {
          const read = await run
            .tool("read", {}, () => (ran++, large), { show: () => "shown" })
            .catch((error: Error) => error.message)
          return [read === large || read, await valueOf(run, "n")]
        },
        numbers
      )
      const blobs: MemoryBlobs = new Map()
      const world = yield* makeBackends([agent], { blobs: memoryBlobs({ store: blobs }) })
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      assert.strictEqual(blobs.size, 1)
      assert.match([...blobs.keys()][0]!, /^main\/t1\//)
      yield* answerNext(world, 1)
      yield* ended(yield* world.work(world.first))
      assert.strictEqual(ran, 1)
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [true, 1] }])

      const poor = yield* makeBackends([agent])
      yield* poor.start("r", "a")
      yield* ended(yield* poor.work(poor.second))
      yield* answerNext(poor, 1)
      yield* ended(yield* poor.work(poor.first))
      assert.match(JSON.stringify(poor.outcomes("r")), /return a reference/)
    })
  )
})
