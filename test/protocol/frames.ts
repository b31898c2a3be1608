/** The golden frames: the exact text of a frame for every event type, one file each. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const folder = join(import.meta.dirname, "../fixtures/frames")
/** By file name without `.json`, in the order of their offsets. */
export const goldenFrames: readonly (readonly [name: string, text: string])[] = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => [file.slice(0, -5), readFileSync(join(folder, file), "utf8").trimEnd()] as const)
