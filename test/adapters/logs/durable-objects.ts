/** workerd, as miniflare runs it, with the objects of the log; and their namespaces, for tests that are outside. */
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { Miniflare } from "miniflare"
import type { DurableObjectsLogOptions } from "../../../adapters/logs/durable-objects/log.ts"

export interface ObjectsOfLog extends Required<Pick<DurableObjectsLogOptions, "threads" | "due">> {
  readonly url: URL
  readonly miniflare: Miniflare
  readonly close: () => Promise<void>
}
export const startObjects = async (): Promise<ObjectsOfLog> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("durable-objects.worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "node",
    conditions: ["workerd", "throughline-source"],
    external: ["node:*"]
  })
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules: true,
    script: outputFiles[0]!.text,
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["nodejs_compat"],
    durableObjects: {
      THROUGHLINE_THREADS: { className: "ThroughlineThread", useSQLite: true },
      THROUGHLINE_DUE: { className: "ThroughlineDue", useSQLite: true }
    }
  })
  const url = await miniflare.ready
  const namespace = (of: string): ObjectsOfLog["threads"] => ({
    idFromName: (name) => name,
    get: (name) => ({
      fetch: (asked, init) => {
        const to = new URL(new URL(asked).pathname, url)
        to.search = new URLSearchParams({ of, name: name as string }).toString()
        return fetch(to, init)
      }
    })
  })
  return { url, miniflare, threads: namespace("threads"), due: namespace("due"), close: () => miniflare.dispose() }
}
