/** Answers to asks: of something else, by somebody else, twice, too late, of the wrong kind. Nothing runs. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import type { Side } from "../side.ts"
import { assertTold, type Told } from "../told.ts"
import type { World } from "../world.ts"

const ASKS = "test/agent/asks.test.ts"
let threads = 0
interface Asked {
  readonly side: Side
  readonly run: string
  readonly ask: string
  readonly digest: string
  readonly events: () => ReturnType<Side["events"]>
  /** The same answer by HTTP and over the socket, under ids of their own. */
  readonly answer: (
    answer: object,
    more?: { readonly who?: string; readonly digest?: string | undefined; readonly ask?: string }
  ) => Promise<readonly unknown[]>
}
/** An approval that waits, in a thread of its own on both sides; afterwards its run is cancelled. */
const asked = async ({ sides }: World, check: (asked: Asked) => Promise<void>, input: object = {}): Promise<void> => {
  for (const side of sides) {
    const thread = `shared-ask-${++threads}`
    const run = await side.run(thread, "asker", input)
    const events = () => side.events(thread)
    const opened = () => events().find((event) => event.type === "ask.opened")
    for (let tries = 0; opened() === undefined; tries++) {
      assert.ok(tries < 1_000)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const { ask, digest } = opened() as unknown as { readonly ask: string; readonly digest: string }
    let ids = 0
    const answer: Asked["answer"] = async (given, more = {}) => {
      const interrupt = () => ({
        kind: "answer",
        id: `${thread}-${++ids}`,
        run,
        ask: more.ask ?? ask,
        answer: given,
        ...("digest" in more ? (more.digest === undefined ? {} : { digest: more.digest }) : { digest })
      })
      const who = more.who ?? "ann"
      const http = await side.send({ who, path: `/threads/${thread}/interrupts`, body: interrupt() })
      return [http.body, await side.invoke(who, "interrupt", { thread, interrupt: interrupt() })]
    }
    await check({ side, run, ask, digest, events, answer })
    await side.send({ path: `/threads/${thread}/interrupts`, body: { kind: "cancel", id: `${thread}-end`, run } })
    for (let tries = 0; !events().some((event) => event.type === "run.finished"); tries++) {
      assert.ok(tries < 1_000)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.ok(
      !events().some((event) => event.type === "tool.called") ||
        events().some(
          (event) => event.type === "ask.resolved" && (event["answer"] as { type: string }).type === "approved"
        )
    )
  }
}
const row = (
  id: string,
  input: string,
  answer: string,
  check: (asked: Asked) => Promise<void>,
  start: object = {}
): Row => ({ id, surface: "interrupt", input, answer, records: true, check: (world) => asked(world, check, start) })
const refuses = (told: Told, answers: readonly unknown[]) => {
  for (const answer of answers) assertTold(answer, told)
}
const ran = (events: ReturnType<Side["events"]>) => events.some((event) => event.type === "tool.called")

export const askRows: readonly Row[] = [
  row(
    "B104",
    "an approval with another digest: changed, cut, longer, empty, none, of another run",
    "`APPROVAL_MISMATCH`, recorded; the ask stays open, nothing runs",
    async ({ answer, digest, events }) => {
      const other = `${digest.slice(0, -1)}${digest.endsWith("A") ? "B" : "A"}`
      for (const wrong of [other, digest.slice(0, 20), `${digest}0`, "", undefined, digest.toUpperCase(), ` ${digest}`])
        refuses({ code: "APPROVAL_MISMATCH" }, await answer({ type: "approved" }, { digest: wrong }))
      assert.ok(!ran(events()) && !events().some((event) => event.type === "ask.resolved"))
    }
  ),
  row(
    "B106",
    "an approval after a denial",
    "`APPROVAL_ALREADY_DECIDED` with what was decided; nothing runs",
    async ({ answer, events }) => {
      const [denied] = await answer({ type: "denied", reason: "no" })
      assert.equal((denied as { ok: boolean }).ok, true)
      for (const late of await answer({ type: "approved" }))
        assert.match((late as { error: { code: string } }).error.code, /^(APPROVAL_ALREADY_DECIDED|RUN_TERMINAL)$/)
      assert.ok(!ran(events()))
    }
  ),
  row(
    "B106",
    "an approval after the tool has run",
    "`APPROVAL_ALREADY_DECIDED` or `RUN_TERMINAL`; it ran once",
    async ({ answer, events }) => {
      const [first] = await answer({ type: "approved" })
      assert.equal((first as { ok: boolean }).ok, true)
      for (const late of await answer({ type: "approved" }))
        assert.match((late as { error: { code: string } }).error.code, /^(APPROVAL_ALREADY_DECIDED|RUN_TERMINAL)$/)
      assert.equal(events().filter((event) => event.type === "tool.called").length, 1)
    }
  ),
  {
    id: "B106",
    surface: "interrupt",
    input: "an approval after its expiry",
    answer: "`APPROVAL_EXPIRED`; nothing runs",
    check: proof(ASKS, "of something else, by who may not, twice, or too late is refused, and nothing runs")
  },
  {
    id: "B104",
    surface: "interrupt",
    input: "the tool called with other arguments than were approved, another tool, a forged approval, a used one",
    answer: "`ApprovalMismatch` where the tool would run",
    check: proof(ASKS, "is used once, and only for what was approved")
  },
  row(
    "B109",
    "the approval of one's own run where a second person must",
    "`FORBIDDEN`, not recorded; another person may",
    async ({ answer, events }) => {
      const before = events().length
      refuses({ code: "FORBIDDEN" }, await answer({ type: "approved" }))
      assert.equal(events().length, before)
      const [bobs] = await answer({ type: "approved" }, { who: "bob" })
      assert.equal((bobs as { ok: boolean }).ok, true)
    },
    { fourEyes: true }
  ),
  row(
    "N67",
    "an answer of another kind: a value to an approval",
    "`BAD_SHAPE` at `answer.type`, not recorded",
    async ({ answer, events }) => {
      const before = events().length
      for (const told of await answer({ type: "answered", value: true }))
        assert.match(JSON.stringify(told), /"code":"BAD_SHAPE"/)
      assert.equal(events().length, before)
    }
  ),
  row(
    "N67",
    "an approval whose edit does not fit the tool's schema, or has a polluting key",
    "`BAD_INPUT` at the field, or `FORBIDDEN_KEY`; not recorded",
    async ({ answer, events }) => {
      const before = events().length
      refuses(
        { code: "BAD_INPUT", path: "answer.input.text" },
        await answer({ type: "approved", input: { path: "p", text: "" } })
      )
      for (const told of await answer({
        type: "approved",
        input: JSON.parse('{"path":"p","text":"t","__proto__":{"admin":true}}')
      }))
        assert.match(JSON.stringify(told), /"code":"FORBIDDEN_KEY"/)
      assert.equal(events().length, before)
    }
  ),
  row("N67", "an answer to an ask that never was", "`ASK_CLOSED`, recorded", async ({ answer, events }) => {
    refuses({ code: "ASK_CLOSED" }, await answer({ type: "approved" }, { ask: "never" }))
    assert.ok(!events().some((event) => event.type === "ask.resolved"))
  }),
  {
    id: "N67",
    surface: "interrupt",
    input: "a choice that is no option, a value that its schema refuses",
    answer: "`BAD_INPUT`, before anything is recorded",
    check: proof(ASKS, "are checked by what the agent declares, before anything is recorded")
  },
  {
    id: "N68",
    surface: "interrupt",
    input: "two people at once, one approves and one denies",
    answer: "decided once; both learn the same",
    check: proof(ASKS, "of two people at once is decided once; both learn the same")
  },
  {
    id: "B107",
    surface: "agent",
    input: 'an ask that expires in "garbage", in −1 ms, in NaN, never',
    answer: "thrown at the call; nobody is asked",
    check: async ({ agentRun }) => {
      for (const expiresIn of ["garbage", -1, Number.NaN, Infinity, "275760 years", {}]) {
        const { events, outcome } = await agentRun((run) =>
          run.ask.approval({ tool: "write", input: {}, expiresIn } as never)
        )
        assert.ok(!events.some(({ type }) => type === "ask.opened"), `asked with ${String(expiresIn)}`)
        assert.equal(outcome.type, "failed")
      }
    }
  },
  {
    id: "B107",
    surface: "store",
    input: "a record of an open ask whose expiry is no time",
    answer: "counts as past",
    check: proof("test/thread/decideInterrupt.test.ts", "refuses an ask whose expiry is not a time to come")
  }
]
