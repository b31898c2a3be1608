import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { flush, pass } from "../writer/world.ts"
import { aborted, agentOf, ended, gate, job, makeBackends } from "./world.ts"

describe("a start while a run of the agent is unfinished", () => {
  it.effect("queue: the second waits, is enqueued when the first ends, and both run in order", () =>
    Effect.gen(function* () {
      const order: string[] = []
      const gates: Record<string, ReturnType<typeof gate>> = { r1: gate(), r2: gate() }
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          order.push(`begin ${run.id}`)
          await gates[run.id]!.passed
          order.push(`end ${run.id}`)
        })
      ])
      yield* world.start("r1", "a")
      yield* world.start("r2", "a")
      assert.deepStrictEqual(world.jobs, [job("r1")])
      const first = yield* world.work(world.second)
      // a job of the queued one that comes early takes nothing
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first, job("r2"))), {
        type: "skipped",
        why: "RUN_NOT_WAITING"
      })
      gates["r1"]!.open()
      yield* ended(first)
      assert.deepStrictEqual(world.jobs, [job("r2")])
      const second = yield* world.work(world.second)
      yield* flush
      gates["r2"]!.open()
      yield* ended(second)
      assert.deepStrictEqual(order, ["begin r1", "end r1", "begin r2", "end r2"])
    })
  )
  it.effect("queue: each run's history has its own prompt last, and not the prompts of runs behind it", () =>
    Effect.gen(function* () {
      const told: Record<string, string[]> = {}
      const asked = gate()
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          if (run.id === "r1") await asked.passed
          const history = await run.history()
          told[run.id] = history.flatMap(({ parts, role }) =>
            parts.flatMap((part) => (part.type === "text" ? [`${role}: ${part.text}`] : []))
          )
          await run.text(`answer of ${run.id}`)
        })
      ])
      const prompt = (text: string) => ({ message: { id: text, parts: [{ type: "text", text }] } })
      yield* world.start("r1", "a", prompt("first question"))
      const first = yield* world.work(world.second)
      yield* flush
      yield* world.start("r2", "a", prompt("second question"))
      asked.open()
      yield* ended(first)
      yield* ended(yield* world.work(world.second))
      assert.deepStrictEqual(told["r1"], ["user: first question"])
      assert.deepStrictEqual(told["r2"], ["user: first question", "assistant: answer of r1", "user: second question"])
    })
  )
  it.effect("reject: the second is told, and may come again when the first has ended", () =>
    Effect.gen(function* () {
      const end = gate()
      const world = yield* makeBackends([agentOf("a", () => end.passed, { onBusy: "reject" })])
      yield* world.start("r1", "a")
      const refused = yield* world.start("r2", "a")
      assert.strictEqual(refused.error?.code, "RUN_BUSY")
      const working = yield* world.work(world.second)
      end.open()
      yield* ended(working)
      assert.isTrue((yield* world.start("r2", "a")).ok)
    })
  )
  it.effect("replace: the first is cancelled, the second begins when it has ended", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            if (run.id === "r1") await aborted(run)
            return run.id
          },
          { onBusy: "replace" }
        )
      ])
      yield* world.start("r1", "a")
      const first = yield* world.work(world.second)
      yield* flush
      yield* world.start("r2", "a")
      yield* ended(first, 1_000)
      assert.deepStrictEqual(world.outcomes("r1"), [{ type: "cancelled", reason: "replaced" }])
      yield* ended(yield* world.work(world.second))
      assert.deepStrictEqual(world.outcomes("r2"), [{ type: "completed", result: "r2" }])
    })
  )
  it.effect("parallel: both run at once", () =>
    Effect.gen(function* () {
      const end = gate()
      let running = 0
      const world = yield* makeBackends([
        agentOf(
          "a",
          async () => {
            running++
            await end.passed
          },
          { onBusy: "parallel" }
        )
      ])
      yield* world.start("r1", "a")
      yield* world.start("r2", "a")
      const working = [yield* world.work(world.first), yield* world.work(world.second)]
      yield* flush
      assert.strictEqual(running, 2)
      end.open()
      for (const each of working) assert.deepStrictEqual(yield* ended(each), { type: "finished", outcome: "completed" })
    })
  )
})

const steer = (run: string, text: string, when = "next-step") => ({
  kind: "steer",
  run,
  when,
  message: { id: `message ${text}`, parts: [{ type: "text", text }] }
})

describe("steering", () => {
  it.effect("is delivered once, in log order, at the step that asks for it, and marked as applied there", () =>
    Effect.gen(function* () {
      const steps = [gate(), gate()]
      const heard: string[][] = []
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          heard.push((await run.steered()).map(({ by, text }) => `${by}: ${text}`))
          await steps[0]!.passed
          await run.step("look", async () => {
            heard.push((await run.steered()).map(({ by, text }) => `${by}: ${text}`))
          })
          await steps[1]!.passed
          heard.push((await run.steered()).map(({ text }) => text))
        })
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      yield* world.interrupt(steer("r", "shorter"))
      yield* world.interrupt(steer("r", "in French"))
      yield* flush
      steps[0]!.open()
      yield* flush
      steps[1]!.open()
      yield* ended(working)
      assert.deepStrictEqual(heard, [[], ["ann: shorter", "ann: in French"], []])
      const { runs } = yield* world.view()
      const [run] = runs
      assert.deepStrictEqual(
        run?.interrupts.map(({ state }) => state),
        ["applied", "applied"]
      )
      assert.deepStrictEqual(
        run?.interrupts.map(({ step }) => step),
        [run?.steps[0]?.id, run?.steps[0]?.id]
      )
    })
  )
  it.effect("stays in log order when the first one's words are slow to come from the log", () =>
    Effect.gen(function* () {
      const go = gate()
      let heard: readonly string[] = []
      let notes = 0
      const world = yield* makeBackends(
        [
          agentOf("a", async (run) => {
            await go.passed
            heard = (await run.steered()).map(({ text }) => text)
          })
        ],
        {
          log: (log) => ({
            ...log,
            note: (thread, key) =>
              key.startsWith("interrupt/") && ++notes === slowNote
                ? Effect.delay(log.note(thread, key), 500)
                : log.note(thread, key)
          })
        }
      )
      let slowNote = 0
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      world.second.freeze()
      yield* world.interrupt(steer("r", "one"))
      yield* world.interrupt(steer("r", "two"))
      slowNote = notes + 1
      world.second.thaw()
      yield* pass(1_000)
      go.open()
      yield* ended(working)
      assert.deepStrictEqual(heard, ["one", "two"])
    })
  )
  it.effect("one that comes too late for the run, or is for after it, is told so; nothing is lost silently", () =>
    Effect.gen(function* () {
      const end = gate()
      const world = yield* makeBackends([agentOf("a", () => end.passed)])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* flush
      assert.isTrue((yield* world.interrupt(steer("r", "hello"))).ok)
      yield* flush
      end.open()
      yield* ended(working)
      const { runs } = yield* world.view()
      assert.deepInclude(runs[0]?.interrupts[0], { state: "too-late", reason: "finished" })
      const late = yield* world.interrupt(steer("r", "too late"))
      assert.strictEqual(late.error?.code, "RUN_TERMINAL")
    })
  )
})
