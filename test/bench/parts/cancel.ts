/**
 * From the call of `thread.cancel` to the agent's `abort` event: page, gateway, server and worker are processes of
 * their own, server and worker on the same SQLite files.
 */
import type { Cancelling } from "../ours/canceller.ts"
import { temporaryFiles } from "../ours.ts"
import { startProcess, type Process } from "../processes.ts"
import { atMost, median, percentile, table, type Part } from "../report.ts"

const cases = [
  { agent: "streamer", name: "while it streams 200 tokens/s" },
  { agent: "toiler", name: "inside a tool of 60 s" }
] as const
interface Aborted {
  readonly at: number
  readonly tokensPerSecond: number
}

export const cancel: Part = {
  name: "cancel",
  title: "Cancel to AbortSignal",
  run: async ({ quick }) => {
    const [rounds, cancels] = quick ? [1, 3] : [3, 30]
    const files = ["ours/gateway.ts", "ours/backend.ts", "ours/cancelWorker.ts", "ours/canceller.ts"]
    const processes = files.map(startProcess)
    const [gateway, server, worker, page] = processes as [Process, Process, Process, Process]
    const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
    const shared = { connectionString, files: temporaryFiles() }
    const endpoint = await server.call<string>("serve", { ...shared, role: "server" })
    await worker.call("work", shared)

    let run = 0
    const once = async (agent: string) => {
      run++
      const clickedAt = await page.call<number>("cancel", { endpoint, agent, run } satisfies Cancelling)
      const { at, tokensPerSecond } = await worker.call<Aborted>("aborted", run)
      return { millis: at - clickedAt, tokensPerSecond }
    }
    // The first of each loads modules and opens files.
    for (const { agent } of cases) await once(agent)
    const measured = cases.map(() => ({
      p50: [] as number[],
      p95: [] as number[],
      all: [] as Awaited<ReturnType<typeof once>>[]
    }))
    for (let round = 0; round < rounds; round++)
      for (const [index, { agent }] of cases.entries()) {
        const all: Awaited<ReturnType<typeof once>>[] = []
        for (let again = 0; again < cancels; again++) all.push(await once(agent))
        const sorted = all.map(({ millis }) => millis).toSorted((a, b) => a - b)
        measured[index]?.p50.push(percentile(sorted, 0.5))
        measured[index]?.p95.push(percentile(sorted, 0.95))
        measured[index]?.all.push(...all)
      }
    for (const process of processes.toReversed()) await process.stop()

    const rows = cases.map(({ name }, index) => {
      const { p50, p95, all } = measured[index] ?? { p50: [], p95: [], all: [] }
      return {
        name,
        p50: median(p50),
        p95: median(p95),
        longest: Math.max(...all.map(({ millis }) => millis)),
        tokensPerSecond: median(all.map((one) => one.tokensPerSecond))
      }
    })
    return {
      markdown: table(
        [`${rounds} × ${cancels} cancels each`, "p50 ms", "p95 ms", "longest ms", "tokens/s said"],
        rows.map(({ name, p50, p95, longest, tokensPerSecond }) => [name, p50, p95, longest, tokensPerSecond])
      ),
      bounds: rows.map(({ name, p95 }) => atMost(`cancel ${name}: p95 ms`, p95, 250))
    }
  }
}
