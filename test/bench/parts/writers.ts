/**
 * Three writers of one thread, 2, 5 and 30 ms away from the log: nobody starves.
 */
import type { Contention } from "../ours/contention.ts"
import { startProcess } from "../processes.ts"
import { atMost, percentile, table, type Part } from "../report.ts"

export const writers: Part = {
  name: "writers",
  title: "Three writers of one thread",
  run: async ({ quick }) => {
    const contention = startProcess("ours/contention.ts")
    const measured = await contention.call<Contention>("measure", { interrupts: quick ? 4 : 100 })
    await contention.stop()
    const sorted = measured.interruptMillis.toSorted((a, b) => a - b)
    const gaps = Object.entries(measured.longestGapMillis)
    return {
      markdown: [
        table(
          ["streams from", "longest without an append, ms"],
          gaps.map(([lag, gap]) => [`${lag} ms away`, gap])
        ),
        table(
          ["interrupts from", "p50 ms", "p95 ms", "longest ms"],
          [["30 ms away", percentile(sorted, 0.5), percentile(sorted, 0.95), percentile(sorted, 1)]]
        )
      ].join("\n\n"),
      bounds: [
        ...gaps.map(([lag, gap]) => atMost(`writers: ${lag} ms away, longest without an append, ms`, gap, 1_000)),
        atMost("writers: an interrupt from 30 ms away, longest ms", percentile(sorted, 1), 1_000)
      ]
    }
  }
}
