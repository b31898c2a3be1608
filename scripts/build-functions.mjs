/**
 * Bundles the functions app: `app.cjs`, small, which the host loads at a cold start, `backend.cjs`, which the first call
 * loads, `blobs.cjs` and `identity.cjs`, which the first blob and the first token of a managed identity load. All run without
 * node_modules. Plain JavaScript: npm's `prepare` runs it on the host's Node.
 *
 *     node scripts/build-functions.mjs        into functions/dist
 *
 * `@azure/functions-core` stays outside: the host provides it. CommonJS, because an ES module bundle of the Azure
 * SDKs fails on a dynamic require.
 */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const absWorkingDir = fileURLToPath(new URL("../functions", import.meta.url))
/** What is imported late lies in a bundle of its own: parsing it costs the calls that do not need it nothing. */
const LATE = {
  "./backend.ts": "./backend.cjs",
  "./identity.ts": "./identity.cjs",
  "@azure/storage-blob": "./blobs.cjs"
}
const loadLater = {
  name: "load-later",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/(backend|identity)\.ts$|^@azure\/storage-blob$/ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path: LATE[path], external: true } : undefined
    )
}
const bundle = async (outdir, name) => {
  const { metafile } = await build({
    absWorkingDir,
    entryPoints: [`${name}.ts`],
    outfile: `${outdir}/${name}.cjs`,
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
    metafile: true,
    plugins: [loadLater]
  })
  const { imports, inputs } = Object.values(metafile.outputs)[0]
  return { inputs: Object.keys(inputs), outside: imports.filter(({ external }) => external).map(({ path }) => path) }
}

/**
 * Answers, for each of the bundles, the files it was made of, relative to the functions folder, and the modules
 * that it loads from outside. `outdir` is relative to the functions folder as well.
 */
export const buildFunctions = async (outdir = "dist") => {
  const names = ["app", "backend", "blobs", "identity"]
  const [app, backend, blobs, identity] = await Promise.all(names.map((name) => bundle(outdir, name)))
  return { app, backend, blobs, identity }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildFunctions()
