/**
 * What changes from one text to another, line by line, with unchanged stretches folded. Pure.
 */
export type DiffLine =
  | { readonly type: "same" | "added" | "removed"; readonly text: string }
  /** Unchanged lines that are not shown. */
  | { readonly type: "folded"; readonly lines: number }

/** Unchanged lines shown around a change. */
const AROUND = 2

/** `before` is `null` where there is nothing yet. The longest common lines stay; of a change, what goes comes first. */
export const diffOf = (before: string | null, after: string): DiffLine[] => {
  const [old, now] = [linesOf(before ?? ""), linesOf(after)]
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1
  let end = 0
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end += 1
  return fold([
    ...now.slice(0, start).map(same),
    ...between(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...now.slice(now.length - end).map(same)
  ])
}

type Line = Exclude<DiffLine, { readonly type: "folded" }>
const same = (text: string): Line => ({ type: "same", text })
/** A text's last line break ends its last line, and begins no other. */
const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"))

const between = (old: readonly string[], now: readonly string[]): Line[] => {
  /** Length of the longest common lines of what follows `old[i]` and `now[j]`, at `i * width + j`. */
  const width = now.length + 1
  const common = new Uint32Array((old.length + 1) * width)
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const [down = 0, right = 0, across = 0] = [
        common[(i + 1) * width + j],
        common[i * width + j + 1],
        common[(i + 1) * width + j + 1]
      ]
      common[i * width + j] = old[i] === now[j] ? across + 1 : Math.max(down, right)
    }
  }
  const lines: Line[] = []
  for (let i = 0, j = 0; i < old.length || j < now.length;) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push(same(now[j] ?? ""))
      i += 1
      j += 1
    } else if (
      i < old.length &&
      (j === now.length || (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    ) {
      lines.push({ type: "removed", text: old[i] ?? "" })
      i += 1
    } else {
      lines.push({ type: "added", text: now[j] ?? "" })
      j += 1
    }
  }
  return lines
}

const fold = (lines: readonly Line[]): DiffLine[] => {
  const near = lines.map((_, at) =>
    lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(({ type }) => type !== "same")
  )
  const folded: DiffLine[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at]
    if (line === undefined) continue
    const last = folded.at(-1)
    if (near[at] === true) folded.push(line)
    else if (last?.type === "folded") folded[folded.length - 1] = { type: "folded", lines: last.lines + 1 }
    else folded.push({ type: "folded", lines: 1 })
  }
  return folded
}
