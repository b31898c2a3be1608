/**
 * Words as the search compares them: split, folded and stemmed the same way in documents and in questions.
 *
 * Any script works: text is split at everything that is neither letter, digit nor mark; Chinese, Japanese, Korean
 * and Thai, which do not put spaces between words, go through `Intl.Segmenter`. The stemmer is a light one
 * (plural, -ed, -ing): enough for "gaps" to find "gap", too little to confuse words.
 */

/** Scripts written without spaces. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u
const separators = /[^\p{L}\p{N}\p{M}]+/u
const segmenter = new Intl.Segmenter(undefined, { granularity: "word" })

/** The words of a text as they stand there, in order. */
export const splitWords = (text: string): string[] => {
  if (!unspaced.test(text)) return text.split(separators).filter((word) => word !== "")
  const words: string[] = []
  for (const segment of segmenter.segment(text)) if (segment.isWordLike === true) words.push(segment.segment)
  return words
}

/** One word as it is compared: lower case, without accents, stemmed; `null` for what is no use to a search. */
export const toTerm = (word: string): string | null => {
  const folded = word
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
  return folded === "" ? null : stem(folded)
}

const stem = (word: string): string => {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word
  let rest = word
  if (rest.endsWith("ies") && rest.length > 4) rest = `${rest.slice(0, -3)}y`
  else if (/(ss|sh|ch|x|z)es$/.test(rest)) rest = rest.slice(0, -2)
  else if (/[^su]s$/.test(rest)) rest = rest.slice(0, -1)
  for (const ending of ["ing", "ed"]) {
    const base = rest.slice(0, -ending.length)
    if (!rest.endsWith(ending) || base.length < 3 || !/[aeiouy]/.test(base)) continue
    // "stopped" and "stopping" meet "stop"; "called" keeps the ll of "call".
    rest = /([bdgmnprt])\1$/.test(base) ? base.slice(0, -1) : base
    break
  }
  // A silent e goes everywhere, so that "merge", "merged" and "merging" are one word.
  return rest.length > 3 && rest.endsWith("e") ? rest.slice(0, -1) : rest
}

/** Words that say how something is asked, not what about. */
const asking = new Set(
  (
    "a about all also an and any are as at be been but by can could did do does doing else everything for from get gets " +
    "had has have how i if in instead into is it its me my no not of on one only or our please say says shall should show so some " +
    "summarise summarize tell than that the their them then there these they this those to us was we were what when " +
    "where which who whom whose why will with would you your explain describe give list happen happens mean means focus look rather"
  )
    .split(" ")
    .map((word) => toTerm(word))
)

/** The terms that a question is about: without the words of asking, unless nothing else is left. Each once, in order. */
export const questionTerms = (question: string): string[] => {
  const terms = new Set<string>()
  for (const word of splitWords(question)) {
    const term = toTerm(word)
    if (term !== null) terms.add(term)
  }
  const meant = [...terms].filter((term) => !asking.has(term))
  return meant
}

/** The words of a question as typed, for telling people what was looked for. */
export const questionWords = (question: string): string[] => {
  const seen = new Map<string, string>()
  for (const word of splitWords(question)) {
    const term = toTerm(word)
    if (term !== null && !asking.has(term) && !seen.has(term)) seen.set(term, word)
  }
  return [...seen.values()]
}
