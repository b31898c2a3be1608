/**
 * Texts as SQLite and names of objects can hold them: Unicode, where JavaScript has lone surrogates as well. What is not
 * held as it is becomes JSON, which escapes it, behind a sign that no such text begins with.
 */
const ESCAPED = "\u0001"

export const toText = (text: string): string =>
  text.isWellFormed() && !text.startsWith(ESCAPED) && !text.includes("\0") ? text : ESCAPED + JSON.stringify(text)
export const fromText = (held: string): string =>
  held.startsWith(ESCAPED) ? (JSON.parse(held.slice(1)) as string) : held

/** Ranges, both ends included, in which every key lies that begins with `prefix`; others may as well. */
export const rangesOf = (prefix: string): readonly (readonly [from: string, to: string])[] => {
  const escaped = [ESCAPED, `${ESCAPED}\u{10ffff}`] as const
  return toText(prefix) === prefix ? [[prefix, `${prefix}\u{10ffff}\u{10ffff}`], escaped] : [escaped]
}
