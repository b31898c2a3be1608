/**
 * `npm run size`: what the client costs a page, in bytes after bundling, minifying and gzip.
 *
 * React is the page's own and stays outside. A part whose source is missing fails like one that is too large.
 */
import { gzipSync } from "node:zlib"
import { build } from "esbuild"
import { root } from "./checks.ts"

interface ClientSize {
  readonly name: string
  readonly bytes: number
  readonly limitBytes: number
}
const bundles = [
  { name: "client without a gateway", limitBytes: 10_000, entries: ["src/client/index.ts"] },
  {
    name: "client with Azure Web PubSub",
    limitBytes: 25_000,
    entries: ["src/client/index.ts", "adapters/gateways/azure-web-pubsub/client.ts"]
  }
]

/** Bundles the modules for a browser as one page would load them; the code and the files that went into it. */
export const bundleForBrowser = async (entries: readonly string[]) => {
  const result = await build({
    stdin: { contents: entries.map((entry) => `export * from "./${entry}"`).join("\n"), resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    logLevel: "silent",
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["throughline-source"],
    external: ["react", "react-dom"]
  })
  return { code: result.outputFiles[0]?.contents ?? new Uint8Array(), inputs: Object.keys(result.metafile.inputs) }
}

export const measureClient = async (): Promise<readonly ClientSize[]> =>
  Promise.all(
    bundles.map(async ({ name, limitBytes, entries }) => {
      const { code } = await bundleForBrowser(entries)
      return { name, limitBytes, bytes: gzipSync(code, { level: 9 }).byteLength }
    })
  )

if (import.meta.main) {
  for (const { name, bytes, limitBytes } of await measureClient()) {
    const fits = bytes <= limitBytes
    console.log(`${fits ? "ok    " : "FAILED"} ${name}: ${bytes} of ${limitBytes} bytes, minified and gzipped`)
    if (!fits) process.exitCode = 1
  }
}
