/**
 * Picks from a section the passages that answer a question best, word for word as they stand there.
 *
 * A passage is a paragraph, a list item, a row of a table with its column names, a piece of code, or the best
 * sentences of a long paragraph. What it is worth: the question's terms in it, the rare ones more, spread over its
 * length. Nothing is invented, shortened within a sentence, or put in another order.
 */
import type { Token, Tokens } from "marked"
import { blocks } from "./sections.ts"
import { splitWords, toTerm } from "./words.ts"

export interface Passage {
  /** Markdown, quoted. */
  readonly text: string
  /** Terms of the question in it. */
  readonly terms: readonly string[]
  readonly score: number
}
export interface PassageOptions {
  /** Most passages of one section. Default 3. */
  readonly limit?: number
  /** About the most characters of all of them. Default 900. */
  readonly maxChars?: number
}

/** Longer paragraphs are quoted in sentences. */
const LONG_PARAGRAPH = 480
const MAX_CODE_LINES = 16
/** Longer blocks are cut at a space before they are looked at, so that one giant line costs little. */
const MAX_BLOCK = 16 * 1024
const sentences = new Intl.Segmenter(undefined, { granularity: "sentence" })

interface Candidate {
  readonly text: string
  /** What it is judged by, where that is not all of it. */
  readonly judged?: string
  readonly place: number
  /** Code and tables are poor answers alone; they are shown when they fit very well. */
  readonly weight: number
}

/**
 * In the order of the section. With `terms` empty, or none of them found, what the section begins with.
 */
export const bestPassages = (section: string, terms: readonly string[], options: PassageOptions = {}): Passage[] => {
  const { limit = 3, maxChars = 900 } = options
  const candidates = candidatesOf(section)
  const found = candidates.map((candidate) => ({ ...candidate, words: termsOf(candidate.judged ?? candidate.text) }))
  const rarity = new Map(
    terms.map((term) => {
      const having = found.filter(({ words }) => words.some((word) => fits(word, term))).length
      return [term, Math.log(1 + found.length / (1 + having)) + 0.5]
    })
  )
  const scored = found.map((candidate) => {
    let score = 0
    const has: string[] = []
    for (const [term, worth] of rarity) {
      const times = candidate.words.filter((word) => fits(word, term)).length
      if (times === 0) continue
      has.push(term)
      score += worth * (1 + Math.log(times))
    }
    // Several terms together are worth more than one often; very short passages say little.
    const spread = has.length === 0 ? 0 : (score * has.length) / (1 + Math.log(1 + candidate.words.length / 24))
    return { ...candidate, has, score: spread * candidate.weight * (candidate.words.length < 5 ? 0.5 : 1) }
  })
  const best = scored.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score || a.place - b.place)
  if (best.length === 0) return opening(candidates, limit)
  const top = best[0]?.score ?? 0
  const chosen: typeof best = []
  let chars = 0
  for (const candidate of best) {
    if (chosen.length === limit || candidate.score < top * 0.45) break
    if (chosen.length > 0 && chars + candidate.text.length > maxChars) continue
    chosen.push(candidate)
    chars += candidate.text.length
  }
  return chosen
    .sort((a, b) => a.place - b.place)
    .map(({ text, has, score }) => ({ text, terms: has, score: Math.round(score * 100) / 100 }))
}

/** A section that fits by its heading alone is quoted from its beginning. */
const opening = (candidates: readonly Candidate[], limit: number): Passage[] => {
  const first: Passage[] = []
  let chars = 0
  for (const { text } of candidates.slice(0, limit)) {
    if (first.length > 0 && chars + text.length > LONG_PARAGRAPH) break
    first.push({ text, terms: [], score: 0 })
    chars += text.length
  }
  return first
}

const termsOf = (text: string): string[] => splitWords(text).flatMap((word) => toTerm(word) ?? [])
/** The same word, or a longer one that begins with it ("recover", "recovery"). */
const fits = (word: string, term: string): boolean => word === term || (term.length > 3 && word.startsWith(term))

const candidatesOf = (section: string): Candidate[] => {
  const out: Candidate[] = []
  const add: Add = (text, weight, judged) => {
    const trimmed = text.replace(/^\n+|\s+$/g, "")
    if (/[\p{L}\p{N}]/u.test(trimmed))
      out.push({ text: trimmed, place: out.length, weight, ...(judged === undefined ? {} : { judged }) })
  }
  for (const token of blocks(section)) visit(token, add)
  return out
}

type Add = (text: string, weight: number, judged?: string) => void

const visit = (token: Token, add: Add): void => {
  switch (token.type) {
    case "paragraph":
    case "text":
      for (const piece of cut(token.raw)) for (const passage of paragraphs(piece)) add(passage, 1)
      return
    case "blockquote":
      for (const inner of (token as Tokens.Blockquote).tokens) visit(inner, add)
      return
    case "list": {
      const list = token as Tokens.List
      const tight = list.raw.length <= LONG_PARAGRAPH
      if (tight) add(list.raw, 1)
      else for (const item of list.items) for (const piece of cut(item.raw)) add(piece, 1)
      return
    }
    case "table": {
      // A row is read by itself: each cell with the name of its column, the first one as the row's own name.
      const table = token as Tokens.Table
      const names = table.header.map((cell) => cell.text)
      for (const row of table.rows) {
        const [first, ...rest] = row.map((cell, column) => ({ name: names[column] ?? "", text: cell.text.trim() }))
        const cells = rest.filter(({ text }) => text !== "")
        const lead = first === undefined || first.text === "" ? "" : `**${first.text.replace(/\*\*/g, "")}** `
        add(
          `- ${lead}${cells.map(({ name, text }) => (name === "" || cells.length === 1 ? text : `*${name}:* ${text}`)).join(" · ")}`,
          0.9,
          row.map((cell) => cell.text).join(" ")
        )
      }
      return
    }
    case "code": {
      const lines = token.raw.trimEnd().split("\n")
      if (lines.length <= MAX_CODE_LINES && token.raw.length <= 1200) add(token.raw, 0.5)
      return
    }
    default:
      // Headings, rules, link definitions and raw HTML are not quoted.
      return
  }
}

const cut = (text: string): string[] => {
  const pieces: string[] = []
  let rest = text
  while (rest.length > MAX_BLOCK) {
    const space = rest.lastIndexOf(" ", MAX_BLOCK)
    const at = space > 0 ? space : MAX_BLOCK
    pieces.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  return [...pieces, rest]
}

/** A long paragraph as runs of whole sentences; code spans and links are never torn apart. */
const paragraphs = (paragraph: string): string[] => {
  if (paragraph.length <= LONG_PARAGRAPH) return [paragraph]
  const whole: string[] = []
  let open = ""
  for (const { segment } of sentences.segment(paragraph)) {
    open += segment
    const balanced = count(open, "`") % 2 === 0 && count(open, "**") % 2 === 0 && count(open, "[") === count(open, "]")
    if (balanced || open.length > LONG_PARAGRAPH * 3) {
      whole.push(open)
      open = ""
    }
  }
  if (open !== "") whole.push(open)
  const runs: string[] = []
  for (const sentence of whole) {
    const last = runs.at(-1)
    if (last !== undefined && last.length + sentence.length <= LONG_PARAGRAPH) runs[runs.length - 1] = last + sentence
    else runs.push(sentence)
  }
  return runs
}
const count = (text: string, part: string): number => text.split(part).length - 1
