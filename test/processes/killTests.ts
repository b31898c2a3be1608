/** The kill cycles as tests, with the numbers of the quick and of the long stage. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hasAzurite } from "../adapters/azurite.ts"
import { hasRedis } from "../adapters/redis.ts"
import { killCycles, type CyclesReport } from "./cycles.ts"
import { bundle, type Programs } from "./programs.ts"
import type { GatewaySettings } from "./settings.ts"
import { openAzurite, openRedis, openSqlite, type Store } from "./store.ts"

interface Numbers {
  readonly cycles: number
  readonly threads: number
  readonly zombies: number
}
const MINUTES = 60_000
const seed = Number(process.env["THROUGHLINE_SEED"] ?? 1)

/** `others`: of the other stores, and of the other gateway. */
export const killTests = ({ others, ...numbers }: Numbers & { readonly others?: Numbers }): void => {
  let programs: Programs
  beforeAll(async () => void (programs = await bundle({ periods: "short" })))
  afterAll(() => programs?.remove())

  const kill = async (store: Store, gateway: GatewaySettings["kind"], how: Numbers) => {
    const report = await killCycles({ programs, gateway, store, seed, ...how })
    console.log(JSON.stringify({ store: store.settings.kind, gateway, seed, ...report }))
    expectOneStory(report, how)
  }
  describe("processes that are killed and stopped at random", () => {
    it(
      `lose nothing acknowledged and show nothing twice, ${numbers.cycles} times each: SQLite`,
      { timeout: 30 * MINUTES },
      async () => kill(await openSqlite(), "azure-web-pubsub", numbers)
    )
    if (others === undefined) return
    it("lose nothing on SQLite with the plain gateway", { timeout: 10 * MINUTES }, async () =>
      kill(await openSqlite(), "ws", others)
    )
    it.skipIf(!hasRedis())("lose nothing on Redis, which is killed too", { timeout: 10 * MINUTES }, async () =>
      kill(await openRedis(), "azure-web-pubsub", others)
    )
    it.skipIf(!hasAzurite())("lose nothing on Azurite", { timeout: 10 * MINUTES }, async () =>
      kill(await openAzurite(), "azure-web-pubsub", others)
    )
  })
}

const expectOneStory = (report: CyclesReport, { cycles, zombies }: Numbers) => {
  expect(report.breaches).toEqual([])
  expect(report.problems).toEqual([])
  expect(Object.values(report.kills).every((kills) => kills === cycles)).toBe(true)
  expect(report.zombies).toBe(zombies)
  // that it hit something: clients came back, runs were taken over or lost
  expect(report.reopened).toBeGreaterThanOrEqual(cycles)
  expect(report.takeovers + (report.outcomes["WORKER_LOST"] ?? 0)).toBeGreaterThan(0)
  expect(report.acknowledged).toBeGreaterThan(cycles)
}
