/** Whole backends, clients and people on virtual time, while everything between them fails. `npm run simulate` does more. */
import { describe, expect, it } from "vitest"
import { CALL_FAULTS, PLANNED_FAULTS } from "./faults.ts"
import { replayOf, simulate } from "./simulate.ts"

/** Fewer do not bring every kind of fault and of outcome. */
const ENOUGH = 20_000
const SCHEDULES = Number(process.env["THROUGHLINE_SCHEDULES"] ?? ENOUGH)
const SEED = 1
/** What must have happened at least once, or the schedules prove little. */
const OUTCOMES = [
  "completed",
  "cancelled",
  "AGENT_FAILED",
  "WORKER_LOST",
  "DEADLINE_EXCEEDED",
  "OUTCOME_UNKNOWN",
  "taken again",
  "suspended: asked",
  "suspended: paused",
  "ask approved",
  "ask answered",
  "ask denied",
  "ask expired",
  "ask withdrawn",
  ...["cancel", "steer", "pause", "resume", "answer"].flatMap((kind) => [`${kind} accepted`, `${kind} refused`]),
  "interrupt applied",
  "interrupt too-late"
]

describe("whatever the gateway, the store, the queue, processes, clocks and people do", () => {
  it(`no invariant is breached (${SCHEDULES} schedules); in 20,000 every kind of fault and of outcome comes up`, async () => {
    const began = performance.now()
    const { failed, outcomes, struck } = await simulate({ schedules: SCHEDULES, seed: SEED, threads: 2 })
    console.log(`${SCHEDULES} schedules took ${((performance.now() - began) / 1_000).toFixed(1)} s on 2 threads`)
    const replays = failed.map(({ breaches, seed }) => `${replayOf(seed)}  # ${breaches[0]!.problem}`)
    expect(replays).toEqual([])
    if (SCHEDULES < ENOUGH) return
    expect([...CALL_FAULTS, ...PLANNED_FAULTS].filter((fault) => !(struck[fault]! > 0))).toEqual([])
    expect(OUTCOMES.filter((outcome) => !(outcomes[outcome]! > 0))).toEqual([])
  }, 1_200_000)

  it("the same seed gives the same history, byte for byte, in whatever thread it is played", async () => {
    const schedules = 60
    const alone = await simulate({ schedules, seed: 500, threads: 1, hashes: true })
    const beside = await simulate({ schedules, seed: 500, threads: 3, hashes: true })
    expect(new Set(alone.hashes).size).toBe(schedules)
    expect(beside.hashes).toEqual(alone.hashes)
  }, 300_000)
})
