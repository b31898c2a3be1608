/**
 * An older release of this project, taken from its history, with the programs of these tests put beside it.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, symlinkSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ROOT } from "./process.ts"
import { bundle, type Programs } from "./programs.ts"

/** What runs in it must be able to run in the old release: only public entry points. */
const OURS = ["backend.ts", "agents.ts", "settings.ts"]

/** Throws with what to do where the history is not there. */
export const bundleRelease = async (commit: string, periods: "real" | "short"): Promise<Programs> => {
  const root = mkdtempSync(join(tmpdir(), "throughline-release-"))
  try {
    const archive = execFileSync("git", ["archive", commit], {
      cwd: ROOT,
      maxBuffer: 2 ** 28,
      stdio: ["ignore", "pipe", "pipe"]
    })
    execFileSync("tar", ["-x", "-C", root], { input: archive })
    symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"))
    mkdirSync(join(root, "test/processes"), { recursive: true })
    for (const file of OURS) cpSync(join(ROOT, "test/processes", file), join(root, "test/processes", file))
    return await bundle({ periods, root })
  } catch (cause) {
    throw new Error(
      `the release ${commit} cannot be built. A shallow clone lacks it: run \`git fetch --unshallow\`. ${String(cause)}`,
      { cause }
    )
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
