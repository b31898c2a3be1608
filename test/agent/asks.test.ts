import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as z from "zod"
import type { Approval } from "../../src/agent/Ask.ts"
import type { Run } from "../../src/agent/Run.ts"
import { ApprovalMismatch, Denied } from "../../src/agent/RunAborted.ts"
import { pass, passUntil } from "../writer/world.ts"
import { agentOf, ended, job, makeBackends, typesOf, type World } from "./world.ts"

const note = { path: "plan.md", text: "Read first." }
const schema = z.object({ path: z.string(), text: z.string().min(1) })
/** Asks to write, writes what was approved, and says what came of it. */
const writer = (
  wrote: unknown[],
  options: Parameters<Run["ask"]["approval"]>[0] | object = {},
  holdFor = "30 seconds"
) =>
  agentOf(
    "a",
    async (run) => {
      await run.text("before ")
      const approval = await run.ask.approval({ tool: "write", input: note, ...options })
      if (!approval.approved) return { why: approval.why, by: approval.by ?? null }
      await run.tool("write", approval.input, (input) => void wrote.push(input), { approval })
      await run.text("after")
      return { edited: approval.edited, by: approval.by ?? null }
    },
    { asks: { write: schema }, holdFor: holdFor as "30 seconds" }
  )
const openAsk = (world: World) =>
  Effect.gen(function* () {
    yield* passUntil(() => typesOf(world.events()).includes("ask.opened"))
    const opened = world.events().find((event) => event.type === "ask.opened")
    return opened as Extract<typeof opened, { readonly type: "ask.opened" }>
  })
const answerOf = (ask: { ask: string; digest?: string }, answer: object, more: object = {}) => ({
  kind: "answer",
  run: "r",
  ask: ask.ask,
  answer,
  digest: ask.digest,
  ...more
})
const text = (world: World) =>
  Effect.map(world.view(), ({ messages }) =>
    messages
      .flatMap(({ parts }) => parts)
      .map((part) =>
        part.type === "text" ? part.text : part.type === "tool" ? `[${part.name} ${part.outcome?.type}]` : ""
      )
      .join("|")
  )

