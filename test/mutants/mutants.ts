/**
 * Faults that the tests must find: each breaks a rule of PROTOCOL.md in one place, and each must make a test fail.
 *
 * `runMutants.ts` plants one at a time and runs the tests it names. One that survives shows a missing test: write it.
 */
import { asks } from "./list/asks.ts"
import { calls } from "./list/calls.ts"
import { reading } from "./list/reading.ts"
import { runs } from "./list/runs.ts"
import { serving } from "./list/serving.ts"
import { storing } from "./list/storing.ts"
import { writing } from "./list/writing.ts"
import type { Mutant } from "./Mutant.ts"

export const mutants: readonly Mutant[] = [...runs, ...asks, ...calls, ...writing, ...reading, ...serving, ...storing]
