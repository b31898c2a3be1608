/** Cloudflare Durable Objects: workerd, as miniflare runs it, with the Worker and the object as they are deployed. */
import * as net from "node:net"
import { fileURLToPath } from "node:url"
import { once } from "node:events"
import { build as bundle } from "esbuild"
import { Miniflare, type WorkerOptions } from "miniflare"
import { durableObjectsClient } from "../../../../adapters/gateways/cloudflare-durable-objects/client.ts"
import { durableObjectsGateway } from "../../../../adapters/gateways/cloudflare-durable-objects/server.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

export const CLOUDFLARE_KEY = "a key of the tests, which the Worker has as its secret"

/** A module for workerd. */
export const bundleWorker = async (entry: URL): Promise<string> => {
  const { outputFiles } = await bundle({
    entryPoints: [fileURLToPath(entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "node",
    conditions: ["workerd", "throughline-source"],
    external: ["node:*", "cloudflare:*"]
  })
  return outputFiles[0]!.text
}
/** What every Worker here runs with. */
export const WORKER = {
  modules: true,
  compatibilityDate: "2026-07-01",
  compatibilityFlags: ["nodejs_compat"]
} as const

/** Between clients and workerd, so that there is something to cut. */
export const startWire = async (target: URL) => {
  const wires = new Set<net.Socket>()
  const server = net.createServer((near) => {
    const far = net.connect(Number(target.port), target.hostname)
    for (const [one, other] of [
      [near, far],
      [far, near]
    ] as const) {
      wires.add(one)
      one.on("error", () => {}).on("close", () => (wires.delete(one), other.destroy()))
      one.pipe(other)
    }
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const cut = () => {
    for (const wire of wires) wire.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    cut,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        cut()
      })
  }
}

let script: Promise<string> | undefined

export interface CloudflareService {
  readonly miniflare: Miniflare
  /** Where the Worker answers, without anything between. */
  readonly url: string
}
export const startCloudflare = async (
  bindings: Record<string, string> = {},
  worker: Partial<WorkerOptions> = {}
): Promise<RunningEnv<CloudflareService>> => {
  const backend = await startBackend()
  script ??= bundleWorker(
    new URL("../../../../adapters/gateways/cloudflare-durable-objects/worker.ts", import.meta.url)
  )
  const miniflare = new Miniflare({
    ...WORKER,
    host: "127.0.0.1",
    port: 0,
    cf: false,
    script: await script,
    durableObjects: { THROUGHLINE_GROUPS: { className: "ThroughlineGroup", useSQLite: true } },
    bindings: {
      THROUGHLINE_KEY: CLOUDFLARE_KEY,
      THROUGHLINE_UPSTREAM: `${backend.url}/upstream/cloudflare-durable-objects`,
      ...bindings
    },
    ...worker
  } as ConstructorParameters<typeof Miniflare>[0])
  const at = await miniflare.ready
  const wire = await startWire(at)
  const url = at.origin
  const own = await build(durableObjectsGateway({ url, clientUrl: wire.url, key: CLOUDFLARE_KEY }))
  const foreign = await build(durableObjectsGateway({ url, clientUrl: wire.url, key: "another".repeat(6) }))
  backend.serve(own.gateway)
  return {
    service: { miniflare, url },
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: durableObjectsClient(),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: wire.cut,
    close: async () => {
      await Promise.all([own.close(), foreign.close()])
      await wire.close()
      await miniflare.dispose()
      await backend.close()
    }
  }
}
