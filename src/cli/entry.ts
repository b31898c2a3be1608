/**
 * Files that run as processes of their own, found from here: sources in a clone, compiled ones in the package.
 */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js"

/**
 * Settings of every process of the stack. Compiled code is kept from one start to the next, beside the packages it
 * was compiled from: nobody else can write there.
 */
export const environment = (): NodeJS.ProcessEnv => ({
  NODE_COMPILE_CACHE: fileURLToPath(
    new URL("node_modules/.cache/throughline", import.meta.resolve("throughline/package.json"))
  ),
  ...process.env
})

/** `path` is relative to this folder, without its extension. Throws a sentence for people when it is not there. */
export const entry = (path: string): string => {
  const file = fileURLToPath(new URL(`${path}${extension}`, import.meta.url))
  if (!existsSync(file))
    throw new Error("The librarian is an example in Throughline's repository: clone that and run npm start there.")
  return file
}
