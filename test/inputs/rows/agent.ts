/** What an agent's code hands in, or does: told at the call, or at the run's end; the worker goes on. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import type { World } from "../world.ts"

const ENDS = "test/agent/ends.test.ts"
const HANDLE = "test/agent/handle.test.ts"
const known = (id: string, input: string, answer: string, file: string, test: string): Row => ({
  id,
  surface: "agent",
  input,
  answer,
  check: proof(file, test)
})

type Body = Parameters<World["agentRun"]>[0]
type Seen = Awaited<ReturnType<World["agentRun"]>>
/** A run whose function does this. */
const does = (id: string, input: string, answer: string, body: Body, then: (seen: Seen) => void): Row => ({
  id,
  surface: "agent",
  input,
  answer,
  check: async ({ agentRun }) => then(await agentRun(body))
})
const failed = ({ outcome }: Seen, says?: RegExp) => {
  assert.equal(outcome.type, "failed", JSON.stringify(outcome))
  const text = JSON.stringify(outcome)
  assert.doesNotMatch(text, /hidden-cause|\n\s+at |node_modules|\.ts:/)
  if (says !== undefined) assert.match(text, says)
}
const told = async (call: () => unknown): Promise<string> => {
  try {
    await call()
    return "nothing"
  } catch (error) {
    return (error as Error).message
  }
}

