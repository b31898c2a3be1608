/** Faults in deciding what becomes of runs: epochs, leases, cancels, ends, requests that come twice. */
import type { Mutant } from "../Mutant.ts"

const RUN = "test/thread/decideRun.test.ts"
const START = "test/thread/decideStart.test.ts"
const INTERRUPT = "test/thread/decideInterrupt.test.ts"

export const runs: readonly Mutant[] = [
  {
    name: "lets a job of any epoch take a run that waits",
    rule: "EPOCHS-1",
    file: "src/thread/decideRun.ts",
    find: "if (!isFree(control, run, lost, command) || run.epoch !== epoch - 1) {",
    replace: "if (!isFree(control, run, lost, command)) {",
    tests: [RUN]
  },
  {
    name: "takes events of a worker whose epoch is over",
    rule: "EPOCHS-2",
    file: "src/thread/decideRun.ts",
    find: `if (run.epoch !== command.epoch || run.status !== "running") {`,
    replace: `if (run.status !== "running") {`,
    tests: [RUN]
  },
  {
    name: "takes events of a worker that suspended its run",
    rule: "EPOCHS-2",
    file: "src/thread/decideRun.ts",
    find: `if (run.epoch !== command.epoch || run.status !== "running") {`,
    replace: "if (run.epoch !== command.epoch) {",
    tests: [RUN]
  },
  {
    name: "lets an earlier worker of the parent take a child",
    rule: "SUSPEND-2",
    file: "src/thread/decideRun.ts",
    find: `return parent?.status === "running" && parent.epoch === parentEpoch`,
    replace: `return parent?.status === "running"`,
    tests: [RUN]
  },
  {
    name: "gives a cancelled run whose worker is lost to another worker when its job comes",
    rule: "CANCEL-1",
    file: "src/thread/decideRun.ts",
    find: "if (run.cancel !== undefined || (run.deadline !== undefined",
    replace: "if ((run.deadline !== undefined",
    tests: [RUN]
  },
  {
    name: "sweeps a cancelled run to another worker instead of its end",
    rule: "CANCEL-1",
    file: "src/thread/decideSweep.ts",
    find: "if (run.cancel !== undefined && run.due <= now) return cancelledOutcome(run)",
    replace: "",
    tests: [RUN]
  },
  {
    name: "hands a run that loses its workers out for ever",
    rule: "EPOCHS-3",
    file: "src/thread/decideSweep.ts",
    find: "return (run.lost ?? 0) + 1 >= MAX_EPOCHS",
    replace: "return (run.lost ?? 0) + 1 >= 1_000 * MAX_EPOCHS",
    tests: [RUN]
  },
  {
    name: "resumes a run for ever whose host's time never suffices",
    rule: "EPOCHS-3",
    file: "src/thread/decideRun.ts",
    find: "if (stuck && lost >= MAX_EPOCHS) {",
    replace: "if (stuck && lost >= 1_000 * MAX_EPOCHS) {",
    tests: [RUN]
  },
  {
    name: "does not renew the lease of a run that speaks",
    rule: "DUE-1",
    file: "src/thread/decideRun.ts",
    find: "if (due > next.due) next = { ...next, due }",
    replace: "",
    tests: [RUN]
  },
  {
    name: "forgets by when a run that waits must be taken",
    rule: "DUE-1",
    file: "src/thread/transitions.ts",
    find: "return Math.min(due, now + TAKE_MILLIS)",
    replace: "return due",
    tests: [RUN]
  },
  {
    name: "forgets the deadline when it computes when to look",
    rule: "DUE-1",
    file: "src/thread/transitions.ts",
    find: "let due = run.deadline ?? FAR_MILLIS",
    replace: "let due = FAR_MILLIS",
    tests: [RUN]
  },
  {
    name: "indexes the latest due of a thread instead of the earliest",
    rule: "DUE-2",
    file: "src/thread/control.ts",
    find: "run.due < due) due = run.due",
    replace: "run.due > due) due = run.due",
    tests: [RUN]
  },
  {
    name: "begins an epoch's `from` one entry too early",
    rule: "CALLS-2",
    file: "src/thread/decideRun.ts",
    find: "run.settled !== undefined ? { from: run.settled } : {}",
    replace: "run.settled !== undefined ? { from: run.settled - 1 } : {}",
    tests: [RUN]
  },
  {
    name: "does not move `from` behind a finished recorded call",
    rule: "CALLS-2",
    file: "src/thread/decideRun.ts",
    find: "let next: OpenRun = settles(run.id) ? { ...run, settled: context.offset } : run",
    replace: "let next: OpenRun = run",
    tests: [RUN]
  },
  {
    name: "lets a child outlive the run that called it",
    rule: "CANCEL-3",
    file: "src/thread/transitions.ts",
    find: "for (const child of control.runs.filter((other) => other.parent === run.id)) {",
    replace: "for (const child of control.runs.filter(() => false)) {",
    tests: [RUN]
  },
  {
    name: "lets a worker speak after its run.finished",
    rule: "run.finished",
    file: "src/thread/decideRun.ts",
    find: "if (at !== command.events.length - 1) return badEvents(`[${at}] must be the last`)",
    replace: "",
    tests: [RUN]
  },
  {
    name: "keeps a run open that has finished, so that it finishes twice",
    rule: "run.finished",
    file: "src/thread/transitions.ts",
    find: "left = { ...left, runs: left.runs.filter((other) => other.id !== run.id) }",
    replace: "left = { ...left }",
    tests: [RUN]
  },
  {
    name: "lets nobody in when the run in front has ended",
    rule: "START-2",
    file: "src/thread/transitions.ts",
    find: "const next = run.parent === undefined ? firstInLine(left, run.agent) : undefined",
    replace: "const next = undefined as OpenRun | undefined",
    tests: [START]
  },
  {
    name: "starts beside a busy run although the agent rejects",
    rule: "START-2",
    file: "src/thread/decideStart.ts",
    find: `if (busy.length > 0 && onBusy === "reject") {`,
    replace: "if (false as boolean) {",
    tests: [START]
  },
  {
    name: "answers an id that comes with another body as the first one",
    rule: "IDEMPOTENCY-1",
    file: "src/thread/recorded.ts",
    find: "if (recorded.digest !== digest) return refuse(usedBefore(key))",
    replace: "",
    tests: [START]
  },
  {
    name: "starts a run with a message id that was used",
    rule: "IDEMPOTENCY-1",
    file: "src/thread/decideStart.ts",
    find: "if (messageKey !== undefined && context.notes.has(messageKey)) return refuse(usedBefore(messageKey))",
    replace: "",
    tests: [START]
  },
  {
    name: "does not record a verdict",
    rule: "INTERRUPTS-1",
    file: "src/thread/decideInterrupt.ts",
    find: "answer, [{ key, value }, ...notes])",
    replace: "answer, notes)",
    tests: [INTERRUPT]
  },
  {
    name: "refuses an interrupt of a finished run without a record",
    rule: "DECIDE-2",
    file: "src/thread/decideInterrupt.ts",
    find: `if (run === undefined) return refuseByState("RUN_TERMINAL", "the run has ended")`,
    replace: `if (run === undefined) return refuse(fault("RUN_TERMINAL", "the run has ended"))`,
    tests: [INTERRUPT]
  },
  {
    name: "accepts a cancel and does not keep it",
    rule: "CANCEL-1",
    file: "src/thread/cancel.ts",
    find: "return { events: [received], control: putRun(control, { ...wanted, due }), enqueue: [] }",
    replace: "return { events: [received], control, enqueue: [] }",
    tests: [INTERRUPT]
  },
  {
    name: "lets a person grant any grace to a cancel",
    rule: "CANCEL-1",
    file: "src/thread/cancel.ts",
    find: "Math.min(MAX_GRACE_MILLIS, cancel.graceMillis ?? DEFAULT_GRACE_MILLIS)",
    replace: "cancel.graceMillis ?? DEFAULT_GRACE_MILLIS",
    tests: [INTERRUPT]
  }
]
