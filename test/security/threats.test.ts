import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { THREATS, threatTable } from "./threats.ts"

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

describe("the threats", () => {
  it("are all there", () => {
    expect(THREATS.map(({ id }) => id)).toEqual(Array.from({ length: 26 }, (_, n) => `T${n + 1}`))
  })

  it("name tests that exist", () => {
    const missing = THREATS.flatMap(({ id, tests }) =>
      tests
        .filter(([file, name]) => !existsSync(at(file)) || !readFileSync(at(file), "utf8").includes(name))
        .map(([file, name]) => `${id}: ${file} has no “${name}”`)
    )
    expect(missing).toEqual([])
  })

  it("are those of docs/security.md", () => {
    // Markdown tables may be laid out in columns
    const plain = (text: string) => text.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---")
    expect(plain(readFileSync(at("docs/security.md"), "utf8"))).toContain(plain(threatTable()))
  })
})
