/**
 * `npm run size`: what the client costs a page, in bytes after bundling, minifying and gzip.
 *
 * Measured is what every page loads that imports `openThread` (and a gateway's client half). What is loaded later, by the
 * first `events()` or `older()`, is listed, not counted; no other chunk is left out. React is the page's own and stays outside. A part
 * whose source is missing fails like one that is too large.
 */
import { gzipSync } from "node:zlib"
import { build } from "esbuild"
import { root } from "./checks.ts"

interface ClientSize {
  readonly name: string
  readonly bytes: number
  readonly limitBytes: number
  /** Loaded by the first `events()` and the first `older()`. */
  readonly laterBytes: number
}
const CLIENT = 'export { openThread } from "./src/client/index.ts"'
const AZURE = 'export { azureWebPubSubClient } from "./adapters/gateways/azure-web-pubsub/client.ts"'
const bundles = [
  { name: "client without a gateway", limitBytes: 10_000, contents: CLIENT },
  { name: "client with Azure Web PubSub", limitBytes: 25_000, contents: `${CLIENT}\n${AZURE}` }
]

const bundle = (contents: string, splitting: boolean) =>
  build({
    stdin: { contents, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    splitting,
    outdir: "out",
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

/** Bundles all of the modules into one file for a browser; the code and the files that went into it. */
export const bundleForBrowser = async (entries: readonly string[]) => {
  const result = await bundle(entries.map((entry) => `export * from "./${entry}"`).join("\n"), false)
  return { code: result.outputFiles[0]?.contents ?? new Uint8Array(), inputs: Object.keys(result.metafile.inputs) }
}

export const measureClient = async (): Promise<readonly ClientSize[]> =>
  Promise.all(
    bundles.map(async ({ name, limitBytes, contents }) => {
      const { metafile, outputFiles } = await bundle(contents, true)
      const isLater = ({ path }: { readonly path: string }) => /[/\\](events|older)-\w+\.js$/.test(path)
      const bytesOf = (files: readonly { readonly contents: Uint8Array }[]) =>
        files.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).byteLength, 0)
      const later = outputFiles.filter(isLater)
      // Only what a page loads on demand may be left out: nothing may import it but with `import()`.
      const isStatic = Object.values(metafile.outputs).some(({ imports }) =>
        imports.some(({ kind, path }) => kind === "import-statement" && isLater({ path }))
      )
      const now = isStatic ? outputFiles : outputFiles.filter((file) => !isLater(file))
      return { name, limitBytes, bytes: bytesOf(now), laterBytes: isStatic ? 0 : bytesOf(later) }
    })
  )

if (import.meta.main) {
  for (const { name, bytes, laterBytes, limitBytes } of await measureClient()) {
    const fits = bytes <= limitBytes
    console.log(
      `${fits ? "ok    " : "FAILED"} ${name}: ${bytes} of ${limitBytes} bytes, minified and gzipped (later, for events() and older(): ${laterBytes})`
    )
    if (!fits) process.exitCode = 1
  }
}
