/**
 * Every page's socket is cut once a second while 20 runs stream.
 */
import type { CaughtUp } from "../ours/survivor.ts"
import { startProcess, type Process } from "../processes.ts"
import { atLeast, atMost, percentile, table, type Part } from "../report.ts"
import type { Load, Produced, Seen } from "../workload.ts"

const RUNS = 20

export const cuts: Part = {
  name: "cuts",
  title: "Every socket cut once a second",
  run: async ({ quick }) => {
    const load: Load = { runs: RUNS, tokensPerSecond: 50, seconds: quick ? 4 : 60 }
    const processes = ["ours/gateway.ts", "ours/backend.ts", "ours/survivor.ts"].map(startProcess)
    const [gateway, backend, pages] = processes as [Process, Process, Process]
    const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
    const endpoint = await backend.call<string>("serve", { connectionString })
    await pages.call("watch", { endpoint, runs: RUNS })
    await backend.call("ready", RUNS)

    const producing = backend.call<Produced>("produce", load)
    const sinceCut: number[] = []
    const sinceOpen: number[] = []
    for (let second = 1; second < load.seconds; second++) {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      const cutAt = await gateway.call<number>("cut")
      const caughtUp = await pages.call<CaughtUp>("caughtUp", cutAt)
      sinceCut.push(...caughtUp.sinceCut)
      sinceOpen.push(...caughtUp.sinceOpen)
    }
    const { tokens } = await producing
    const seen = await pages.call<Seen>("seen", { tokens, quietMillis: 6_000 })
    const wrong = await pages.call<number>("wrong")
    for (const process of processes.toReversed()) await process.stop()

    const rows = [
      { name: "caught up since the cut", sorted: sinceCut.toSorted((a, b) => a - b) },
      { name: "caught up since the socket was open", sorted: sinceOpen.toSorted((a, b) => a - b) }
    ]
    const [ofCut = Number.NaN, ofOpen = Number.NaN] = rows.map(({ sorted }) => percentile(sorted, 0.99))
    return {
      markdown: table(
        [`${RUNS} pages, ${load.seconds - 1} cuts`, "p50 ms", "p99 ms"],
        rows.map(({ name, sorted }) => [name, percentile(sorted, 0.5), percentile(sorted, 0.99)])
      ),
      bounds: [
        atLeast("cuts: tokens seen, once and in order %", seen.inOrder ? (100 * seen.tokens) / tokens : 0, 100),
        atLeast("cuts: views equal to the log %", (100 * (RUNS - wrong)) / RUNS, 100),
        atMost("cuts: caught up since the socket was open, p99 ms", ofOpen, 250),
        atMost("cuts: caught up since the cut, p99 ms", ofCut, 1_000)
      ]
    }
  }
}
