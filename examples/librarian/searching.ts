/**
 * The librarian's search call: hits as small JSON values in pages, the reason for them in a sentence, and what to
 * say when there are none. Everything said here is computed from the search, nothing is made up.
 */
import type { Hit, Library } from "./library.ts"
import type { Section } from "./sections.ts"
import { questionTerms, questionWords } from "./words.ts"

/** A section that fits, as the search call shows it. */
export type SearchHit = {
  readonly ref: string
  readonly path: string
  readonly title: string
  readonly trail: readonly string[]
  readonly lines: readonly [from: number, to: number]
  readonly score: number
  /** Terms of the question that it has. */
  readonly terms: readonly string[]
  readonly inTitle: boolean
}
export type SearchPage = {
  /** What was looked for, as typed; empty when the question has no word that says what about. */
  readonly words: readonly string[]
  /** Sections that fit, on this page or another. */
  readonly total: number
  readonly hits: readonly SearchHit[]
  /** `from` of the next page. */
  readonly next?: number
}

/** Hits worth less than this share of the best one are left out, unless every one is wanted. */
const WORTH = 0.15
/** A page is recorded as a note, which holds 32 KiB. */
const MAX_PAGE_CHARS = 10_000

/**
 * One page of hits. A question without any word to look for ("Summarise everything") gets the sections in reading
 * order: each document's first one, or all of them if `every`.
 */
export const searchPage = (
  library: Library,
  question: string,
  options: { readonly from: number; readonly count: number; readonly every: boolean }
): SearchPage => {
  const words = questionWords(question)
  const all =
    words.length === 0 ? overview(library, options.every) : worthwhile(library.search(question), options.every)
  const hits: SearchHit[] = []
  let chars = 0
  for (const hit of all.slice(options.from, options.from + options.count)) {
    const shown = show(hit)
    chars += JSON.stringify(shown).length
    if (hits.length > 0 && chars > MAX_PAGE_CHARS) break
    hits.push(shown)
  }
  const next = options.from + hits.length
  return { words, total: all.length, hits, ...(next < all.length ? { next } : {}) }
}

const worthwhile = (hits: readonly Hit[], every: boolean): readonly Hit[] => {
  const top = hits[0]?.score ?? 0
  return every ? hits : hits.filter((hit) => hit.score >= top * WORTH)
}
const overview = (library: Library, every: boolean): readonly Hit[] => {
  const sections: readonly Section[] = library.sections()
  const first = new Set<string>()
  return sections
    .filter(({ path }) => every || (!first.has(path) && first.add(path)))
    .map((section) => ({ section, score: 0, terms: [], inTitle: false }))
}
const show = ({ section, score, terms, inTitle }: Hit): SearchHit => ({
  ref: section.ref,
  path: section.path,
  title: section.title,
  trail: section.trail,
  lines: [section.startLine, section.endLine],
  score: Math.round(score * 10) / 10,
  terms,
  inTitle
})

/** Why these sections are read, in a sentence or two. */
export const whyThese = (page: SearchPage, sections: number, limit: number): string => {
  const best = page.hits[0]
  if (best === undefined) return ""
  if (page.words.length === 0) {
    return `The question names no subject, so I go through the documents in order: ${page.total} of ${sections} sections${page.total > limit ? `, the first ${limit} now` : ""}.`
  }
  const sought = listOf(
    page.words.map((word) => `“${word}”`),
    "and"
  )
  const counted = `${page.total} of ${sections} sections ${page.total === 1 ? "fits" : "fit"} ${sought}${page.total > limit ? `; I read the best ${limit}` : ""}.`
  const has =
    best.terms.length === page.words.length && page.words.length > 1
      ? "has all of these words"
      : `has ${best.terms.length} of ${page.words.length === 1 ? "1 word" : `${page.words.length} words`}`
  const others = page.hits[1] === undefined ? "" : ` and scores ${best.score}, the next one ${page.hits[1].score}`
  return `${counted} “${best.title}” in ${best.path} comes first: it ${has}${best.inTitle ? `, one of them in its heading${others === "" ? "" : ","}` : ""}${others}.`
}

/** What to say when nothing fits: what was looked for, where, and what there is instead. */
export const noHits = (library: Library, question: string): string => {
  const words = questionWords(question)
  const documents = library.documents()
  const where = documents === 1 ? "the one document" : `any of the ${documents} documents`
  const sought =
    words.length === 0
      ? "I found no word to look for in that."
      : `I looked for ${listOf(
          words.slice(0, 8).map((word) => `“${word}”`),
          "and"
        )} and found no section in ${where} that has ${words.length === 1 ? "it" : "any of them"}.`
  const titles = [
    ...new Map(library.sections().map((section) => [section.path, section.trail[0] ?? section.title])).values()
  ].slice(0, 6)
  return `${sought} The documents may use other words, or another language. They are called: ${listOf(
    titles.map((title) => `“${title}”`),
    "and"
  )}${documents > titles.length ? ", and others" : ""}.`
}

const listOf = (items: readonly string[], word: string): string =>
  items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")} ${word} ${items.at(-1)}`

/** Questions that the documents answer, made from their headings: at most one a document, best-filled sections first. */
export const suggestQuestions = (library: Library, count: number): string[] => {
  const byDocument = new Map<string, Section[]>()
  for (const section of library.sections()) {
    const title = section.title
    const words = title.split(/\s+/).length
    const isTopic =
      section.trail.length >= 1 &&
      section.trail.length <= 2 &&
      words <= 7 &&
      questionTerms(title).length > 0 &&
      !/^[\d.]+$|[`{}=<>/]|\(part \d+\)$/.test(title)
    if (isTopic && section.endByte - section.startByte > 120)
      byDocument.set(section.path, [...(byDocument.get(section.path) ?? []), section])
  }
  const suggestions: string[] = []
  const topics = [...byDocument.values()].map((list) =>
    list.sort((a, b) => b.endByte - b.startByte - (a.endByte - a.startByte))
  )
  for (let round = 0; suggestions.length < count && topics.some((list) => list.length > round); round += 1) {
    for (const list of topics) {
      const section = list[round]
      if (section === undefined || suggestions.length >= count) continue
      const topic = section.title.replace(/^[\d.]+\s+/, "").replace(/\s*[:(].*$/, "")
      const question = topic.endsWith("?") ? topic : `What about “${topic}”?`
      if (topic !== "" && !suggestions.includes(question)) suggestions.push(question)
    }
  }
  return suggestions
}