export const agentRows: readonly Row[] = [
  known(
    "B71",
    "NaN, Infinity, a BigInt, a function, `undefined`, a Date, a Map, anywhere inside",
    "thrown at the call, naming the path",
    ENDS,
    "%s is thrown back at the call, naming the path"
  ),
  known("B71", "a cycle", "thrown at the call", ENDS, "a cycle is too"),
  known(
    "N90",
    "what is JSON and no event: a wrong usage, a citation without a source",
    "thrown at the call, naming the field",
    ENDS,
    "what is JSON but no event is thrown back at the call, naming the field; the log holds nothing that clients refuse"
  ),
  known(
    "N91",
    "more than an entry has room for",
    "thrown at the call; the run goes on",
    ENDS,
    "what fits no entry is thrown back at the call, and the run goes on"
  ),
  known(
    "N92",
    "a result that its own schema refuses",
    "the run fails, `BAD_OUTPUT`, naming the field",
    ENDS,
    "an output that does not fit its schema is BAD_OUTPUT, naming the field"
  ),
  known(
    "N92",
    "a result that is no JSON, or fits no entry",
    "the run fails and says why",
    ENDS,
    "a result that is not JSON, or fits no entry, is failed and says why"
  ),
  known(
    "N93",
    "an error with a secret in its message",
    "`AGENT_FAILED` without it; only an `AgentError` is shown",
    ENDS,
    "an AgentError is shown, another error is not"
  ),
  known(
    "N94",
    "a tool's result that is too large to show or to keep",
    "the call fails and says what helps",
    HANDLE,
    "tool: a result too large to show or to record fails the call by name, and `show` helps"
  ),
  known(
    "N95",
    "one key for two calls",
    "told as a mistake",
    HANDLE,
    "tool: a key used twice is a mistake that is told, not an endless wait"
  ),
  known(
    "N96",
    "a patch that does not apply",
    "thrown at the call, the document as it was",
    HANDLE,
    "state: set, patched, read back; a patch that does not apply changes nothing"
  ),
  known(
    "N97",
    "an event of its own that its schema refuses",
    "thrown at the call",
    HANDLE,
    "emit: checked against the agent's schema at the call, an id updates in place"
  ),
  ...(
    [
      ["nothing: `throw undefined`", undefined],
      ["a text with a secret", "hidden-cause"],
      ["null", null],
      [
        "an object whose message throws",
        {
          get message(): string {
            throw new Error("hidden-cause")
          }
        }
      ],
      ["a promise", Promise.resolve("hidden-cause")],
      [
        "an error whose cause is itself",
        (() => {
          const error = new Error("hidden-cause")
          error.cause = error
          return error
        })()
      ]
    ] as const
  ).map(([what, thrown]) =>
    does(
      "N98",
      `a thrown value: ${what}`,
      "the run fails, `AGENT_FAILED`, with nothing of it",
      async () => {
        // oxlint-disable-next-line no-throw-literal -- that is the row
        throw thrown
      },
      (seen) => failed(seen, /AGENT_FAILED/)
    )
  ),
  does(
    "N99",
    "an empty text, an empty label",
    "nothing, or a label that is empty; the run completes",
    async (run) => {
      await run.text("")
      run.status("")
    },
    ({ outcome, text }) => assert.deepEqual([outcome.type, text], ["completed", ""])
  ),
  does(
    "N100",
    "half of a surrogate pair as the last text",
    "kept as it came; the log stays readable",
    async (run) => {
      await run.text("a\ud83d")
    },
    ({ outcome, text }) => assert.deepEqual([outcome.type, text], ["completed", "a\ud83d"])
  ),
  does(
    "N101",
    "a tool's name of 300 characters, or with a line break; an empty one",
    "thrown at the call, or a name like others; the run goes on",
    async (run) => {
      await told(() => run.tool("x".repeat(300), {}, () => 1))
      await told(() => run.tool("a\nb", {}, () => 1))
      await told(() => run.tool("", {}, () => 1))
    },
    ({ outcome }) => assert.equal(outcome.type, "completed")
  ),
  does(
    "N102",
    "text after the function has returned",
    "nothing: the run has ended",
    async (run) => {
      setTimeout(() => void run.text("late").catch(() => {}), 20)
    },
    ({ outcome, text }) => assert.deepEqual([outcome.type, text], ["completed", ""])
  ),
  does(
    "N103",
    "a tool's promise that nobody waits for, and that fails after the end",
    "the run ends; no unhandled rejection ends the process",
    async (run) => {
      void run
        .tool("slow", {}, async () => {
          await new Promise((resolve) => setTimeout(resolve, 30))
          throw new Error("hidden-cause")
        })
        .catch(() => {})
    },
    ({ outcome }) => assert.equal(outcome.type, "completed")
  ),
  does(
    "N104",
    "an event in another run's name",
    "thrown at the call, or taken as its own; never another run's",
    async (run) => {
      await told(() => run.raw({ type: "run.finished", run: "another", outcome: { type: "completed" } } as never))
      await told(() => run.raw({ type: "text.delta", run: "another", part: "p", text: "forged" } as never))
    },
    ({ events }) => assert.ok(events.every((event) => !("run" in event) || event.run !== "another"))
  ),
  does(
    "N105",
    "its own `run.finished`, `run.accepted`, `interrupt.received`",
    "thrown at the call; the end is the worker's to say",
    async (run) => {
      for (const type of ["run.finished", "run.accepted", "run.started", "interrupt.received", "content.erased"])
        await told(() => run.raw({ type, outcome: { type: "completed" } } as never))
    },
    ({ events, outcome }) => {
      assert.equal(outcome.type, "completed")
      assert.equal(events.filter(({ type }) => type === "run.finished").length, 1)
      assert.equal(events.filter(({ type }) => type === "run.started").length, 1)
    }
  ),
  does(
    "N106",
    "a frozen, null-prototype, getter-made value",
    "read once, as JSON",
    async (run) => {
      let reads = 0
      const value = Object.freeze(Object.assign(Object.create(null) as object, { a: 1 }))
      const tricky = {
        get a() {
          return ++reads
        }
      }
      await run.state("d").set(value as never)
      await told(() => run.state("e").set(tricky as never))
    },
    ({ outcome, view }) => {
      assert.equal(outcome.type, "completed")
      assert.deepEqual(view.state["d"], { a: 1 })
    }
  )
]
