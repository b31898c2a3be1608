import { describe, expect, it } from "vitest"
import { questionTerms, questionWords, splitWords, toTerm } from "../../../examples/librarian/words.ts"

describe("words of a search", () => {
  it("brings the forms of an English word together", () => {
    for (const forms of [
      ["gap", "gaps", "Gaps"],
      ["repair", "repairs", "repaired", "repairing"],
      ["merge", "merges", "merged", "merging"],
      ["stop", "stops", "stopped", "stopping"],
      ["entry", "entries"],
      ["call", "calls", "called", "calling"]
    ]) {
      expect(new Set(forms.map(toTerm)), forms.join(" ")).toHaveLength(1)
    }
  })
  it("keeps apart what only looks alike", () => {
    expect(toTerm("status")).not.toBe(toTerm("stat"))
    expect(toTerm("bus")).toBe("bus")
    expect(toTerm("class")).toBe("class")
    expect(toTerm("bring")).not.toBe(toTerm("br"))
  })
  it("compares without accents and case", () => {
    expect(toTerm("Lücke")).toBe(toTerm("lucke"))
    expect(toTerm("ÉTÉ")).toBe("ete")
  })
  it("splits code and punctuation, and scripts without spaces", () => {
    expect(splitWords("`run.text(delta)`, e.g. log_id")).toEqual(["run", "text", "delta", "e", "g", "log", "id"])
    expect(splitWords("ログを読む").length).toBeGreaterThan(1)
  })
  it("leaves out the words of asking", () => {
    expect(questionTerms("How are gaps repaired?")).toEqual([toTerm("gap"), toTerm("repair")])
    expect(questionWords("What does the log say about Gaps, gaps?")).toEqual(["log", "Gaps"])
  })
  it("finds nothing to look for where a question names no subject", () => {
    expect(questionTerms("Summarise everything")).toEqual([])
    expect(questionTerms("?!")).toEqual([])
  })
})
