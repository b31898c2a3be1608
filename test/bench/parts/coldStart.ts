/**
 * A cold function: from the start of a process until every function of the app is registered, and until the first call
 * is answered, against a handler of one line. Both bundled the same way, both with `@azure/functions`.
 *
 * The first call is refused with 401: it loads the backend and the Azure SDKs and opens the store, which is Azurite. The
 * app is bundled from its source as it is now, into a folder of the bench's own.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { build } from "esbuild"
import { startAzurite } from "../../adapters/azurite.ts"
import { atMost, median, table, type Part } from "../report.ts"
import { clock } from "../workload.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const host = fileURLToPath(new URL("../ours/coldHost.cjs", import.meta.url))
const { buildFunctions } = (await import(new URL("../../../scripts/build-functions.mjs", import.meta.url).href)) as {
  readonly buildFunctions: (outdir: string) => Promise<unknown>
}
const plainSource = `
  import { app } from "@azure/functions"
  app.http("threads", { handler: async () => ({ status: 401, jsonBody: { ok: false } }) })`

const settingsOf = (storage: string) => ({
  AzureWebJobsStorage: storage,
  WebPubSubConnectionString: "Endpoint=http://127.0.0.1:9;AccessKey=bm8gc2VjcmV0;Version=1.0;",
  THROUGHLINE_ACCESS: "easy-auth",
  WEBSITE_AUTH_ENABLED: "true"
})
interface Way {
  readonly name: string
  readonly main: string
  /** How many it registers. */
  readonly functions: number
}
interface Started {
  readonly functions: readonly string[]
  readonly registeredAt: number
  readonly answeredAt: number
  readonly status: number
}
const bundlePlain = (outfile: string) =>
  build({
    stdin: { contents: plainSource, resolveDir: root },
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    external: ["@azure/functions-core"],
    logLevel: "silent"
  })
const start = async ({ main, functions }: Way, storage: string) => {
  const env = { ...process.env, ...settingsOf(storage) }
  const begun = clock()
  const { stdout } = await promisify(execFile)(process.execPath, [host, main], { env })
  const started = JSON.parse(stdout) as Started
  if (started.functions.length !== functions) throw new Error(`${main} registered ${started.functions.join(", ")}`)
  if (started.status !== 401) throw new Error(`${main} answered ${started.status} instead of 401`)
  return { registered: started.registeredAt - begun, answered: started.answeredAt - begun }
}

export const coldStart: Part = {
  name: "cold-start",
  title: "Cold start of the functions app",
  run: async ({ quick }) => {
    const folder = mkdtempSync(join(tmpdir(), "throughline-bench-"))
    const azurite = await startAzurite()
    const ways: readonly Way[] = [
      { name: "a handler of one line", main: join(folder, "plain.cjs"), functions: 1 },
      { name: "the functions app", main: join(folder, "app.cjs"), functions: 4 }
    ]
    const measured = ways.map((): Awaited<ReturnType<typeof start>>[] => [])
    try {
      await bundlePlain(join(folder, "plain.cjs"))
      await buildFunctions(relative(join(root, "functions"), folder))
      // The first of each finds the disk cold, which is another measure.
      for (const way of ways) await start(way, azurite.connectionString)
      for (let round = 0; round < (quick ? 3 : 21); round++)
        for (const [index, way] of ways.entries()) measured[index]?.push(await start(way, azurite.connectionString))
    } finally {
      await azurite.close()
      rmSync(folder, { recursive: true })
    }
    const [plain, ours] = measured.map((all) => ({
      registered: median(all.map(({ registered }) => registered)),
      answered: median(all.map(({ answered }) => answered))
    }))
    if (!plain || !ours) throw new Error("nothing was measured")
    return {
      markdown: table(
        [`${measured[0]?.length ?? 0} starts each, in turn`, "functions registered ms", "first call answered ms"],
        [plain, ours].map(({ registered, answered }, index) => [ways[index]?.name ?? "", registered, answered])
      ),
      bounds: [atMost("cold start: functions app / plain handler", ours.registered / plain.registered, 1.5)]
    }
  }
}