describe("an approval", () => {
  it.effect("that comes while the run waits in its process lets the tool run once, with what was shown", () =>
    Effect.gen(function* () {
      const wrote: unknown[] = []
      const world = yield* makeBackends([writer(wrote)])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      const ask = yield* openAsk(world)
      assert.deepInclude(ask, { kind: "approval", name: "write", input: note })
      assert.deepInclude(ask.schema as object, { type: "object" })
      const sent = yield* world.interrupt(answerOf(ask, { type: "approved" }))
      assert.deepStrictEqual(sent.verdict, { type: "accepted" })
      assert.deepStrictEqual(yield* ended(working), { type: "finished", outcome: "completed" })
      assert.deepStrictEqual(wrote, [note])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: { edited: false, by: "ann" } }])
      const called = world.events().find((event) => event.type === "tool.called")
      assert.strictEqual(called?.digest, ask.digest)
      const again = yield* world.interrupt(answerOf(ask, { type: "denied" }))
      assert.strictEqual(again.error?.code, "RUN_TERMINAL")
    })
  )
  it.effect("that comes an hour later resumes the run in another process, which says nothing twice", () =>
    Effect.gen(function* () {
      const wrote: unknown[] = []
      const world = yield* makeBackends([writer(wrote, { expiresIn: "2 hours" })])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      const ask = yield* openAsk(world)
      assert.deepStrictEqual(yield* ended(working, 40_000), { type: "suspended" })
      assert.deepInclude(world.events().at(-1), { type: "run.suspended", why: "asked", asks: [ask.ask] })
      world.second.kill()
      yield* pass(3_600_000, 60_000)
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 0, ended: 0 })
      yield* world.as("bob", () => world.interrupt(answerOf(ask, { type: "approved" })))
      assert.deepStrictEqual(world.jobs, [job("r", 2)])
      assert.deepStrictEqual(yield* ended(yield* world.work(world.first)), { type: "finished", outcome: "completed" })
      assert.deepStrictEqual(wrote, [note])
      assert.strictEqual(yield* text(world), "before |[write ok]|after")
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: { edited: false, by: "bob" } }])
    })
  )
  it.effect("may edit the input where its schema is declared; the edited one runs, under its own digest", () =>
    Effect.gen(function* () {
      const wrote: unknown[] = []
      const world = yield* makeBackends([writer(wrote, {}, "0 seconds")])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      const ask = yield* openAsk(world)
      const bad = yield* world.interrupt(answerOf(ask, { type: "approved", input: { path: "plan.md", text: "" } }))
      assert.deepInclude(bad.error, { code: "BAD_INPUT", path: "answer.input.text" })
      const edited = { path: "plan.md", text: "Read twice." }
      yield* world.interrupt(answerOf(ask, { type: "approved", input: edited }))
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(wrote, [edited])
      const called = world.events().find((event) => event.type === "tool.called")
      assert.isString(called?.digest)
      assert.notStrictEqual(called?.digest, ask.digest)
    })
  )
  it.effect("of something else, by who may not, twice, or too late is refused, and nothing runs", () =>
    Effect.gen(function* () {
      const wrote: unknown[] = []
      const world = yield* makeBackends([
        writer(wrote, { fourEyes: true, answerableBy: ["ann", "bob"], expiresIn: 60_000 })
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      const ask = yield* openAsk(world)
      const send = (by: string, body: object) => world.as(by, () => world.interrupt(body))
      const code = (answer: { error?: { code: string } }) => answer.error?.code
      assert.strictEqual(code(yield* send("ann", answerOf(ask, { type: "approved" }))), "FORBIDDEN")
      assert.strictEqual(code(yield* send("eve", answerOf(ask, { type: "approved" }))), "FORBIDDEN")
      const other = `${ask.digest!.slice(0, -1)}${ask.digest!.endsWith("A") ? "B" : "A"}`
      assert.strictEqual(
        code(yield* send("bob", answerOf(ask, { type: "approved" }, { digest: other }))),
        "APPROVAL_MISMATCH"
      )
      assert.strictEqual(
        code(yield* send("bob", answerOf(ask, { type: "approved" }, { digest: undefined }))),
        "APPROVAL_MISMATCH"
      )
      assert.strictEqual(code(yield* send("bob", answerOf(ask, { type: "answered", value: 1 }))), "BAD_SHAPE")
      yield* pass(61_000, 500)
      yield* world.first.backend.sweep
      assert.strictEqual(code(yield* send("bob", answerOf(ask, { type: "approved" }))), "APPROVAL_EXPIRED")
      while (world.jobs.length > 0) yield* ended(yield* world.work(world.first))
      yield* ended(working)
      assert.deepStrictEqual(wrote, [])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: { why: "expired", by: null } }])
    })
  )
  it.effect("is for whom the policy lets answer this very ask", () =>
    Effect.gen(function* () {
      const asked: unknown[] = []
      const world = yield* makeBackends([writer([])], {
        authorize: (principal, _, __, about) => {
          if (about !== undefined) asked.push([principal.id, about.run, about.agent, about.startedBy, about.ask.input])
          return Effect.succeed(about === undefined || principal.id !== about.startedBy)
        }
      })
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      const ask = yield* openAsk(world)
      const own = yield* world.interrupt(answerOf(ask, { type: "approved" }))
      assert.deepInclude(own.error, { code: "FORBIDDEN" })
      yield* world.as("bob", () => world.interrupt(answerOf(ask, { type: "approved" })))
      yield* ended(working)
      assert.deepStrictEqual(
        asked,
        ["ann", "bob"].map((by) => [by, "r", "a", "ann", note])
      )
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: { edited: false, by: "bob" } }])
    })
  )
  it.effect("that was edited allows the edited input alone", () =>
    Effect.gen(function* () {
      const wrote: unknown[] = []
      const edited = { ...note, text: "Read twice." }
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            const approval = await run.ask.approval({ tool: "write", input: note })
            const write = (input: typeof note) =>
              run.tool("write", input, (given) => void wrote.push(given), { approval }).catch((error: unknown) => error)
            const problem = await write(note)
            await write(edited)
            return problem instanceof ApprovalMismatch
          },
          { asks: { write: schema } }
        )
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      yield* world.interrupt(answerOf(yield* openAsk(world), { type: "approved", input: edited }))
      yield* ended(working)
      assert.deepStrictEqual(wrote, [edited])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: true }])
    })
  )
  it.effect("whose record says something else than its digest is not believed", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        agentOf("a", async (run) => (await run.ask.approval({ tool: "write", input: note })).approved, {
          holdFor: "0 seconds"
        })
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      const ask = yield* openAsk(world)
      yield* world.interrupt(answerOf(ask, { type: "approved" }))
      const { notes } = world.store.threads.get("main/t1")!
      const decided = notes.get(`ask/r/${ask.ask}`) as { readonly answer: object }
      notes.set(`ask/r/${ask.ask}`, { ...decided, answer: { type: "approved", input: { path: "other", text: "X" } } })
      yield* ended(yield* world.work(world.first))
      assert.strictEqual(world.outcomes("r")[0]?.type, "failed")
    })
  )
  it.effect("of a thread that is dropped while the answer is checked is answered as one that never was", () =>
    Effect.gen(function* () {
      let drops = false
      const world = yield* makeBackends([writer([], {}, "0 seconds")], {
        log: (real) => ({
          ...real,
          read: (thread, ...rest) =>
            Effect.suspend(() => {
              if (!drops) return real.read(thread, ...rest)
              drops = false
              return Effect.andThen(real.drop(thread, "another"), real.read(thread, ...rest))
            })
        })
      })
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      const ask = yield* openAsk(world)
      drops = true
      const told = yield* world.interrupt(answerOf(ask, { type: "approved" }))
      assert.deepInclude(told.error, { code: "NOT_FOUND" })
      assert.isFalse(drops)
      assert.deepStrictEqual(world.events(), [])
    })
  )
  it.effect("expires by the sweeper when the run is suspended", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([writer([], { expiresIn: "10 minutes" }, "0 seconds")])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      yield* pass(601_000, 10_000)
      assert.deepStrictEqual(yield* world.first.backend.sweep, { enqueued: 1, ended: 1 })
      yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: { why: "expired", by: null } }])
    })
  )
  it.effect("is used once, and only for what was approved", () =>
    Effect.gen(function* () {
      const ran: [string, unknown][] = []
      const threw: unknown[] = []
      const world = yield* makeBackends([
        agentOf("a", async (run) => {
          const approval = await run.ask.approval({ tool: "write", input: note })
          const attempt = (name: string, input: typeof note, made: Approval<typeof note> = approval) =>
            run
              .tool(name, input, (given) => void ran.push([name, given]), { approval: made })
              .catch((e: unknown) => threw.push(e))
          await attempt("write", { ...note, text: "Something else." })
          await attempt("delete", note)
          await attempt("write", note, { ...approval, ask: "another" } as Approval<typeof note>)
          await attempt("write", note)
          await attempt("write", note)
        })
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      const ask = yield* openAsk(world)
      yield* world.interrupt(answerOf(ask, { type: "approved" }))
      assert.deepStrictEqual(yield* ended(working), { type: "finished", outcome: "completed" })
      assert.deepStrictEqual(ran, [["write", note]])
      assert.strictEqual(threw.length, 4)
      for (const error of threw) assert.instanceOf(error, ApprovalMismatch)
    })
  )
  it.effect("of two people at once is decided once; both learn the same", () =>
    Effect.gen(function* () {
      const wrote: unknown[] = []
      const world = yield* makeBackends([writer(wrote)])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      const ask = yield* openAsk(world)
      const answers = yield* Effect.all(
        [
          world.interrupt(answerOf(ask, { type: "approved" }), world.first.backend),
          world.interrupt(answerOf(ask, { type: "denied" }), world.second.backend)
        ],
        { concurrency: 2 }
      )
      const codes = answers.map(({ error }) => error?.code)
      assert.strictEqual(codes.filter((code) => code === undefined).length, 1)
      assert.include(
        ["APPROVAL_ALREADY_DECIDED", "RUN_TERMINAL"],
        codes.find((code) => code !== undefined)
      )
      yield* ended(working)
      assert.strictEqual(wrote.length, codes[0] === undefined ? 1 : 0)
      assert.strictEqual(typesOf(world.events()).filter((type) => type === "ask.resolved").length, 1)
    })
  )
  it.effect("is withdrawn with the run: a cancel ends what waits for it", () =>
    Effect.gen(function* () {
      for (const holdFor of ["0 seconds", "1 hour"] as const) {
        const world = yield* makeBackends([writer([], {}, holdFor)])
        yield* world.start("r", "a")
        const working = yield* world.work(world.second)
        const ask = yield* openAsk(world)
        yield* pass(500)
        yield* world.interrupt({ kind: "cancel", run: "r" })
        yield* ended(working)
        assert.deepStrictEqual(world.outcomes("r"), [{ type: "cancelled" }])
        const resolved = world.events().find((event) => event.type === "ask.resolved")
        assert.deepInclude(resolved, { ask: ask.ask, answer: { type: "withdrawn" }, resolver: "system" })
      }
    })
  )
  it.effect("can be part of the tool: asked for first, and a denial is shown", () =>
    Effect.gen(function* () {
      const ran: unknown[] = []
      const world = yield* makeBackends([
        agentOf("a", (run) =>
          run
            .tool("write", note, (input) => void ran.push(input), { approve: { prompt: "Write it?" } })
            .catch((error: unknown) => (error instanceof Denied ? error.why : "other"))
        )
      ])
      yield* world.start("r", "a")
      const working = yield* world.work(world.second)
      const ask = yield* openAsk(world)
      assert.strictEqual(ask.prompt, "Write it?")
      const edit = yield* world.interrupt(answerOf(ask, { type: "approved", input: note }))
      assert.deepInclude(edit.error, { code: "BAD_INPUT", path: "answer.input" })
      yield* world.interrupt(answerOf(ask, { type: "denied", reason: "not now" }))
      yield* ended(working)
      assert.deepStrictEqual(ran, [])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: "denied" }])
      assert.strictEqual(yield* text(world), "[write denied]")
    })
  )
})

