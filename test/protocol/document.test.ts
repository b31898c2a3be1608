import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { EVENTS } from "../../src/protocol/shapes.ts"

const root = join(import.meta.dirname, "../..")
const document = readFileSync(join(root, "src/protocol/PROTOCOL.md"), "utf8")
/** As the Markdown viewers that people use make them: lower case, spaces to hyphens, the rest dropped. */
const anchors = new Set(
  [...document.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(" ", "-")
      .replace(/[^\w-]/g, "")
  )
)

describe("PROTOCOL.md", () => {
  it("has every anchor that code cites", () => {
    const files = globSync(["src/**/*.{ts,tsx}", "adapters/**/*.ts"], { cwd: root })
    expect(files.length).toBeGreaterThan(20)
    for (const file of files) {
      for (const [, anchor] of readFileSync(join(root, file), "utf8").matchAll(/PROTOCOL\.md#([\w-]+)/g)) {
        expect(anchors, `${file} cites #${anchor}`).toContain(anchor)
      }
    }
  })

  it("names every event with its fields as the table has them", () => {
    for (const [type, line] of Object.entries(EVENTS)) {
      const section = document.split(`### ${type}\n`)[1]?.split("\n### ")[0]
      expect(section, type).toBeDefined()
      const fields = [...line.matchAll(/(\w+\??):/g)].map(([, name]) => name!).filter((name) => !name.startsWith("run"))
      const listed = /^- (.+)$/m
        .exec(section!)?.[1]
        ?.split("; ")
        .map((field) => field.split(":")[0])
      expect(listed, type).toEqual(fields.length === 0 ? undefined : fields)
    }
  })

  it("gives each rule a name of its own", () => {
    const rules = [...document.matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm)].map(([, rule]) => rule)
    expect(rules.length).toBeGreaterThan(50)
    expect(new Set(rules).size).toBe(rules.length)
  })
})
