/** A folder of documents for one test, gone with it. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { onTestFinished } from "vitest"

/** `files`: contents by path. Deleted when the test is over. */
export const folderOf = async (files: Readonly<Record<string, string | Uint8Array>>): Promise<string> => {
  const root = await writeFolder(files)
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  return root
}

/** The same for whoever deletes it himself. */
export const writeFolder = async (files: Readonly<Record<string, string | Uint8Array>>): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), "librarian-"))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  return root
}

/** A handbook with this many sections, each about its own subject and about watering. */
export const handbook = (sections: number): Record<string, string> => {
  const files: Record<string, string> = {}
  for (let chapter = 0; chapter * 50 < sections; chapter += 1) {
    const count = Math.min(50, sections - chapter * 50)
    const parts = Array.from({ length: count }, (_, n) => {
      const plant = `plant${chapter * 50 + n}`
      return `## Care of ${plant}\n\nWatering ${plant} is done in the morning, with water that stood for a day.\n\nIn winter ${plant} rests and wants none.\n`
    })
    files[`chapter-${String(chapter).padStart(4, "0")}.md`] = `# Chapter ${chapter}\n\n${parts.join("\n")}`
  }
  return files
}
