/**
 * The fault matrix: what breaks, what then happens, within which bound, and what proves it.
 *
 * Rows are data that scripts/docs.ts prints; `inject` breaks it in the real stack, `proofs` are tests by file and name.
 */
import { strict as assert } from "node:assert"
import { proof, type Proof } from "../inputs/row.ts"
import type { Stack } from "./stack.ts"

export interface FaultRow {
  readonly id: string
  readonly fault: string
  readonly outcome: string
  readonly bound: string
  /** Breaks it in the real stack (emulator, backend, client), and throws unless the outcome is this. */
  readonly inject?: (stack: Stack) => Promise<void>
  readonly proofs: readonly Proof[]
}
const THREAD = "test/client/thread.test.ts"
const CONNECTION = "test/client/connection.test.ts"
const SCHEDULES = proof(
  "test/client/schedules.test.ts",
  "every view shown is the fold of a beginning of one log, and in the end of all of it (${SCHEDULES} schedules)"
)
const ORDER = "test/thread/order.test.ts"
const LOST = "test/agent/lost.test.ts"
const JOBS = "test/agent/jobs.test.ts"
const PUBLISH = "test/writer/publish.test.ts"
const FAILING = "test/writer/failing.test.ts"
const UNKNOWN = "test/writer/unknown.test.ts"
const UPSTREAM = "test/emulator/upstream.test.ts"

