import { describe, expect, it } from "vitest"
import { diffOf } from "../../../examples/librarian/page/diff.ts"
import type { DiffLine } from "../../../examples/librarian/page/diff.ts"

const signs = { added: "+", removed: "-", same: " " }
const shown = (before: string | null, after: string): string[] =>
  diffOf(before, after).map((line) => (line.type === "folded" ? `…${line.lines}` : `${signs[line.type]}${line.text}`))

/** What the lines make of either side. */
const sideOf = (lines: readonly DiffLine[], left: "added" | "removed"): string[] =>
  lines.flatMap((line) => (line.type === "folded" || line.type === left ? [] : [line.text]))

describe("a diff", () => {
  it.each<[string | null, string, string[]]>([
    [null, "a\nb\n", ["+a", "+b"]],
    ["a\nb\n", "a\nc\n", [" a", "-b", "+c"]],
    ["a\n", "a\n", ["…1"]],
    ["1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n5\n6\n8\n", ["…4", " 5", " 6", "-7", "+8"]],
    ["a\nb\nc\n", "b\nc\nd\n", ["-a", " b", " c", "+d"]],
    ["a\n\n", "a\n", [" a", "-"]],
    ["", "a", ["+a"]]
  ])("of %j and %j", (before, after, lines) => expect(shown(before, after)).toEqual(lines))

  it("of any two texts shows each of them whole", () => {
    let seed = 7
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
    const text = (): string[] => Array.from({ length: random(7) }, () => "abc"[random(3)] ?? "")
    for (let n = 0; n < 2_000; n += 1) {
      const [before, after] = [text(), text()]
      const lines = diffOf(before.join("\n"), after.join("\n"))
      if (lines.some(({ type }) => type === "folded")) continue
      expect(sideOf(lines, "added")).toEqual(before)
      expect(sideOf(lines, "removed")).toEqual(after)
    }
  })
})
