/**
 * npm's `prepare`: builds the functions app's bundle after an install in a clone, so that `func … publish` finds it.
 *
 * Does nothing where the tools for it are not installed (`--omit=dev`, a consumer's node_modules).
 */
import { existsSync } from "node:fs"

const build = new URL("build-functions.mjs", import.meta.url)
const bundler = new URL("../node_modules/esbuild/package.json", import.meta.url)
if (existsSync(build) && existsSync(bundler)) await (await import(build.href)).buildFunctions()
