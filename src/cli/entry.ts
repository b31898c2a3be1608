/**
 * Files that run as processes of their own, found from here: sources in a clone, compiled ones in the package.
 */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js"

/** `path` is relative to this folder, without its extension. Throws a sentence for people when it is not there. */
export const entry = (path: string): string => {
  const file = fileURLToPath(new URL(`${path}${extension}`, import.meta.url))
  if (!existsSync(file)) throw new Error("The librarian is an example in Throughline's repository: clone that and run npm start there.")
  return file
}
