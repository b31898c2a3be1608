import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deadWorker, halfOpen, lostEnd } from "../processes/bounds.ts"
import { bundle, type Programs } from "../processes/programs.ts"

let programs: Programs
beforeAll(async () => void (programs = await bundle({ periods: "real" })))
afterAll(() => programs?.remove())

describe("what went wrong is noticed", () => {
  const within = (millis: number, what: string, measure: () => Promise<number>) =>
    it.concurrent(`within ${millis / 1_000} s: ${what}`, { timeout: 120_000 }, async () => {
      const took = await measure()
      console.log(JSON.stringify({ what, millis: Math.round(took) }))
      expect(took).toBeLessThanOrEqual(millis)
    })
  within(35_000, "a dead worker, whose run ends", () => deadWorker(programs, "writer"))
  within(35_000, "a dead worker, whose run another takes over", () => deadWorker(programs, "rewriter"))
  within(6_000, "a lost last frame", () => lostEnd(programs))
  within(10_000, "a half-open socket while a run is active", () => halfOpen(programs, { active: true }))
  within(30_000, "a half-open socket while nothing happens", () => halfOpen(programs, { active: false }))
})