export const faultRows: readonly FaultRow[] = [
  {
    id: "F01",
    fault: "the gateway drops a frame",
    outcome: "a gap, one bounded request, the view whole; the hole is never shown",
    bound: "150 to 300 ms after the next frame",
    inject: async ({ faults, post, seen, whole }) => {
      await post("a")
      await whole(10_000)
      faults({ dropFrames: 1 })
      await post("b")
      faults({ dropFrames: 0 })
      await post("c")
      await whole(5_000)
      assert.ok(!seen().some((texts) => texts.includes("c") && !texts.includes("b")), "a hole was shown")
    },
    proofs: [
      proof(THREAD, "fetches a missing entry with one bounded request and never shows the hole"),
      proof(ORDER, "is waited for from 150 to 300 ms, then fetched up to the last missing offset")
    ]
  },
  {
    id: "F02",
    fault: "the gateway drops the last frame of a run",
    outcome: "found by silence, or by the worker's head frame",
    bound: "6 s",
    inject: async ({ faults, start, thread, until, view }) => {
      const run = await start("patient", {})
      await until(() => view().runs[0]?.state === "running", 10_000)
      faults({ dropFrames: 1 })
      const stopped = await thread.cancel(run)
      assert.ok(stopped.ok)
      await until(() => view().runs[0]?.state === "finished", 10_000)
    },
    proofs: [proof(THREAD, "finds a lost last frame by silence within 6 s while a run is started")]
  },
  {
    id: "F04",
    fault: "frames come in another order",
    outcome: "shown in order, mostly without a request",
    bound: "at once when the missing one comes",
    inject: async ({ faults, post, whole }) => {
      faults({ reorderFrames: 1 })
      for (let n = 0; n < 20; n++) await post(`n${n}`)
      await whole(10_000)
    },
    proofs: [proof(ORDER, "applies the log from one end to the other, each entry once (5,000 schedules)"), SCHEDULES]
  },
  {
    id: "F05",
    fault: "a frame comes long after it was replayed",
    outcome: "dropped as a copy",
    bound: "at once",
    inject: async ({ counters, faults, post, until, whole }) => {
      await post("a")
      await whole(10_000)
      faults({ frameDelayMillis: 2_000 })
      await post("late")
      faults({ frameDelayMillis: 0 })
      await post("next")
      await whole(5_000)
      await until(() => counters().duplicates > 0, 10_000)
      await whole(5_000)
    },
    proofs: [SCHEDULES]
  },
  {
    id: "F06",
    fault: "every frame comes twice",
    outcome: "the copies are dropped",
    bound: "at once",
    inject: async ({ counters, faults, post, until, whole }) => {
      faults({ duplicateFrames: 1 })
      for (const text of ["a", "b", "c"]) await post(text)
      await whole(10_000)
      await until(() => counters().duplicates > 0, 10_000)
    },
    proofs: [SCHEDULES]
  },
  {
    id: "F07",
    fault: "a half-open socket: nothing passes and nobody says so",
    outcome: "a dead socket is given up, another opened, the rest fetched",
    bound: "10 s while a run is active, 30 s idle",
    proofs: [
      proof(CONNECTION, "gives up a dead socket within 10 s while a run is active and within 30 s otherwise"),
      proof(
        "test/emulator/faults.test.ts",
        "freeze and cut a connection of Azure's client, which then recovers with nothing lost"
      )
    ]
  },
  {
    id: "F08",
    fault: "the service has forgotten the connection: recovery is refused with 1008",
    outcome: "a new grant and connection, the rest fetched; one continuous view",
    bound: "a few seconds, spread",
    inject: async ({ emulator, post, whole }) => {
      await post("before")
      await whole(10_000)
      emulator.forget()
      await post("meanwhile")
      await whole(20_000)
    },
    proofs: [
      proof(
        "test/adapters/gateways/azure-client.test.ts",
        "ends at once when the service has forgotten the connection"
      ),
      proof(
        CONNECTION,
        "uses the grant again while it is valid, and asks for another when it expired or did not connect"
      )
    ]
  },
  {
    id: "F09",
    fault: "every socket is cut, again and again",
    outcome: "recovered or opened anew; nothing is missing",
    bound: "caught up within 250 ms of the socket's opening",
    inject: async ({ emulator, post, whole }) => {
      for (let round = 0; round < 5; round++) {
        emulator.cut()
        await post(`round ${round}`)
      }
      await whole(20_000)
    },
    proofs: [
      proof(
        CONNECTION,
        "is caught up within a second of a cut, and within 250 ms of the socket's opening, a thousand times"
      )
    ]
  },
  {
    id: "F10",
    fault: "the gateway is frozen for 20 s",
    outcome: "as F07; meanwhile the log is polled",
    bound: "as F07",
    proofs: [
      proof(CONNECTION, "gives up a dead socket within 10 s while a run is active and within 30 s otherwise"),
      proof(CONNECTION, "goes on showing the log by polling while no gateway can be reached")
    ]
  },
  {
    id: "F11",
    fault: "a worker is killed in the middle of a run",
    outcome: "`WORKER_LOST`, or taken over under the next epoch; one end",
    bound: "35 s",
    proofs: [
      proof(LOST, "ends as WORKER_LOST within lease and sweep, once, however many sweep"),
      proof(
        "test/adapters/logs/sqlite.processes.test.ts",
        "keeps every append that was acknowledged before a SIGKILL, whole and dense"
      )
    ]
  },
  {
    id: "F13",
    fault: "two workers take one run",
    outcome: "one has it; the other takes nothing",
    bound: "at once",
    proofs: [
      proof(JOBS, "that comes twice, to two workers at once, makes one run"),
      proof("test/thread/decideRun.test.ts", "gives a waiting run to one worker only")
    ]
  },
  {
    id: "F14",
    fault: "a worker dies between append and publish",
    outcome: "clients find the entry by head frame, silence or idle check",
    bound: "6 s while a run is started, else 70 s",
    proofs: [
      proof(
        ORDER,
        "happens after 5 to 6 s without a newer frame while a run is started, and after 60 to 70 s otherwise"
      ),
      proof(THREAD, "finds a lost last frame by silence within 6 s while a run is started")
    ]
  },
  {
    id: "F16",
    fault: "a publish reaches half of a group",
    outcome: "the others fetch it; all show the same",
    bound: "as F01 and F02",
    inject: async ({ faults, post, whole }) => {
      faults({ dropFrames: 0.5, random: () => Math.random() })
      for (let n = 0; n < 20; n++) await post(`half ${n}`)
      faults({ dropFrames: 0 })
      await post("end")
      await whole(10_000)
    },
    proofs: [SCHEDULES]
  },
  {
    id: "F17",
    fault: "a publish gets 429 with Retry-After",
    outcome: "not sent again before; what piles up becomes one head frame; the log goes on",
    bound: "Retry-After",
    inject: async ({ faults, post, whole }) => {
      faults({ rest429: 1, retryAfterSeconds: 1 })
      for (let n = 0; n < 5; n++) await post(`throttled ${n}`)
      faults({ rest429: 0 })
      await post("end")
      await whole(10_000)
    },
    proofs: [
      proof(PUBLISH, "keeps Retry-After: nothing is sent before, one head frame after; the log goes on meanwhile")
    ]
  },
  {
    id: "F18",
    fault: "a publish gets 503, or its connection is reset before or after it was done",
    outcome: "appends go on; clients catch up",
    bound: "as F01",
    inject: async ({ faults, post, whole }) => {
      for (const fault of ["rest503", "resetBeforeDelivery", "resetAfterDelivery"] as const) {
        faults({ [fault]: 1 })
        await post(fault)
        faults({ [fault]: 0 })
      }
      await post("end")
      await whole(10_000)
    },
    proofs: [
      proof(PUBLISH, "60 s of failing publishes lose nothing and hold up nothing"),
      proof(PUBLISH, "a publish that hangs is abandoned after 2 s, and one head frame says what was missed")
    ]
  },
  {
    id: "F19",
    fault: "a publish gets 401 or 403: the key was rotated",
    outcome: "signed anew once, then an alarm that names the setting; the run goes on",
    bound: "one request",
    proofs: [
      proof(
        "test/adapters/gateways/azure-publish.test.ts",
        "signs anew once after a 401, then says which setting to check"
      )
    ]
  },
  {
    id: "F20",
    fault: "an entry is larger than the gateway takes",
    outcome: "a head frame instead; nothing is split",
    bound: "at once",
    proofs: [proof(PUBLISH, "an entry larger than the gateway takes goes out as a head frame")]
  },
  {
    id: "F22",
    fault: "the store's answer is lost after the commit",
    outcome: "found by reading back; one entry, the same offset",
    bound: "one read",
    proofs: [
      proof(UNKNOWN, "${fault}: is resolved with no hole and no double, and nothing else is sent meanwhile"),
      proof(UNKNOWN, "is not guessed: who asked is told only when it is known")
    ]
  },
  {
    id: "F23",
    fault: "the store says conflict",
    outcome: "read, decided anew, appended or fenced",
    bound: "one read",
    proofs: [
      proof("test/writer/conflict.test.ts", "decides anew: what a fenced epoch says is refused, and it is told"),
      proof("test/writer/conflict.test.ts", "between processes that post and stream at once loses and doubles nothing")
    ]
  },
  {
    id: "F25",
    fault: "the store answers from a copy that lags",
    outcome: "asked once more before the view is taken anew; no view goes back unseen",
    bound: "one more request",
    proofs: [
      proof(ORDER, "tells that the log changed when its newest entry has another id"),
      proof(THREAD, "notices a log that lost its end and was written on, within seconds")
    ]
  },
  {
    id: "F26",
    fault: "the store is full",
    outcome: "`STORE_FULL`, retryable; reading goes on; a run waits, and is ended by the sweeper when there is room",
    bound: "the lease, once there is room",
    proofs: [
      proof("test/adapters/logs/sqlite.damage.test.ts", "says that it is full, and goes on reading"),
      proof(FAILING, "a full log: agents wait, people are told STORE_FULL")
    ]
  },
  {
    id: "F28",
    fault: "a webhook comes twice or in another order",
    outcome: "one effect; order is the log's",
    bound: "at once",
    proofs: [
      proof(
        "test/thread/decideInterrupt.test.ts",
        "gives the same id the same verdict, and refuses it for another body"
      ),
      proof(
        "test/emulator/upstream.test.ts",
        "that failed may be sent again under its ackId, one that succeeded is not run again"
      )
    ]
  },
  {
    id: "F29",
    fault: "the webhook's handler is cold for seconds, or does not answer",
    outcome: "the client asks by HTTP with the same id and gets the same verdict",
    bound: "2 s",
    inject: async ({ emulator, faults, start, thread, until, view }) => {
      const run = await start("patient", {})
      await until(() => view().runs[0]?.state === "running", 10_000)
      faults({ upstreamDelayMillis: 4_000 })
      const receipt = await thread.cancel(run)
      assert.ok(receipt.ok, JSON.stringify(receipt))
      faults({ upstreamDelayMillis: 0 })
      await until(() => view().runs[0]?.state === "finished", 10_000)
      assert.ok(emulator.stats.restCalls >= 0)
    },
    proofs: [
      proof(
        "test/client/thread.test.ts",
        "go over HTTP with the same id when the socket does not answer, and when there is no way back"
      ),
      proof(UPSTREAM, "that never answers does not keep the emulator from closing")
    ]
  },
  {
    id: "F31",
    fault: "clocks are a day off, or go back",
    outcome: "order, duplicates and fencing as ever: none looks at a clock; expiry is by the store's",
    bound: "none",
    proofs: [
      proof(
        "test/adapters/logs/azure-tables.faults.test.ts",
        "follows a service that is hours away, to within what its whole seconds and the way allow"
      ),
      proof(
        "test/adapters/logs/azure-tables.faults.test.ts",
        "begins anew when a clock was set, and ignores what is no date"
      )
    ]
  },
  {
    id: "F32",
    fault: "a client does not read",
    outcome: "cut at a bound of unsent bytes, resumes from the log; the others are served",
    bound: "8 MiB (plain gateway), 16 MB (Azure Web PubSub)",
    proofs: [
      proof("test/adapters/gateways/ws.test.ts", "cuts a client that does not read, and keeps serving the others"),
      proof("test/emulator/messages.test.ts", "is closed when 16 MB wait for it, and the others are served on")
    ]
  },
  {
    id: "F33",
    fault: "10,000 clients lose their connection together",
    outcome: "they come back spread over the grant's time",
    bound: "3 % of them in any 100 ms",
    proofs: [proof(CONNECTION, "of 10,000 clients that failed to reconnect comes back spread over the grant's time")]
  },
  {
    id: "F34",
    fault: "an old and a new version run side by side",
    outcome: "unknown fields and events survive; control of a newer version is refused, not guessed",
    bound: "none",
    proofs: [
      proof("test/protocol/golden.test.ts", "%s is accepted by guard and schema, unchanged"),
      proof("test/thread/decideRun.test.ts", "reads control back from JSON with fields of a later version"),
      proof("test/thread/decideRun.test.ts", "refuses control that it cannot read")
    ]
  }
]

const cell = (text: string) => text.replaceAll("|", "\\|")
/** As docs/faults.md has it. */
export const faultTable = (): string => {
  const lines = faultRows.map(({ bound, fault, id, inject, outcome, proofs }) => {
    const files = [
      ...new Set([...(inject === undefined ? [] : ["test/faults/faults.test.ts"]), ...proofs.map(({ file }) => file)])
    ]
    return `| ${id} | ${cell(fault)} | ${cell(outcome)} | ${cell(bound)} | ${files.map((file) => `\`${file}\``).join(", ")} |`
  })
  return `| id | what breaks | what then happens | bound | proven in |\n| --- | --- | --- | --- | --- |\n${lines.join("\n")}`
}
