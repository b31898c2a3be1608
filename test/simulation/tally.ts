/** Sums over many schedules, and the hash by which two histories are told apart. */
import { createHash } from "node:crypto"
import type { History } from "../../src/conformance/historyRecords.ts"

export interface Tally {
  readonly struck: Record<string, number>
  readonly outcomes: Record<string, number>
  happened: number
  virtualMillis: number
}
const addCounts = (sum: Record<string, number>, counts: Readonly<Record<string, number>>) => {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
}
export const add = (
  sum: Tally,
  one: {
    readonly struck: Readonly<Record<string, number>>
    readonly outcomes: Readonly<Record<string, number>>
    readonly happened: number
    readonly virtualMillis: number
  }
): void => {
  addCounts(sum.struck, one.struck)
  addCounts(sum.outcomes, one.outcomes)
  sum.happened += one.happened
  sum.virtualMillis += one.virtualMillis
}
export const hashOf = (history: History): string =>
  createHash("sha256").update(JSON.stringify(history)).digest("base64url")
