/**
 * The repository as the tests here see it: its files, and what each module imports.
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))
const skipped = new Set(["node_modules", "dist", ".git", "coverage", ".throughline", "__azurite__"])

/** Every file below the folder, relative to the root, with `/`. Generated and installed files are left out. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (skipped.has(entry.name)) return []
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : []
  })
export const read = (path: string): string => readFileSync(join(root, path), "utf8")

export interface Import {
  readonly from: string
  /** A path from the root for relative imports, else the specifier as written. */
  readonly to: string
  readonly relative: boolean
  readonly typeOnly: boolean
}
const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm
const CALL = /\bimport\("([^"]+)"\)/g

/** What a module imports and re-exports, type imports and dynamic ones included. */
export const importsOf = (path: string): Import[] => {
  const text = read(path).replace(/\/\*[\s\S]*?\*\//g, "")
  const found = [
    ...[...text.matchAll(STATEMENT)].map((match) => ({ specifier: match[2] ?? "", typeOnly: match[1] !== undefined })),
    ...[...text.matchAll(CALL)].map((match) => ({ specifier: match[1] ?? "", typeOnly: false }))
  ]
  return found.map(({ specifier, typeOnly }) => {
    const relative = specifier.startsWith(".")
    const to = relative ? posix.normalize(posix.join(dirname(path), specifier)) : specifier
    return { from: path, to, relative, typeOnly }
  })
}
export const isModule = (path: string): boolean => /\.(ts|tsx|mts|cts)$/.test(path) && !path.endsWith(".d.ts")
