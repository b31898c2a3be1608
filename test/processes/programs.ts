/**
 * The programs of these tests as bundles, so that a killed process is back in a quarter of a second.
 *
 * `periods: "short"` divides the periods of leases, sweeps and hidden jobs by ten while bundling: a dead worker is
 * noticed in 4 s instead of 35. The code is the same and no setting of the product is needed for it.
 */
import { mkdtempSync, readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { build, type Plugin } from "esbuild"
import { ROOT } from "./process.ts"

export interface Programs {
  readonly backend: string
  readonly emulator: string
  readonly wsGateway: string
  readonly remove: () => Promise<void>
}
/** What is shorter, by file; each must be found, so that a renamed constant is noticed. */
const PERIODS: Readonly<Record<string, readonly string[]>> = {
  "src/protocol/Limits.ts": ["LEASE_MILLIS", "TAKE_MILLIS"],
  "src/agent/consume.ts": ["VISIBLE_MILLIS", "SWEEP_MILLIS"]
}
const shortPeriods: Plugin = {
  name: "short periods",
  setup: ({ onLoad }) => {
    for (const [path, names] of Object.entries(PERIODS)) {
      onLoad({ filter: new RegExp(`/${path.replaceAll(".", "\\.")}$`) }, (file) => {
        let contents = readFileSync(file.path, "utf8")
        for (const name of names) {
          const declared = new RegExp(`const ${name} = ([\\d_]+)`)
          const millis = Number(declared.exec(contents)?.[1]?.replaceAll("_", ""))
          if (!(millis > 0)) throw new Error(`${path} has no period ${name}`)
          contents = contents.replace(declared, `const ${name} = ${millis / 10}`)
        }
        return { contents, loader: "ts" }
      })
    }
  }
}
const BACKEND = "test/processes/backend.ts"
const EMULATOR = "src/emulator/main.ts"
const WS_GATEWAY = "adapters/gateways/ws/main.ts"

/** `root`: another copy of the project, for an older release. */
export const bundle = async (options: { readonly periods: "real" | "short"; readonly root?: string }) => {
  const { periods, root = ROOT } = options
  const folder = mkdtempSync(join(tmpdir(), "throughline-programs-"))
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries([BACKEND, EMULATOR, WS_GATEWAY].map((file) => [nameOf(file), file])),
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node22",
    outExtension: { ".js": ".mjs" },
    conditions: ["throughline-source"],
    // stores that an older release has not
    external: options.root === undefined ? [] : ["throughline/adapters/*/redis"],
    // what is CommonJS among the dependencies asks for Node's own modules
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    plugins: periods === "short" ? [shortPeriods] : [],
    logLevel: "error"
  })
  const program = (file: string) => join(folder, `${nameOf(file)}.mjs`)
  return {
    backend: program(BACKEND),
    emulator: program(EMULATOR),
    wsGateway: program(WS_GATEWAY),
    remove: () => rm(folder, { recursive: true, force: true })
  } satisfies Programs as Programs
}
const nameOf = (file: string) => file.split("/").at(-2)! + "-" + basename(file, ".ts")
