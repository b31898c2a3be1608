import type { Mutant } from "./Mutant.ts"

/** The file's text with the fault in it. Throws unless the text to replace is there exactly once. */
export const plant = ({ file, find, replace }: Mutant, code: string): string => {
  const [before, after, ...more] = code.split(find)
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${file} must have the text to replace once: ${find}`)
  return before + replace + after
}
