import { describe, expect, it } from "vitest"
import { realCrowd, simulatedCrowd } from "../processes/crowd.ts"
import { bundle } from "../processes/programs.ts"

describe("clients that lost their sockets together", () => {
  it("are whole within 15 s: 1,000 real ones, cut and then forgotten", { timeout: 240_000 }, async () => {
    const programs = await bundle({ periods: "real" })
    try {
      const millis = await realCrowd(programs, 1_000)
      console.log(JSON.stringify({ clients: 1_000, millis }))
      for (const one of millis) expect(one).toBeLessThanOrEqual(15_000)
    } finally {
      await programs.remove()
    }
  })
  it(
    "come back at most 3 % of them in any 100 ms, all within 60 s: 10,000 simulated ones",
    { timeout: 600_000 },
    async () => {
      const report = await simulatedCrowd({ clients: 10_000, awayMillis: 3_000, seed: 1 })
      console.log(JSON.stringify({ clients: 10_000, ...report }))
      expect(report.opened).toBeLessThanOrEqual(0.03)
      expect(report.wholeMillis).toBeLessThanOrEqual(60_000)
    }
  )
})
