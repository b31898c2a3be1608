/**
 * Runs a fuzz target: many inputs made from seeds, each checked; the first that fails is told so that it can be run again.
 *
 * Input `n` of seed `s` is always the same, whatever ran before it: `THROUGHLINE_FUZZ_SEED=s THROUGHLINE_FUZZ_FIRST=n`
 * begins with it. `THROUGHLINE_FUZZ_INPUTS` is how many inputs each target gets in the long run; another seed there finds more.
 */
import { randomOf, type Random } from "../thread/generate.ts"

export interface Opened {
  /** Makes one input; looks at nothing but `random`. */
  readonly make: (random: Random) => unknown
  /** Throws when a promise is broken. */
  readonly check: (input: never) => void | Promise<void>
  readonly close?: () => Promise<void>
}
export interface Target {
  readonly name: string
  /** How many inputs the short run makes at least; it takes up to ten times its time for them, so a busy machine fails nothing. */
  readonly atLeast: number
  readonly open: () => Opened | Promise<Opened>
}
export const target = <I>(
  name: string,
  atLeast: number,
  open: () =>
    | (Opened & { readonly make: (random: Random) => I; readonly check: (input: I) => void | Promise<void> })
    | Promise<Opened & { readonly make: (random: Random) => I; readonly check: (input: I) => void | Promise<void> }>
): Target => ({ name, atLeast, open: open as Target["open"] })

export interface Budget {
  readonly seed: number
  readonly first: number
  /** Ends with whichever comes first, but, within ten times `millis`, not before the target's `atLeast`. */
  readonly inputs: number
  readonly millis: number
}
const setting = (name: string): number | undefined => {
  const text = process.env[`THROUGHLINE_FUZZ_${name}`]
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text)) throw new TypeError(`THROUGHLINE_FUZZ_${name} must be a number in plain digits`)
  return Number(text)
}
const budgetOf = (inputs: number, millis: number): Budget => ({
  seed: setting("SEED") ?? 1,
  first: setting("FIRST") ?? 0,
  inputs,
  millis
})
/** With every push. */
export const short = (): Budget => budgetOf(100_000, 4_000)
/** On demand, and in the long stage: as many inputs as asked for, however long that takes, or for eight seconds. */
export const long = (): Budget => {
  const inputs = setting("INPUTS")
  return inputs === undefined ? budgetOf(Infinity, 8_000) : budgetOf(inputs, Infinity)
}

const MAX_SHOWN = 4_000
const shown = (input: unknown): string => {
  const text = typeof input === "string" ? JSON.stringify(input) : (JSON.stringify(input) ?? String(input))
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text
}

/** Answers how many inputs were checked. Throws for the first that broke a promise, naming seed, number and input. */
export const fuzz = async (
  { atLeast, name, open }: Target,
  { first, inputs, millis, seed }: Budget
): Promise<number> => {
  const opened = await open()
  try {
    const begun = performance.now()
    const isOver = (done: number) => performance.now() - begun > (done < atLeast ? 10 * millis : millis)
    for (let done = 0; ; done++) {
      // the clock is asked now and then only: it would cost as much as a small input
      if (done === inputs || (done % 64 === 0 && isOver(done))) return done
      const number = first + done
      const input = opened.make(randomOf(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)))
      try {
        const checking = opened.check(input as never)
        if (checking !== undefined) await checking
      } catch (cause) {
        throw new Error(
          `${name}: ${(cause as Error).message}\ninput ${number} of seed ${seed}: ${shown(input)}\n` +
            `again: THROUGHLINE_FUZZ_SEED=${seed} THROUGHLINE_FUZZ_FIRST=${number} npm test -- test/fuzz -t "${name}"`,
          { cause }
        )
      }
    }
  } finally {
    await opened.close?.()
  }
}
