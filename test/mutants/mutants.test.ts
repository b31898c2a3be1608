/** The list of mutants is sound, and a sample of it is killed; `npm run test:long` plants them all. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { mutants } from "./mutants.ts"
import { plant } from "./plant.ts"
import { root, runMutants } from "./runMutants.ts"

const read = (file: string) => readFileSync(join(root, file), "utf8")

describe("mutants", () => {
  it("are at least fifty, and each has a name of its own", () => {
    expect(mutants.length).toBeGreaterThanOrEqual(50)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })

  it("change one place of a file that exists", () => {
    for (const mutant of mutants) {
      const code = read(mutant.file)
      expect.soft(() => plant(mutant, code), mutant.name).not.toThrow()
      expect.soft(mutant.replace, mutant.name).not.toBe(mutant.find)
    }
  })

  it("break a rule or a section of PROTOCOL.md", () => {
    const protocol = read("src/protocol/PROTOCOL.md")
    const named = new Set(
      [...protocol.matchAll(/^(?:- \*\*([A-Z]+-\d+)\*\*|#+ (.+)$)/gm)].map((match) => match[1] ?? match[2])
    )
    expect(mutants.filter(({ rule }) => !named.has(rule))).toEqual([])
  })

  it("name tests that exist", () => {
    const files = new Set(mutants.flatMap(({ tests }) => tests))
    expect([...files].filter((file) => !file.endsWith(".test.ts") || !existsSync(join(root, file)))).toEqual([])
  })

  it("are killed: a sample", { timeout: 300_000 }, async () => {
    const sample = mutants.filter((_, at) => at % Math.ceil(mutants.length / 4) === 0)
    const fates = await runMutants(sample)
    expect(fates.filter(({ type }) => type !== "killed")).toEqual([])
  })
})
