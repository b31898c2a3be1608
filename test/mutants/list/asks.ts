/** Faults in asks: who may answer, when, on what was shown, and how often it counts. */
import type { Mutant } from "../Mutant.ts"

const DECIDING = "test/thread/decideInterrupt.test.ts"
const RUN = "test/thread/decideRun.test.ts"
const ASKS = "test/agent/asks.test.ts"
const SUSPEND = "test/agent/suspend.test.ts"

export const asks: readonly Mutant[] = [
  {
    name: "takes an answer of somebody who is not on the ask's list",
    rule: "ASKS-5",
    file: "src/thread/decideAnswer.ts",
    find: "if (ask.answerableBy !== undefined && !ask.answerableBy.includes(by))",
    replace: "if (false as boolean)",
    tests: [DECIDING]
  },
  {
    name: "lets who started the run answer an ask for four eyes",
    rule: "ASKS-5",
    file: "src/thread/decideAnswer.ts",
    find: "if (ask.fourEyes === true && run.by === by)",
    replace: "if (false as boolean)",
    tests: [ASKS]
  },
  {
    name: "does not ask the policy who may answer this ask",
    rule: "ASKS-5",
    file: "src/server/answers.ts",
    find: `if (!(yield* services.access.authorize(principal, "answer", name, about)))`,
    replace: "if (about === undefined)",
    tests: [ASKS]
  },
  {
    name: "does not check an answer against the agent's schema",
    rule: "ASKS-5",
    file: "src/server/answers.ts",
    find: "const problem = yield* Effect.promise(() => misfit(services, run, shown, answer))",
    replace: "const problem = undefined as Fault | undefined",
    tests: [ASKS]
  },
  {
    name: "takes an answer in the very millisecond of the expiry",
    rule: "ASKS-3",
    file: "src/thread/decideAnswer.ts",
    find: "if (!(now < ask.expiresAt)) return",
    replace: "if (!(now <= ask.expiresAt)) return",
    tests: [DECIDING]
  },
  {
    name: "takes an answer to an ask whose expiry cannot be read",
    rule: "ASKS-3",
    file: "src/thread/decideAnswer.ts",
    find: "if (!(now < ask.expiresAt)) return",
    replace: "if (now >= ask.expiresAt) return",
    tests: [DECIDING]
  },
  {
    name: "never expires an ask whose expiry cannot be read",
    rule: "ASKS-3",
    file: "src/thread/decideSweep.ts",
    find: "=> !(now < ask.expiresAt)",
    replace: "=> now >= ask.expiresAt",
    tests: [DECIDING]
  },
  {
    name: "forgets the expiry of asks when it computes when to look",
    rule: "ASKS-3",
    file: "src/thread/transitions.ts",
    find: `if (run.status === "suspended") for (const ask of run.asks) due = Math.min(due, ask.expiresAt)`,
    replace: "",
    tests: [DECIDING]
  },
  {
    name: "takes an answer to something else than what was shown",
    rule: "ASKS-2",
    file: "src/thread/decideAnswer.ts",
    find: "if (ask.digest !== undefined && !isSame(ask.digest, interrupt.digest))",
    replace: "if (false as boolean)",
    tests: [DECIDING]
  },
  {
    name: "takes an answer that names no digest",
    rule: "ASKS-2",
    file: "src/thread/decideAnswer.ts",
    find: "if (ask.digest !== undefined && !isSame(",
    replace: "if (ask.digest !== undefined && interrupt.digest !== undefined && !isSame(",
    tests: [DECIDING]
  },
  {
    name: "takes a digest that only begins with the right one",
    rule: "ASKS-2",
    file: "src/thread/decideAnswer.ts",
    find: "let different = got?.length === expected.length ? 0 : 1",
    replace: "let different = 0",
    tests: [DECIDING]
  },
  {
    name: "leaves an ask open that was answered, so that it is resolved twice",
    rule: "ASKS-1",
    file: "src/thread/decideAnswer.ts",
    find: "settled: offset, asks: run.asks.filter((open) => open.id !== ask) }",
    replace: "settled: offset }",
    tests: [DECIDING]
  },
  {
    name: "lets a worker resolve an ask again that a person has answered",
    rule: "ASKS-1",
    file: "src/thread/decideRun.ts",
    find: "if (!next.asks.some((open) => open.id === event.ask)) {",
    replace: "if (false as boolean) {",
    tests: [DECIDING]
  },
  {
    name: "does not withdraw the asks of a run that ends",
    rule: "CANCEL-2",
    file: "src/thread/transitions.ts",
    find: "...run.asks.map((ask): Event => ({",
    replace: "...run.asks.slice(0, 0).map((ask): Event => ({",
    tests: [RUN]
  },
  {
    name: "does not record how an ask was decided",
    rule: "ASKS-6",
    file: "src/thread/decideAnswer.ts",
    find: "return [{ key: askKey(run.id, ask), value: decided as unknown as Json }]",
    replace: "return []",
    tests: [DECIDING]
  },
  {
    name: "does not record that an ask expired",
    rule: "ASKS-6",
    file: "src/thread/decideSweep.ts",
    find: "...mayEnqueue(woken.enqueue) }, notes)",
    replace: "...mayEnqueue(woken.enqueue) })",
    tests: [DECIDING]
  },
  {
    name: "records an edited approval under the digest of what was shown",
    rule: "ASKS-4",
    file: "src/thread/decideAnswer.ts",
    find: "const digest = command.edited ?? run.asks",
    replace: "const digest = run.asks",
    tests: [ASKS]
  },
  {
    name: "does not bind an edited input to the digest",
    rule: "ASKS-4",
    file: "src/agent/askDigest.ts",
    find: "digestOf({ v: 1, edits: shown, input })",
    replace: "digestOf({ v: 1, edits: shown })",
    tests: [ASKS]
  },
  {
    name: "runs an approved tool with another input than the approved one",
    rule: "ASKS-4",
    file: "src/agent/askFace.ts",
    find: "if (digest !== decided.digest) throw new ApprovalMismatch(name)",
    replace: "",
    tests: [ASKS]
  },
  {
    name: "runs another tool than the approved one",
    rule: "ASKS-4",
    file: "src/agent/askFace.ts",
    find: "if (shown?.name !== name || decided?.answer.type",
    replace: "if (shown === undefined || decided?.answer.type",
    tests: [ASKS]
  },
  {
    name: "believes a decision that is not of what was shown",
    rule: "ASKS-4",
    file: "src/agent/askFace.ts",
    find: "if (digest === undefined || digestFor(shown, decided, allowed) !== digest) throw",
    replace: "if (digest === undefined) throw",
    tests: [ASKS]
  },
  {
    name: "lets an approval be used twice",
    rule: "ASKS-4",
    file: "src/agent/makeRun.ts",
    find: "notes: (call) => (approval === undefined ? [] : [{",
    replace: "notes: (call) => (approval !== null ? [] : [{",
    tests: [ASKS]
  },
  {
    name: "lets an answer wake a run that is paused",
    rule: "PAUSE-2",
    file: "src/thread/transitions.ts",
    find: `root.status === "suspended" && treeOf(changed, root).every(({ pause }) => pause === undefined)`,
    replace: `root.status === "suspended"`,
    tests: [SUSPEND]
  },
  {
    name: "suspends a run while one of its tools still runs",
    rule: "SUSPEND-1",
    file: "src/agent/hold.ts",
    find: "[...flight.inside].every(isWaiting)",
    replace: "[...flight.inside].some(isWaiting)",
    tests: [SUSPEND]
  },
  {
    name: "enters a parked call in any later epoch",
    rule: "SUSPEND-3",
    file: "src/agent/recordedCalls.ts",
    find: "earlier.get(parkedKey(run, epoch - 1)) as",
    replace: "[...earlier].findLast(([key]) => key.startsWith(`parked/`))?.[1] as",
    tests: [SUSPEND]
  }
]
