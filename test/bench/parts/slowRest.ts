/**
 * Tokens when every REST call to the gateway takes 10 or 25 ms longer, as it does over a network.
 */
import { compare, measuredTable } from "../compare.ts"
import { adaptive } from "../contenders.ts"
import { ours } from "../ours.ts"
import { atLeast, atMost, type Bound, type Part } from "../report.ts"

const onMemory = ours("memory")

export const slowRest: Part = {
  name: "slow-rest",
  title: "Tokens over a slow network to the gateway",
  run: async ({ quick }) => {
    const load = { runs: 50, tokensPerSecond: 200, seconds: quick ? 0.5 : 4 }
    const rest = { rounds: quick ? 1 : 3, warmSeconds: quick ? 0.5 : 3 }
    const tables: string[] = []
    const bounds: Bound[] = []
    for (const restDelayMillis of [10, 25]) {
      const contenders = quick ? [onMemory] : [onMemory, adaptive]
      const measured = await compare(contenders, { ...rest, load, restDelayMillis })
      tables.push(`${restDelayMillis} ms added to every REST call, 50 runs:`, measuredTable(measured))
      const our = measured.get(onMemory.name)
      if (!our) continue
      bounds.push(
        atLeast(`tokens, ${restDelayMillis} ms per REST call: delivered %`, our.deliveredPercent, 100),
        atMost(`tokens, ${restDelayMillis} ms per REST call: p50 / delay`, our.p50Millis / restDelayMillis, 2)
      )
    }
    return { markdown: tables.join("\n\n"), bounds }
  }
}
