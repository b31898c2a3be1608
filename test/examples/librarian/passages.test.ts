import { describe, expect, it } from "vitest"
import { bestPassages } from "../../../examples/librarian/passages.ts"
import { questionTerms } from "../../../examples/librarian/words.ts"

const pick = (section: string, question: string) =>
  bestPassages(section, questionTerms(question)).map(({ text }) => text)

describe("passages", () => {
  it("are the paragraphs that have the question's words, as they stand there", () => {
    const section =
      "# Order\n\nFrames may come late.\n\nA gap is repaired with *one* bounded request to `/entries`.\n\nNothing else matters.\n"
    expect(pick(section, "How are gaps repaired?")).toEqual([
      "A gap is repaired with *one* bounded request to `/entries`."
    ])
  })
  it("are whole sentences of a long paragraph, never torn inside code or a link", () => {
    const filler = "This sentence fills the paragraph with words that nobody asks for. "
    const wanted = "The knock, called as `log.knock( id. )`, makes [everyone. else](https://example.org/a.b) wait."
    const passages = pick(`${filler.repeat(12)}${wanted} ${filler.repeat(12)}`, "Who calls knock?")
    expect(passages).toHaveLength(1)
    expect(passages[0]).toContain(wanted)
    expect(passages[0]?.length).toBeLessThan(700)
  })
  it("give rows of a table with the names of their columns", () => {
    const table =
      "| Code | Meaning | Retry |\n| --- | --- | --- |\n| `A1` | broken pipe | no |\n| `B2` | disk full | later |\n"
    expect(pick(table, "What does disk full mean?")).toEqual(["- **`B2`** *Meaning:* disk full · *Retry:* later"])
  })
  it("do not let column names stand for what a row says", () => {
    expect(bestPassages("| Code | Meaning |\n| --- | --- |\n| x | y |\n", questionTerms("meaning"))).toMatchObject([
      { terms: [] }
    ])
  })
  it("quote single items of a long list", () => {
    const items = Array.from(
      { length: 30 },
      (_, n) => `- Item ${n} ${n === 17 ? "mentions walruses" : "does not"}`
    ).join("\n")
    expect(pick(items, "walrus")).toEqual(["- Item 17 mentions walruses"])
  })
  it("come in the order of the section", () => {
    const passages = pick("Zebra first.\n\nOther.\n\nA zebra and its stripes, stripes, stripes.\n", "zebra stripes")
    expect(passages.at(-1)).toContain("stripes")
  })
  it("begin at the beginning when the section fits by its heading alone", () => {
    expect(pick("# Gaps\n\nFirst words.\n\nSecond words.\n", "gaps")).toEqual(["First words.", "Second words."])
  })
  it("are none where there is nothing to quote", () => {
    expect(pick("# Only a heading\n\n---\n", "heading")).toEqual([])
    expect(pick("", "anything")).toEqual([])
  })
  it("cost little however large a block is", () => {
    const began = performance.now()
    pick(`needle ${"hay ".repeat(500_000)}`, "needle")
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})
