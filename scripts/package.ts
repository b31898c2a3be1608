/**
 * `npm run package`: builds and packs the package into a temporary folder as it would be published, and lets
 * `publint` and `attw` (are the types wrong?) judge the tarball. Leaves nothing behind and does not touch `dist`.
 */
import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root, run } from "./checks.ts"

const folder = await mkdtemp(join(tmpdir(), "throughline-package-"))
const stage = join(folder, "package")
let failed = false
const step = async (name: string, command: readonly [string, ...string[]]) => {
  if (failed) return
  const { code, output } = await run(command)
  failed = code !== 0
  if (failed) console.error(`${name} failed:\n${output}`)
}

try {
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    readonly files: readonly string[]
    readonly scripts: unknown
  }
  const parts = [...manifest.files.filter((name) => name !== "dist"), "README.md", "LICENSE"]
  await mkdir(stage)
  for (const part of parts)
    if (existsSync(join(root, part))) await cp(join(root, part), join(stage, part), { recursive: true })
  // Without scripts: `prepare` and `prepack` have been done here.
  const { scripts: _, ...published } = manifest
  await writeFile(join(stage, "package.json"), JSON.stringify(published, null, 2))

  await step("tsc", ["tsc", "-p", "tsconfig.build.json", "--outDir", join(stage, "dist")])
  await step("npm pack", ["npm", "pack", stage, "--pack-destination", folder, "--ignore-scripts", "--silent"])
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"))
  if (tarball) {
    await step("publint", ["publint", join(folder, tarball), "--strict"])
    await step("attw", ["attw", join(folder, tarball), "--profile", "esm-only"])
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0
