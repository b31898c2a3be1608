/** Every mutant of test/mutants is killed by a test. Survivors are named: each is a missing test. */
import { expect, it } from "vitest"
import { mutants } from "../mutants/mutants.ts"
import { printed, runMutants } from "../mutants/runMutants.ts"

it("every planted mutant is killed", { timeout: 1_800_000 }, async () => {
  const fates = await runMutants(mutants, (fate) => console.log(printed(fate)))
  expect(fates.filter(({ type }) => type !== "killed").map(printed)).toEqual([])
  expect(fates.length).toBe(mutants.length)
})
