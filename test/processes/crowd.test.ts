import { expect, it } from "vitest"
import { simulatedCrowd } from "./crowd.ts"

it(
  "clients that lost their gateway together come back spread over the grant's time",
  { timeout: 120_000 },
  async () => {
    const report = await simulatedCrowd({ clients: 1_000, awayMillis: 3_000, seed: 1 })
    // of a thousand, chance alone brings a few more together than of ten thousand
    expect(report.opened).toBeLessThanOrEqual(0.04)
    expect(report.wholeMillis).toBeLessThanOrEqual(60_000)
  }
)
