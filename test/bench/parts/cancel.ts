/**
 * From the call of `thread.cancel` to the agent's `abort` event: page, gateway, server and worker are processes of
 * their own; server and worker have nothing in common but the store.
 */
import { startAzurite } from "../../adapters/azurite.ts"
import { startRedis } from "../../adapters/redis.ts"
import type { CancelServing } from "../ours/cancelServer.ts"
import type { Cancelling } from "../ours/canceller.ts"
import type { Store } from "../ours/stores.ts"
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
interface Setting {
  readonly name: string
  readonly limit: number
  readonly listens: boolean
  /** In a hurry, only the first is measured. */
  readonly open: () => Promise<{ readonly store: Store; readonly close: () => Promise<void> }>
}
const openAzurite = async () => {
  const { close, connectionString } = await startAzurite()
  return { store: { kind: "azure", connectionString } as const, close }
}
const settings: readonly Setting[] = [
  {
    name: "SQLite",
    limit: 250,
    listens: true,
    open: async () => ({ store: { kind: "sqlite", ...temporaryFiles() }, close: async () => {} })
  },
  {
    name: "Redis",
    limit: 250,
    listens: true,
    open: async () => {
      const { close, url } = await startRedis("--appendonly", "yes")
      return { store: { kind: "redis", url }, close }
    }
  },
  { name: "Azurite", limit: 600, listens: true, open: openAzurite },
  { name: "Azurite, worker cannot listen", limit: 1_200, listens: false, open: openAzurite }
]

interface Row {
  readonly name: string
  readonly limit: number
  readonly p50: number
  readonly p95: number
  readonly longest: number
  readonly tokensPerSecond: number
}
const measure = async (setting: Setting, rounds: number, cancels: number): Promise<readonly Row[]> => {
  const { close, store } = await setting.open()
  const files = ["ours/gateway.ts", "ours/cancelServer.ts", "ours/cancelWorker.ts", "ours/canceller.ts"]
  const processes = files.map(startProcess)
  const [gateway, server, worker, page] = processes as [Process, Process, Process, Process]
  const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
  const shared: CancelServing = { connectionString, store, listens: setting.listens }
  const endpoint = await server.call<string>("serve", shared)
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
  const rows: Row[] = []
  for (const { agent, name } of cases) {
    const p50: number[] = []
    const p95: number[] = []
    const all: Awaited<ReturnType<typeof once>>[] = []
    for (let round = 0; round < rounds; round++) {
      const measured: Awaited<ReturnType<typeof once>>[] = []
      for (let again = 0; again < cancels; again++) measured.push(await once(agent))
      const sorted = measured.map(({ millis }) => millis).toSorted((a, b) => a - b)
      p50.push(percentile(sorted, 0.5))
      p95.push(percentile(sorted, 0.95))
      all.push(...measured)
    }
    rows.push({
      name: `${setting.name}: ${name}`,
      limit: setting.limit,
      p50: median(p50),
      p95: median(p95),
      longest: Math.max(...all.map(({ millis }) => millis)),
      tokensPerSecond: median(all.map((one) => one.tokensPerSecond))
    })
  }
  for (const process of processes.toReversed()) await process.stop()
  await close()
  return rows
}

export const cancel: Part = {
  name: "cancel",
  title: "Cancel to AbortSignal",
  run: async ({ quick }) => {
    const [rounds, cancels] = quick ? [1, 3] : [3, 20]
    const rows: Row[] = []
    for (const setting of quick ? settings.slice(0, 1) : settings)
      rows.push(...(await measure(setting, rounds, cancels)))
    return {
      markdown: table(
        [`${rounds} × ${cancels} cancels each`, "p50 ms", "p95 ms", "longest ms", "tokens/s said"],
        rows.map(({ name, p50, p95, longest, tokensPerSecond }) => [name, p50, p95, longest, tokensPerSecond])
      ),
      bounds: rows.map(({ limit, name, p95 }) => atMost(`cancel, ${name}: p95 ms`, p95, limit))
    }
  }
}
