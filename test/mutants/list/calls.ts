/** Faults in what a worker does: recorded calls, replay, interrupts, jobs. */
import type { Mutant } from "../Mutant.ts"

const LOST = "test/agent/lost.test.ts"
const SUSPEND = "test/agent/suspend.test.ts"
const CANCEL = "test/agent/cancel.test.ts"
const BUSY = "test/agent/busy.test.ts"
const JOBS = "test/agent/jobs.test.ts"

export const calls: readonly Mutant[] = [
  {
    name: "does not record that a call begins",
    rule: "CALLS-1",
    file: "src/agent/recordedCalls.ts",
    find: "const notes = [begunNote(key, { id, digest }), ...(call.notes?.(id) ?? [])]",
    replace: "const notes = call.notes?.(id) ?? []",
    tests: [LOST]
  },
  {
    name: "runs a call's code before its beginning is durable",
    rule: "CALLS-1",
    file: "src/agent/recordedCalls.ts",
    find: "await commit(call.name, call.begin(id), notes)",
    replace: "void commit(call.name, call.begin(id), notes)",
    tests: [LOST]
  },
  {
    name: "hands on a call's result before it is durable",
    rule: "CALLS-1",
    file: "src/agent/recordedCalls.ts",
    find: "await commit(call.name, call.end(id, { output }),",
    replace: "void commit(call.name, call.end(id, { output }),",
    tests: [LOST]
  },
  {
    name: "runs a call again whose result is recorded",
    rule: "CALLS-2",
    file: "src/agent/recordedCalls.ts",
    find: "if (before !== undefined) return before.output",
    replace: "",
    tests: [LOST]
  },
  {
    name: "runs a call again whose outcome nobody knows",
    rule: "CALLS-2",
    file: "src/agent/recordedCalls.ts",
    find: "if (!known) throw new OutcomeUnknown(call.name, handed)",
    replace: "",
    tests: [LOST]
  },
  {
    name: "answers another input with what was recorded in its place",
    rule: "CALLS-2",
    file: "src/agent/recordedCalls.ts",
    find: "if (begun !== undefined && begun.digest !== digest) throw new ReplayDiverged(call.name)",
    replace: "",
    tests: [LOST]
  },
  {
    name: "says again what an earlier epoch had said",
    rule: "CALLS-2",
    file: "src/agent/execute.ts",
    find: "output.silent = calls.replaying()",
    replace: "output.silent = false",
    tests: [LOST]
  },
  {
    name: "stays silent when the recorded calls are passed",
    rule: "CALLS-2",
    file: "src/agent/execute.ts",
    find: "onPassed: () => (output.silent = false)",
    replace: "onPassed: () => {}",
    tests: [LOST]
  },
  {
    name: "counts calls from one again after a checkpoint",
    rule: "CALLS-2",
    file: "src/agent/recordedCalls.ts",
    find: "for (const [base, count] of Object.entries(before)) counts.set(base, count)",
    replace: "",
    tests: [SUSPEND]
  },
  {
    name: "says no heartbeat for a run that says nothing",
    rule: "EPOCHS-3",
    file: "src/agent/execute.ts",
    find: `if (now() - output.lastAt >= LEASE_MILLIS / 3) output.say({ type: "run.heartbeat", epoch })`,
    replace: "",
    tests: [CANCEL]
  },
  {
    name: "hears of a cancel and does nothing",
    rule: "CANCEL-1",
    file: "src/agent/execute.ts",
    find: "cancel(wanted.cancel.reason, wanted.cancel.endBy - writer.storeNow())",
    replace: "",
    tests: [CANCEL]
  },
  {
    name: "waits for ever for an agent that does not stop",
    rule: "CANCEL-1",
    file: "src/agent/execute.ts",
    find: "after(graceMillis, () => forced(cancelled!))",
    replace: "",
    tests: [CANCEL]
  },
  {
    name: "delivers a steer as often as control is seen",
    rule: "STEER-1",
    file: "src/agent/interrupts.ts",
    find: `kind === "steer" && !seen.has(id)).map`,
    replace: `kind === "steer").map`,
    tests: [BUSY]
  },
  {
    name: "posts what was for after the run although the run was cancelled",
    rule: "STEER-2",
    file: "src/agent/execute.ts",
    find: `if (wanted.type === "completed")`,
    replace: `if (wanted.type !== undefined)`,
    tests: [SUSPEND]
  },
  {
    name: "does not listen for interrupts before it takes a run",
    rule: "CANCEL-1",
    file: "src/agent/worker.ts",
    find: "yield* services.writers.listen(thread)",
    replace: "",
    tests: [CANCEL]
  },
  {
    name: "sweeps without handing the job out",
    rule: "JOBS-2",
    file: "src/agent/sweep.ts",
    find: "yield* enqueueAnswered(queue, thread, answer)",
    replace: "",
    tests: [JOBS]
  },
  {
    name: "deletes a job when the log did not answer",
    rule: "JOBS-1",
    file: "src/agent/consume.ts",
    find: "delivery.release(RELEASE_MILLIS))",
    replace: "delivery.complete)",
    tests: [JOBS]
  }
]
