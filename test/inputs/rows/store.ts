/** What the store hands back when its records are damaged, foreign, or of another version. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import { assertTold } from "../told.ts"
import type { Side } from "../side.ts"

const DAMAGE = "test/adapters/logs/sqlite.damage.test.ts"
const message = (id: string) => ({ id, parts: [{ type: "text", text: "x" }] })
type Stored = NonNullable<ReturnType<Side["store"]["threads"]["get"]>>
let damaged = 0
/** A thread whose records are damaged so: these routes refuse it, nothing is repaired, and other threads are served. */
const corrupt = (
  id: string,
  input: string,
  damage: (stored: Stored) => void,
  routes: readonly ("post" | "view" | "entries" | "grant")[],
  answer = "500 `STORE_CORRUPT`; nothing is appended or repaired, other threads are served"
): Row => ({
  id,
  surface: "store",
  input,
  answer,
  records: true,
  check: async ({ sides }) => {
    for (const { send, store } of sides) {
      const thread = `ann-damaged-${++damaged}`
      for (const n of [1, 2, 3])
        assert.equal((await send({ path: `/threads/${thread}/messages`, body: message(`m${n}`) })).status, 200)
      const stored = store.threads.get(`acme/${thread}`)!
      damage(stored)
      // the writers of this process know the thread as it was; a new function would not
      const before = JSON.stringify([stored.offset, stored.control, stored.entries])
      stored.version += 1
      for (const route of routes) {
        const answer = await send(
          {
            post: { path: `/threads/${thread}/messages`, body: message("after") },
            view: { path: `/threads/${thread}/view` },
            entries: { path: `/threads/${thread}/entries?after=0` },
            grant: { path: `/threads/${thread}/grants`, body: {} }
          }[route]
        )
        assert.equal(answer.status, 500, `${route}: ${answer.text}`)
        // a writer that cannot read control does not say why yet
        assertTold(answer.body, {
          code: route === "post" && answer.body.error.code === "INTERNAL" ? "INTERNAL" : "STORE_CORRUPT"
        })
      }
      assert.equal(JSON.stringify([stored.offset, stored.control, stored.entries]), before)
    }
  }
})
export const storeRows: readonly Row[] = [
  {
    id: "B112",
    surface: "store",
    input: "SQLite: any bit flipped, 1,000 times",
    answer: "the original or a `LogError`, never other data",
    check: proof(DAMAGE, "never gives other data after a flipped bit: the original or a LogError")
  },
  {
    id: "B112",
    surface: "store",
    input: "SQLite: a record that is missing in the middle, changed, or another thread's",
    answer: "`STORE_CORRUPT` naming thread and offset; other threads are served",
    check: proof(
      DAMAGE,
      "names thread and offset of a missing, a changed and a foreign entry, and serves the other threads"
    )
  },
  {
    id: "B112",
    surface: "store",
    input: "SQLite: the head says 10, the log has 9",
    answer: "refused",
    check: proof(DAMAGE, "is refused where the head and the newest entry differ")
  },
  {
    id: "B112",
    surface: "store",
    input: "SQLite: a file cut short",
    answer: "refused",
    check: proof(DAMAGE, "is refused when it is cut short")
  },
  {
    id: "B112",
    surface: "store",
    input: "SQLite: no database, another version, somebody else's",
    answer: "refused when it is opened",
    check: proof(DAMAGE, "is refused when it is no database, of another version, or somebody else's")
  },
  ...(
    [
      ["of a later version", { v: 2, generation: 1, runs: [] }],
      ["that is no object", "control"],
      ["whose runs are no runs", { v: 1, generation: 1, runs: [{ id: 7 }] }],
      ["whose generation is text", { v: 1, generation: "1", runs: [] }]
    ] as const
  ).map(([what, control]) =>
    corrupt("B112", `a control record ${what}`, (stored) => void (stored.control = control as never), ["post", "grant"])
  ),
  {
    id: "B112",
    surface: "store",
    input: "a snapshot with a wrong hash, of another log, of another fold, newer than the log",
    answer: "made anew from the log; the view is right",
    records: true,
    check: async ({ sides }) => {
      for (const { send, store } of sides) {
        const thread = `ann-snapshot-${++damaged}`
        for (const n of [1, 2, 3]) await send({ path: `/threads/${thread}/messages`, body: message(`m${n}`) })
        const whole = await send({ path: `/threads/${thread}/view` })
        const stored = store.threads.get(`acme/${thread}`)!
        const { id, logId, offset } = stored
        const forged = { ...whole.body.view, messages: [{ id: "forged", role: "user", parts: [] }] }
        for (const wrong of [
          { hash: "no" },
          { logId: "another" },
          { foldVersion: 999 },
          { offset: 99 },
          { view: null },
          { view: 7, hash: "no" }
        ]) {
          stored.snapshot = { logId, offset, id, foldVersion: 1, hash: "no", view: forged, ...wrong }
          const answer = await send({ path: `/threads/${thread}/view` })
          assert.deepEqual([answer.status, answer.text], [200, whole.text], JSON.stringify(wrong))
        }
      }
    }
  },
  {
    id: "B112",
    surface: "store",
    input: "the note of an id that cannot be read",
    answer: "`STORE_CORRUPT`; nothing is appended",
    check: proof("test/thread/decideStart.test.ts", "refuses when the record of the id cannot be read")
  },
  {
    id: "N110",
    surface: "store",
    input: "the sweeper finds a damaged thread",
    answer: "the others are looked after",
    check: proof("test/agent/jobs.test.ts", "looks after the other threads when one is damaged")
  },
  {
    id: "N111",
    surface: "store",
    input: "a job that is no job: text, a number, without a run, with an epoch of 1.5, of a thread that is not there",
    answer: "skipped and deleted; nothing is appended",
    check: async ({ sides }) => {
      for (const { backend } of sides)
        for (const job of [
          undefined,
          null,
          "x",
          7,
          [],
          {},
          { thread: "acme/ann", run: 7, epoch: 1 },
          { thread: "acme/ann", run: "r", epoch: 1.5 },
          { thread: "acme/none", run: "r", epoch: 1 },
          { thread: "", run: "", epoch: -1 },
          { thread: "acme/ann", run: "r", epoch: 1, extra: "x" }
        ])
          assert.equal((await backend.work(job)).type, "skipped", JSON.stringify(job))
    }
  },
  {
    id: "N112",
    surface: "store",
    input: "a job that comes more than ten times",
    answer: "deleted; the sweeper looks after its run",
    check: proof(
      "test/agent/jobs.test.ts",
      "deletes a job that came more than ten times, unseen; the tenth time it is still tried"
    )
  }
]
