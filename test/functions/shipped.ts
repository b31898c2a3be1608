/**
 * The functions app as `func azure functionapp publish` ships it: freshly bundled, and without what `.funcignore` names,
 * in an empty folder of its own that no node_modules is above.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, matchesGlob } from "node:path"
import { fileURLToPath } from "node:url"
import { buildFunctions } from "../../scripts/build-functions.mjs"

const source = fileURLToPath(new URL("../../functions", import.meta.url))

export interface Shipped {
  readonly folder: string
  /** Every file in it, with `/`, sorted. */
  readonly files: readonly string[]
  readonly bundles: Awaited<ReturnType<typeof buildFunctions>>
  readonly remove: () => void
}

/**
 * Whether a path below the folder is left out, by the rules of gitignore: the last line that fits decides, `!` takes
 * back, a slash before the end ties the line to the folder itself, one at the end means folders only.
 */
export const isIgnored = (lines: readonly string[], path: string, isFolder: boolean): boolean => {
  let ignored = false
  for (const raw of lines) {
    const line = raw.trim()
    if (line === "" || line.startsWith("#")) continue
    const back = line.startsWith("!")
    const pattern = back ? line.slice(1) : line
    const bare = pattern.replace(/\/$/, "")
    if (bare !== pattern && !isFolder) continue
    const fits = bare.includes("/") ? matchesGlob(path, bare.replace(/^\//, "")) : matchesGlob(basename(path), bare)
    if (fits) ignored = !back
  }
  return ignored
}

export const ship = async (): Promise<Shipped> => {
  const [built, folder] = ["throughline-built-", "throughline-app-"].map((name) =>
    mkdtempSync(join(tmpdir(), name))
  ) as [string, string]
  const bundles = await buildFunctions(built)
  const ignore = readFileSync(join(source, ".funcignore"), "utf8").split("\n")
  const files: string[] = []
  const copy = (from: string, below: string): void => {
    for (const entry of readdirSync(join(from, below), { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`
      // our own bundles, not those of an earlier build
      if (from === source && path === "dist") continue
      if (isIgnored(ignore, from === built ? `dist/${path}` : path, entry.isDirectory())) continue
      if (entry.isDirectory()) copy(from, path)
      else {
        const target = from === built ? `dist/${path}` : path
        cpSync(join(from, path), join(folder, target))
        files.push(target)
      }
    }
  }
  copy(source, "")
  if (!isIgnored(ignore, "dist", true)) copy(built, "")
  rmSync(built, { recursive: true })
  return { folder, files: files.sort(), bundles, remove: () => rmSync(folder, { recursive: true }) }
}
