/** A page's script, bundled when its server starts and kept in memory. */
import { build } from "esbuild"

/** Rejects when it cannot be bundled. */
export const bundle = async (entry: string): Promise<string> => {
  const built = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    platform: "browser",
    // From a clone the page is built from the sources themselves.
    conditions: ["throughline-source"],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "silent"
  })
  const output = built.outputFiles[0]
  if (output === undefined) throw new Error("The page could not be bundled.")
  return output.text
}
