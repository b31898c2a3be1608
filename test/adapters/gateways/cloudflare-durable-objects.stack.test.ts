/** A whole backend inside workerd: log, gateway and jobs are Cloudflare's, and clients outside follow its runs. */
import { Miniflare } from "miniflare"
import { openThread, type Thread } from "throughline/client"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { durableObjectsClient } from "../../../adapters/gateways/cloudflare-durable-objects/client.ts"
import { until } from "../../security/stack.ts"
import { bundleWorker, CLOUDFLARE_KEY, startWire, WORKER } from "./environments/cloudflare-durable-objects.ts"

let miniflare: Miniflare
let wire: Awaited<ReturnType<typeof startWire>>
let at: URL
beforeAll(async () => {
  const script = await bundleWorker(new URL("environments/cloudflare-stack.worker.ts", import.meta.url))
  const common = { ...WORKER, host: "127.0.0.1", cf: false, script } as const
  const options = (port: number, publicUrl: string) =>
    ({
      ...common,
      port,
      name: "stack",
      durableObjects: {
        THROUGHLINE_GROUPS: { className: "ThroughlineGroup", useSQLite: true },
        THROUGHLINE_THREADS: { className: "ThroughlineThread", useSQLite: true },
        THROUGHLINE_DUE: { className: "ThroughlineDue", useSQLite: true }
      },
      queueProducers: { JOBS: "jobs" },
      queueConsumers: { jobs: { maxBatchSize: 1, maxBatchTimeout: 0 } },
      // the Worker itself
      serviceBindings: { THROUGHLINE_BACKEND: "stack" },
      bindings: { THROUGHLINE_KEY: CLOUDFLARE_KEY, PUBLIC_URL: publicUrl }
    }) as ConstructorParameters<typeof Miniflare>[0]
  miniflare = new Miniflare(options(0, "http://unknown.example"))
  at = await miniflare.ready
  wire = await startWire(at)
  await miniflare.setOptions(options(Number(at.port), wire.url))
}, 60_000)
afterAll(async () => {
  await wire?.close()
  await miniflare?.dispose()
})
const threads: Thread[] = []
afterEach(() => {
  for (const thread of threads.splice(0)) thread.close()
})
const open = (thread: string, requests: string[] = []): Thread => {
  const opened = openThread({
    endpoint: at.origin,
    thread,
    gateways: [durableObjectsClient()],
    token: () => "ann",
    // each its own connection, as on its own device
    fetch: (url, init) => {
      requests.push(`${init?.method ?? "GET"} ${new URL(url).pathname.split("/").at(-1)}`)
      return fetch(url, init)
    }
  })
  threads.push(opened)
  return opened
}
const shown = ({ view }: Thread) =>
  view.messages.flatMap(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : ""))).join("")
const isLive = ({ connection }: Thread) => connection === "live"
const stateOf = ({ view }: Thread) => view.runs.at(-1)?.state
const counted = (to: number) => Array.from({ length: to }, (_, n) => `${n + 1} `).join("")

describe("a backend in a Worker", () => {
  it("streams a run to everyone who watches, over frames and not by asking", async () => {
    const requests: string[] = []
    const [one, two] = [open("main", requests), open("main")]
    await Promise.all([until(one, isLive), until(two, isLive)])
    const before = requests.length
    expect(await one.start("talker", { tokens: 100 })).toMatchObject({ ok: true })
    await Promise.all([one, two].map((thread) => until(thread, (now) => stateOf(now) === "finished", 25_000)))
    expect([shown(one), shown(two)]).toEqual([counted(100), counted(100)])
    expect(requests.slice(before)).toEqual(["POST runs"])
  })

  it("goes on after cuts, with nothing missing and nothing twice", async () => {
    const thread = open("cut")
    await until(thread, isLive)
    await thread.start("talker", { tokens: 200 })
    for (const seen of ["20 ", "90 "]) {
      await until(thread, (now) => shown(now).includes(` ${seen}`), 25_000)
      wire.cut()
    }
    await until(thread, (now) => stateOf(now) === "finished", 25_000)
    expect(shown(thread)).toBe(counted(200))
  })

  it("stops a run on a word that comes back over the socket", async () => {
    const requests: string[] = []
    const thread = open("stop", requests)
    await until(thread, isLive)
    const started = await thread.start("talker", { tokens: 10_000 })
    await until(thread, (now) => shown(now).includes(" 10 "), 25_000)
    expect(await thread.cancel(started.ok ? started.run : "")).toMatchObject({ ok: true })
    await until(thread, (now) => stateOf(now) === "finished", 25_000)
    expect(thread.view.runs.at(-1)?.outcome).toMatchObject({ type: "cancelled" })
    expect(requests.filter((request) => request.endsWith("interrupts"))).toEqual([])
  })

  it("looks after what is late when the cron trigger says so", async () => {
    const worker = (await miniflare.getWorker()) as unknown as { scheduled: () => Promise<{ outcome: string }> }
    expect((await worker.scheduled()).outcome).toBe("ok")
  })
})
