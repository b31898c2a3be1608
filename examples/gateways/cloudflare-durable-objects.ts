/** Cloudflare's Durable Objects: workerd, as miniflare runs it, with the adapter's own Worker. */
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { Miniflare } from "miniflare"
import { cuttable } from "./cuttable.ts"
import type { StartGateway } from "./LocalGateway.ts"

export const start: StartGateway = async ({ upstream }) => {
  const { outputFiles } = await build({
    entryPoints: [
      fileURLToPath(import.meta.resolve("throughline/adapters/gateways/cloudflare-durable-objects/worker"))
    ],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "node",
    conditions: ["workerd", "throughline-source"],
    external: ["node:*", "cloudflare:*"]
  })
  const key = randomBytes(32).toString("base64url")
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    modules: true,
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["nodejs_compat"],
    script: outputFiles[0]!.text,
    durableObjects: { THROUGHLINE_GROUPS: { className: "ThroughlineGroup", useSQLite: true } },
    bindings: { THROUGHLINE_KEY: key, THROUGHLINE_UPSTREAM: upstream }
  })
  const { origin, port } = await miniflare.ready
  const way = await cuttable(Number(port))
  const clientUrl = `http://127.0.0.1:${way.port}`
  return {
    settings: { name: "cloudflare-durable-objects", url: origin, clientUrl, key },
    connectsTo: [clientUrl.replace(/^http/, "ws")],
    cut: way.cut,
    close: async () => {
      way.close()
      await miniflare.dispose()
    }
  }
}
