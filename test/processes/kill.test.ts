import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { killCycles } from "./cycles.ts"
import { bundle, type Programs } from "./programs.ts"
import { openSqlite } from "./store.ts"

let programs: Programs
beforeAll(async () => void (programs = await bundle({ periods: "short" })))
afterAll(() => programs?.remove())

describe("processes that are killed", () => {
  it("lose nothing that was acknowledged and show nothing twice", async () => {
    const report = await killCycles({
      programs,
      gateway: "azure-web-pubsub",
      store: await openSqlite(),
      seed: 1,
      cycles: 10,
      threads: 8,
      zombies: 2
    })
    console.log(report)
    expect(report.breaches).toEqual([])
    expect(report.problems).toEqual([])
  })
})
