/** Every mutant of test/mutants is killed by a test. Survivors are named: each is a missing test. */
import { expect, it } from "vitest"
import { mutants } from "../mutants/mutants.ts"
import { runMutants } from "../mutants/runMutants.ts"

it("every planted mutant is killed", { timeout: 1_800_000 }, async () => {
  const fates = await runMutants(mutants, ({ by, mutant, seconds, type }) =>
    console.log(
      `${type.padEnd(8)} ${seconds.toFixed(1).padStart(5)} s  ${mutant.rule.padEnd(14)} ${mutant.name}  <- ${by}`
    )
  )
  expect(
    fates.filter(({ type }) => type !== "killed").map(({ by, mutant, type }) => `${type}: ${mutant.name} ${by}`)
  ).toEqual([])
})
