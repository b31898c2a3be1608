/** Who may not: other people's threads, other tenants, ids that were used. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import { assertTold } from "../told.ts"
import { message, messages, refused, runs } from "./requests.ts"

export const rightRows: readonly Row[] = [
  {
    id: "B52",
    surface: "rest",
    input: "a thread that the caller may not see, and one that does not exist",
    answer: "404 `NOT_FOUND`, byte for byte the same for both, on every route",
    check: async ({ sides }) => {
      for (const { send } of sides)
        for (const route of ["entries?after=0", "view", "grants", "messages", "runs", "interrupts"]) {
          const body = {
            grants: {},
            messages: message,
            runs: { id: "r", agent: "echo", input: { text: "x" } },
            interrupts: { kind: "cancel", id: "i", run: "r" }
          }[route]
          const ask = async (thread: string) =>
            send({ who: "bob", path: `/threads/${thread}/${route}`, ...(body === undefined ? {} : { body }) })
          const [forbidden, unknown] = [await ask("ann-probe"), await ask("ann-nothing")]
          assert.equal(forbidden.status, 404, forbidden.text)
          assert.deepEqual([forbidden.text, [...forbidden.headers]], [unknown.text, [...unknown.headers]])
          assertTold(forbidden.body, { code: "NOT_FOUND" })
        }
    }
  },
  {
    id: "B52",
    surface: "rest",
    input: "a thread of the same name in another tenant",
    answer: "the caller's own, which is empty",
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const { body } = await send({ who: "eve", path: "/threads/ann-probe/entries?after=0" })
        assert.deepEqual([body.ok, body.head.offset, body.entries], [true, 0, []])
      }
    }
  },
  refused(
    "N21",
    "a message by who may only read",
    { who: "bob", path: "/threads/shared-x/messages", body: message },
    403,
    "FORBIDDEN"
  ),
  refused(
    "N21",
    "a start by who may only read",
    { who: "bob", path: "/threads/shared-x/runs", body: { id: "r", agent: "echo", input: { text: "x" } } },
    403,
    "FORBIDDEN"
  ),
  {
    id: "N18",
    surface: "rest",
    input: "no credentials, on any route",
    answer: "401 `UNAUTHENTICATED`, before the body is looked at",
    check: async ({ sides }) => {
      for (const { send } of sides)
        for (const route of ["entries?after=0", "view", "grants", "messages", "runs", "interrupts"]) {
          const reads = /^(entries|view)/.test(route)
          const answer = await send({ who: "", path: `/threads/ann/${route}`, ...(reads ? {} : { body: "{" }) })
          assert.equal(answer.status, 401)
          assertTold(answer.body, { code: "UNAUTHENTICATED" })
        }
    }
  },
  refused(
    "N22",
    "a start whose message is wrong inside",
    runs({ id: "r", agent: "echo", message: { id: "m", parts: [{ type: "text" }] } }),
    400,
    "BAD_SHAPE",
    "message.parts[0].text"
  ),
  refused(
    "N22",
    "tags that are not text",
    runs({ id: "r", agent: "echo", tags: { n: 1 } }),
    400,
    "BAD_SHAPE",
    "tags.n"
  ),
  refused("N22", "a start without an agent", runs({ id: "r" }), 400, "BAD_SHAPE", "agent"),
  {
    id: "B94",
    surface: "rest",
    input: "credentials for one thread used for another",
    answer: "404 `NOT_FOUND`; each call asks `authorize` anew",
    check: async ({ sides }) => {
      for (const { send } of sides) {
        assert.equal((await send({ who: "bob", path: "/threads/shared-x/view" })).status, 200)
        assert.equal((await send({ who: "bob", path: "/threads/ann/view" })).status, 404)
      }
    }
  },
  {
    id: "B67",
    surface: "rest",
    input: "a message's id again with another body",
    answer: "409 `DUPLICATE_DIFFERENT`, also over the other gateway's log",
    records: true,
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const first = await send(messages({ ...message, id: "twice" }))
        const same = await send(messages({ ...message, id: "twice" }))
        assert.deepEqual([same.status, same.text], [200, first.text])
        const other = await send(messages({ id: "twice", parts: [] }))
        assert.equal(other.status, 409)
        assertTold(other.body, { code: "DUPLICATE_DIFFERENT" })
      }
    }
  },
  {
    id: "B68",
    surface: "rest",
    input: "an append under an epoch that is over",
    answer: "`EPOCH_FENCED`; the worker stops",
    check: proof("test/thread/decideRun.test.ts", "is for the epoch that holds the run")
  },
  {
    id: "B70",
    surface: "rest",
    input: "an append after the end of its run",
    answer: "`RUN_TERMINAL`",
    check: proof("test/thread/decide.property.test.ts", "keep every rule of the log and of control, in every schedule")
  }
]
