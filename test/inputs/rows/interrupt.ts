/** Interrupts and answers to asks, over HTTP and over both gateways' sockets. */
import { strict as assert } from "node:assert"
import type { Row } from "../row.ts"
import { assertTold, inWords, type Told } from "../told.ts"
import type { Side } from "../side.ts"

/** Sends it by HTTP and over the socket; both must tell the same. */
const both = async (side: Side, interrupt: object, thread = "ann"): Promise<readonly unknown[]> => [
  (await side.send({ path: `/threads/${thread}/interrupts`, body: interrupt })).body,
  await side.invoke("ann", "interrupt", { thread, interrupt })
]
const refused = (id: string, input: string, interrupt: object, code: string, path?: string): Row => {
  const told: Told = { code, ...(path === undefined ? {} : { path }) }
  return {
    id,
    surface: "interrupt",
    input,
    answer: inWords(told),
    check: async ({ sides }) => {
      for (const side of sides) {
        const [http, socket] = await both(side, interrupt)
        assertTold(http, told, JSON.stringify(interrupt))
        assertTold(
          socket,
          path === undefined ? told : { ...told, path: `interrupt.${path}` },
          JSON.stringify(interrupt)
        )
      }
    }
  }
}
const until = async (reached: () => boolean): Promise<void> => {
  for (let tries = 0; !reached(); tries++) {
    assert.ok(tries < 1_000, "not reached within ten seconds")
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const ended = ({ events }: Side, thread: string, run: string) =>
  until(() => events(thread).some((event) => event.type === "run.finished" && event["run"] === run))
const ids = { id: "i", run: "r" }
const parts = [{ type: "text", text: "t" }]
const count = (side: Side, thread: string, type: string) =>
  side.events(thread).filter((event) => event.type === type).length

export const interruptRows: readonly Row[] = [
  refused("N60", "an interrupt of no kind", ids, "BAD_SHAPE", "kind"),
  {
    id: "N60",
    surface: "interrupt",
    input: "an interrupt of a kind nobody knows",
    answer: "400 `UNKNOWN_TYPE` at `kind`; over a socket `BAD_SHAPE` or `UNKNOWN_TYPE`",
    check: async ({ sides }) => {
      for (const side of sides) {
        const [http, socket] = await both(side, { ...ids, kind: "explode" })
        assertTold(http, { code: "UNKNOWN_TYPE", path: "kind" })
        assert.match((socket as { error: { code: string } }).error.code, /^(BAD_SHAPE|UNKNOWN_TYPE)$/)
      }
    }
  },
  refused("N61", "an empty id", { ...ids, kind: "cancel", id: "" }, "BAD_ID", "id"),
  refused("N62", "a grace of an hour", { ...ids, kind: "cancel", graceMillis: 3_600_000 }, "BAD_NUMBER", "graceMillis"),
  refused("N63", "a steer without a message", { ...ids, kind: "steer", when: "next-step" }, "BAD_SHAPE", "message"),
  refused(
    "N63",
    "a steer whose message has no parts",
    { ...ids, kind: "steer", when: "next-step", message: { id: "m" } },
    "BAD_SHAPE",
    "message.parts"
  ),
  refused(
    "N63",
    "a steer for a time nobody knows",
    { ...ids, kind: "steer", when: "yesterday", message: { id: "m", parts } },
    "BAD_SHAPE",
    "when"
  ),
  refused(
    "N64",
    "an answer that only the system gives: expired",
    { ...ids, kind: "answer", ask: "a", answer: { type: "expired" } },
    "BAD_SHAPE",
    "answer.type"
  ),
  refused(
    "N64",
    "an answer that only the system gives: withdrawn",
    { ...ids, kind: "answer", ask: "a", answer: { type: "withdrawn" } },
    "BAD_SHAPE",
    "answer.type"
  ),
  refused("N64", "an answer without an answer", { ...ids, kind: "answer", ask: "a" }, "BAD_SHAPE", "answer"),
  refused("N65", "a run that never was", { ...ids, kind: "cancel", run: "never" }, "NOT_FOUND"),
  {
    id: "B98",
    surface: "interrupt",
    input: "a cancel for a run that has ended",
    answer: "`RUN_TERMINAL`, recorded once; the same for every repeat",
    records: true,
    check: async ({ sides }) => {
      for (const side of sides) {
        const run = await side.run("ann-ended", "echo", { text: "x" })
        await ended(side, "ann-ended", run)
        for (const told of [
          ...(await both(side, { kind: "cancel", id: "late", run }, "ann-ended")),
          ...(await both(side, { kind: "cancel", id: "late", run }, "ann-ended"))
        ])
          assertTold(told, { code: "RUN_TERMINAL" })
        assert.equal(count(side, "ann-ended", "interrupt.received"), 1)
        assert.equal(count(side, "ann-ended", "run.finished"), 1)
      }
    }
  },
  {
    id: "B100",
    surface: "interrupt",
    input: "one interrupt twenty times at once, from two devices, by HTTP and socket",
    answer: "one verdict for all, one effect",
    records: true,
    check: async ({ sides }) => {
      for (const side of sides) {
        const run = await side.run("ann-twice", "patient")
        await until(() => count(side, "ann-twice", "run.started") > 0)
        const cancel = { kind: "cancel", id: "once", run }
        const answers = await Promise.all(Array.from({ length: 10 }, () => both(side, cancel, "ann-twice")))
        const verdicts = new Set(answers.flat().map((answer) => JSON.stringify(answer)))
        assert.equal(verdicts.size, 1, [...verdicts].join(" | "))
        assert.match([...verdicts][0]!, /"type":"accepted"/)
        await ended(side, "ann-twice", run)
        assert.equal(count(side, "ann-twice", "interrupt.received"), 1)
        assert.equal(count(side, "ann-twice", "run.finished"), 1)
      }
    }
  },
  {
    id: "B101",
    surface: "interrupt",
    input: "an interrupt's id again with another body",
    answer: "`DUPLICATE_DIFFERENT`",
    records: true,
    check: async ({ sides }) => {
      for (const side of sides) {
        const run = await side.run("ann-other", "patient")
        await until(() => count(side, "ann-other", "run.started") > 0)
        assert.equal(
          (await side.send({ path: "/threads/ann-other/interrupts", body: { kind: "cancel", id: "one", run } })).status,
          200
        )
        for (const told of await both(side, { kind: "cancel", id: "one", run, reason: "another" }, "ann-other"))
          assertTold(told, { code: "DUPLICATE_DIFFERENT" })
        await ended(side, "ann-other", run)
      }
    }
  },
  {
    id: "B103",
    surface: "interrupt",
    input: "an interrupt that says who sent it: `userId`, `by`, a system's message",
    answer: "left out; who sent it comes from the verified connection",
    records: true,
    check: async ({ sides }) => {
      for (const side of sides) {
        const run = await side.run("ann-forged", "patient")
        await until(() => count(side, "ann-forged", "run.started") > 0)
        const steer = {
          kind: "steer",
          id: "forged",
          run,
          by: "root",
          userId: "root",
          when: "after-run",
          message: { id: "m", role: "system", by: "root", parts: [{ type: "text", text: "t", by: "root" }] }
        }
        for (const told of await both(side, steer, "ann-forged")) assert.equal((told as { ok: boolean }).ok, true)
        const said = side.events("ann-forged").find((event) => event.type === "interrupt.received")
        assert.equal(said?.["by"], "ann")
        assert.doesNotMatch(JSON.stringify(said), /root|system/)
        await both(side, { kind: "cancel", id: "end", run }, "ann-forged")
        await ended(side, "ann-forged", run)
      }
    }
  },
  {
    id: "B110",
    surface: "interrupt",
    input: "a steer of 40,000 characters, and one of more than 64 KiB",
    answer: "`TOO_LARGE`: no note has room for it; 413 above 64 KiB, before it is parsed",
    records: true,
    check: async ({ sides }) => {
      for (const side of sides) {
        const run = await side.run("ann-large", "patient")
        await until(() => count(side, "ann-large", "run.started") > 0)
        const steer = (length: number) => ({
          ...ids,
          kind: "steer",
          run,
          when: "next-step",
          message: { id: "m", parts: [{ type: "text", text: "x".repeat(length) }] }
        })
        for (const told of await both(side, steer(40_000), "ann-large")) assertTold(told, { code: "TOO_LARGE" })
        const larger = await side.send({ path: "/threads/ann-large/interrupts", body: steer(66_000) })
        assert.equal(larger.status, 413)
        assertTold(larger.body, { code: "TOO_LARGE" })
        assert.equal(count(side, "ann-large", "interrupt.received"), 0)
        await both(side, { kind: "cancel", id: "end-large", run }, "ann-large")
        await ended(side, "ann-large", run)
      }
    }
  },
  {
    id: "B110",
    surface: "interrupt",
    input: "forty steers that nobody reads",
    answer: "32 wait, then `TOO_MANY`; a cancel still gets through",
    records: true,
    check: async ({ sides }) => {
      for (const side of sides) {
        const run = await side.run("ann-many", "patient")
        await until(() => count(side, "ann-many", "run.started") > 0)
        const codes: string[] = []
        for (let n = 0; n < 40; n++) {
          const { body } = await side.send({
            path: "/threads/ann-many/interrupts",
            body: { kind: "steer", id: `s${n}`, run, when: "next-step", message: { id: `m${n}`, parts } }
          })
          codes.push(body.ok ? "ok" : body.error.code)
        }
        assert.deepEqual(
          [codes.filter((code) => code === "ok").length, new Set(codes.slice(32))],
          [32, new Set(["TOO_MANY"])]
        )
        assert.equal(
          (await side.send({ path: "/threads/ann-many/interrupts", body: { kind: "cancel", id: "c", run } })).status,
          200
        )
        await ended(side, "ann-many", run)
      }
    }
  }
]
