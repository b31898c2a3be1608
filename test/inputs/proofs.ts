/** The names of the tests in a file, read from its text: what a table refers to must be there. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const read = new Map<string, readonly string[]>()
/** Names as they are written; of a test that is made for each of several values, the pattern. */
export const testsIn = (file: string): readonly string[] => {
  const known = read.get(file)
  if (known !== undefined) return known
  const text = readFileSync(join(root, file), "utf8")
  const calls = text.matchAll(
    /\b(?:it|test|describe)(?:\.\w+)*(?:<[^(]*>)?\(\s*(?:\[[^]*?\]\s*\)\(\s*)?(["'`])((?:\\.|(?!\1)[^])*)\1/g
  )
  const each = text.matchAll(/\)\(\s*(["'`])((?:\\.|(?!\1)[^])*)\1\s*,/g)
  const names = [...calls, ...each].map(([, , name]) => name!.replace(/\\(.)/g, "$1"))
  read.set(file, names)
  return names
}
