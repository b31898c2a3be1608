/**
 * From a click on Stop to the agent's `AbortSignal`: server and worker in processes of their own, on SQLite files.
 */
import type { Cancelling } from "../ours/canceller.ts"
import { temporaryFiles } from "../ours.ts"
import { startProcess, type Process } from "../processes.ts"
import { atMost, percentile, table, type Bound, type Part } from "../report.ts"

const cases = [
  { agent: "streamer", name: "while it streams" },
  { agent: "toiler", name: "inside a tool of 60 s" }
]

export const cancel: Part = {
  name: "cancel",
  title: "Cancel to AbortSignal",
  run: async ({ quick }) => {
    const processes = ["ours/gateway.ts", "ours/backend.ts", "ours/backend.ts", "ours/canceller.ts"].map(startProcess)
    const [gateway, server, worker, page] = processes as [Process, Process, Process, Process]
    const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
    const files = temporaryFiles()
    const endpoint = await server.call<string>("serve", { connectionString, files, role: "server" })
    await worker.call("serve", { connectionString, files, role: "worker" })

    const rows: (string | number)[][] = []
    const bounds: Bound[] = []
    let run = 0
    for (const { agent, name } of cases) {
      const millis: number[] = []
      for (let again = 0; again < (quick ? 3 : 40); again++) {
        run++
        const clickedAt = await page.call<number>("cancel", { endpoint, agent, run } satisfies Cancelling)
        millis.push((await worker.call<number>("abortedAt", run)) - clickedAt)
      }
      const sorted = millis.toSorted((a, b) => a - b)
      rows.push([name, percentile(sorted, 0.5), percentile(sorted, 0.95)])
      bounds.push(atMost(`cancel ${name}: p95 ms`, percentile(sorted, 0.95), 250))
    }
    for (const process of processes.toReversed()) await process.stop()
    return { markdown: table(["", "p50 ms", "p95 ms"], rows), bounds }
  }
}
