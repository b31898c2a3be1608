import { describe, expect, it } from "vitest"
import { openLibrary } from "../../../examples/librarian/library.ts"
import { searchPage, suggestQuestions } from "../../../examples/librarian/searching.ts"
import { folderOf, handbook } from "./folder.ts"

describe("the search call", () => {
  it("hands out every hit once, page by page", async () => {
    const library = await openLibrary(await folderOf(handbook(230)))
    const refs: string[] = []
    for (let from: number | undefined = 0; from !== undefined;) {
      const page = searchPage(library, "watering", { from, count: 50, every: true })
      expect(page.total).toBe(230)
      expect(JSON.stringify(page).length).toBeLessThan(32 * 1024)
      refs.push(...page.hits.map(({ ref }) => ref))
      from = page.next
    }
    expect(refs).toHaveLength(230)
    expect(new Set(refs).size).toBe(230)
  })
  it("takes each document's first section for a question without a subject", async () => {
    const library = await openLibrary(await folderOf(handbook(120)))
    expect(
      searchPage(library, "What is all this about?", { from: 0, count: 50, every: false }).hits.map(({ ref }) => ref)
    ).toEqual(["chapter-0000.md#care-of-plant0", "chapter-0001.md#care-of-plant50", "chapter-0002.md#care-of-plant100"])
  })
})
describe("suggested questions", () => {
  it("come from headings of different documents, and the documents answer them", async () => {
    const long = "Sentence that fills the section with words. ".repeat(10)
    const library = await openLibrary(
      await folderOf({
        "a.md": `# A\n\n## Watering roses\n\n${long}\n\n## Pruning\n\n${long}\n`,
        "b.md": `# B\n\n## Who feeds the cat?\n\n${long}\n`,
        "c.md": "# C\n\n## Too short\n\nx\n"
      })
    )
    const questions = suggestQuestions(library, 3)
    expect(questions).toEqual(["What about “Watering roses”?", "Who feeds the cat?", "What about “Pruning”?"])
    for (const question of questions) expect(library.search(question).length).toBeGreaterThan(0)
  })
  it("are none where there is nothing to ask about", async () => {
    expect(suggestQuestions(await openLibrary(await folderOf({})), 5)).toEqual([])
  })
})
