/** Every row of the table: sent, answered as it says, nothing changed, nothing secret said, and everything goes on. */
import { strict as assert } from "node:assert"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { testsIn } from "./proofs.ts"
import { SURFACES } from "./row.ts"
import { rows } from "./table.ts"
import { openWorld, type World } from "./world.ts"

let world: World
const lines: string[] = []
beforeAll(async () => {
  for (const method of ["log", "error", "warn"] as const)
    vi.spyOn(console, method).mockImplementation((...args: unknown[]) => void lines.push(args.map(String).join(" ")))
  world = await openWorld(() => lines.join("\n"))
  await world.probe()
})
afterAll(async () => {
  await world.close()
  vi.restoreAllMocks()
})

for (const [surface, title] of Object.entries(SURFACES).filter(([of]) => rows.some((row) => row.surface === of))) {
  describe(title, () => {
    it.each(rows.filter((row) => row.surface === surface))("$id $input", async ({ check, records }) => {
      if (typeof check !== "function") return expect(testsIn(check.file)).toContain(check.test)
      const before = world.state()
      const from = lines.length
      await check(world)
      if (records !== true) expect(world.state()).toBe(before)
      await world.probe()
      const secret = lines.slice(from).find((line) => /canary|eyJ/.test(line))
      assert.equal(secret, undefined, "a secret is in the log")
    })
  })
}