describe("approvals of tools of one name, side by side", () => {
  it.effect("may come in any order: each tool keeps its place in the epochs after", () =>
    Effect.gen(function* () {
      const ran: unknown[] = []
      const world = yield* makeBackends([
        agentOf(
          "a",
          (run) =>
            Promise.all(
              ["a", "b"].map((path) => run.tool("write", { path }, () => (ran.push(path), path), { approve: true }))
            ),
          { holdFor: "1 second" }
        )
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      const opened = world.events().filter((event) => event.type === "ask.opened")
      for (const path of ["b", "a"]) {
        const { ask, digest } = opened.find(({ input }) => (input as { path: string }).path === path)!
        yield* world.interrupt(answerOf({ ask, digest: digest! }, { type: "approved" }))
        yield* ended(yield* world.work(world.first))
      }
      assert.deepStrictEqual(ran, ["b", "a"])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: ["a", "b"] }])
    })
  )
})

describe("input, choice and client tools", () => {
  it.effect("are checked by what the agent declares, before anything is recorded", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            const budget = await run.ask.input("budget", { prompt: "How much?" })
            const plan = await run.ask.choice({
              options: [
                { id: "short", label: "Short" },
                { id: "long", label: "Long" }
              ]
            })
            const file = await run.ask.tool("pick", { filter: "*.md" })
            return [budget, plan, file].map((reply) => (reply.answered ? reply.value : reply.why))
          },
          {
            asks: {
              budget: z
                .number()
                .min(1)
                .transform((value) => value * 2),
              pick: z.string()
            },
            holdFor: "0 seconds"
          }
        )
      ])
      yield* world.start("r", "a")
      const next = (value: unknown, bad: unknown) =>
        Effect.gen(function* () {
          const fiber = yield* world.work(world.first)
          yield* ended(fiber)
          const ask = (yield* world.view()).asks.find(({ answer }) => answer === undefined)!
          const body = { ask: ask.id, digest: ask.digest! }
          const refused = yield* world.interrupt(answerOf(body, { type: "answered", value: bad }))
          assert.deepInclude(refused.error, { code: "BAD_INPUT", path: "answer.value" })
          const taken = yield* world.interrupt(answerOf(body, { type: "answered", value }))
          assert.isTrue(taken.ok)
        })
      yield* next(21, 0)
      yield* next("long", "longer")
      yield* next("plan.md", 7)
      yield* ended(yield* world.work(world.second))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [42, "long", "plan.md"] }])
      assert.strictEqual(yield* text(world), "[pick ok]")
    })
  )
  it.effect("a call that was approved runs while another still waits, also where nothing is held", () =>
    Effect.gen(function* () {
      const did: string[] = []
      const act = (run: Run, key: string) => run.tool(key, {}, () => void did.push(key), { approve: true })
      const world = yield* makeBackends([
        agentOf("a", async (run) => void (await Promise.all([act(run, "one"), act(run, "two")])), {
          holdFor: "0 seconds"
        })
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      for (const key of ["two", "one"]) {
        const ask = (yield* world.view()).asks.find(({ name }) => name === key)!
        yield* world.interrupt(answerOf({ ask: ask.id, digest: ask.digest! }, { type: "approved" }))
        yield* ended(yield* world.work(world.first))
        assert.strictEqual(did.at(-1), key)
      }
      assert.deepStrictEqual(did, ["two", "one"])
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed" }])
    })
  )
  it.effect("several are open at once; each answer is kept, and the run goes on when it has what it needs", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([
        agentOf(
          "a",
          async (run) => {
            const replies = await Promise.all(["x", "y", "z"].map((key) => run.ask.input("n", { key, prompt: key })))
            return replies.map((reply) => (reply.answered ? reply.value : reply.why))
          },
          { asks: { n: z.number() }, holdFor: "1 second" }
        )
      ])
      yield* world.start("r", "a")
      yield* ended(yield* world.work(world.second))
      const asks = (yield* world.view()).asks
      assert.strictEqual(asks.length, 3)
      for (const [n, { digest, id }] of asks.toReversed().entries()) {
        yield* world.interrupt(answerOf({ ask: id, digest: digest! }, { type: "answered", value: n }))
        if (n === 1) yield* ended(yield* world.work(world.first))
      }
      while (world.jobs.length > 0) yield* ended(yield* world.work(world.first))
      assert.deepStrictEqual(world.outcomes("r"), [{ type: "completed", result: [2, 1, 0] }])
    })
  )
})
