/**
 * What a part of the benchmark hands back, and the arithmetic on repeated measurements.
 */

/** One promise of the project, as measured. `limit` is in the unit of `value`. */
export interface Bound {
  readonly bound: string
  readonly value: number
  readonly limit: number
  readonly ok: boolean
}
export interface PartResult {
  /** What goes into docs/benchmarks.md under the part's title. */
  readonly markdown: string
  readonly bounds: readonly Bound[]
}
export interface Part {
  /** As given on the command line. */
  readonly name: string
  readonly title: string
  readonly run: (options: { readonly quick: boolean }) => Promise<PartResult>
}

export const atMost = (bound: string, value: number, limit: number): Bound => ({
  bound,
  value: round(value),
  limit,
  ok: value <= limit
})
export const atLeast = (bound: string, value: number, limit: number): Bound => ({
  bound,
  value: round(value),
  limit,
  ok: value >= limit
})

/** The value below which `share` (0 to 1) of the sorted numbers lie; NaN for none. */
export const percentile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle)
    ? (percentile(sorted, 0.5) + (sorted[middle - 1] ?? Number.NaN)) / 2
    : percentile(sorted, 0.5)
}
/** Three significant digits: more would be noise. */
export const round = (value: number): number => (Number.isFinite(value) ? Number(value.toPrecision(3)) : value)

export const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [
    `| ${head.join(" | ")} |`,
    `| ${head.map((_, column) => (column === 0 ? "---" : "---:")).join(" | ")} |`,
    ...rows.map(
      (row) => `| ${row.map((cell) => (typeof cell === "number" ? String(round(cell)) : cell)).join(" | ")} |`
    )
  ].join("\n")
