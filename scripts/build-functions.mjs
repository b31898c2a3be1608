/**
 * Bundles the functions app into `functions/dist`: `app.cjs`, small, which the host loads at a cold start, and
 * `backend.cjs`, which the first call loads. Both run without node_modules.
 *
 * `@azure/functions-core` stays outside: the host provides it. CommonJS, because an ES module bundle of the Azure
 * SDKs fails on a dynamic require.
 */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const absWorkingDir = fileURLToPath(new URL("../functions", import.meta.url))
const loadBackendLater = {
  name: "load-backend-later",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/backend\.ts$/ }, () => ({ path: "./backend.cjs", external: true }))
}
const bundle = (name, plugins) =>
  build({
    absWorkingDir,
    entryPoints: [`${name}.ts`],
    outfile: `dist/${name}.cjs`,
    tsconfig: "tsconfig.json",
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    external: ["@azure/functions-core"],
    // a dependency asks where it lies, which CommonJS says another way
    define: { "import.meta.url": "__bundleUrl" },
    banner: { js: 'const __bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
    logLevel: "warning",
    plugins
  })
await Promise.all([bundle("app", [loadBackendLater]), bundle("backend", [])])
