import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundle, type Programs } from "../processes/programs.ts"
import { bundleRelease } from "../processes/release.ts"
import { roll, type RollingReport } from "../processes/rolling.ts"

/** The last release without asks and without a way to let go of runs. */
const OLD = "addc04f"

let [now, old]: (Programs | undefined)[] = []
beforeAll(async () => {
  now = await bundle({ periods: "short" })
  old = await bundleRelease(OLD, "short")
}, 120_000)
afterAll(() => Promise.all([now?.remove(), old?.remove()]))

const expectUnnoticed = (report: RollingReport) => {
  console.log(JSON.stringify(report))
  expect(report.breaches).toEqual([])
  expect(Object.keys(report.statuses)).toEqual(["200"])
  expect(report.opened).toBe(1)
  const ends = Object.values(report.outcomes).reduce((sum, count) => sum + count, 0)
  expect(ends).toBe(report.runs)
  expect(report.takeovers).toBeGreaterThan(0)
}
describe("a deployment under fifty runs", () => {
  it("to this release loses nothing, refuses nothing and keeps the sockets", { timeout: 180_000 }, async () =>
    expectUnnoticed(await roll(old!, now!))
  )
  it("is rolled back as quietly, and its runs go on in the old release", { timeout: 180_000 }, async () => {
    const report = await roll(now!, old!)
    expectUnnoticed(report)
    // this release lets go of its runs: none is lost
    expect(report.outcomes).toEqual({ completed: report.runs })
  })
})
