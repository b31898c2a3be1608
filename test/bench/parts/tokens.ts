/**
 * Tokens from `run.text` to the screen: 50 and 200 runs at 200 tokens a second, each with its own watcher.
 */
import { compare, measuredTable, type Measured } from "../compare.ts"
import { adaptive, floor, peers } from "../contenders.ts"
import { ours } from "../ours.ts"
import { atLeast, atMost, type Bound, type Part } from "../report.ts"

const onMemory = ours("memory")
const onSqlite = ours("sqlite")
const contenders = [onMemory, floor, adaptive, onSqlite]

export const tokens: Part = {
  name: "tokens",
  title: "Tokens to the screen",
  run: async ({ quick }) => {
    const pace = { tokensPerSecond: 200, seconds: quick ? 0.8 : 4 }
    const rest = { rounds: quick ? 1 : 3, warmSeconds: quick ? 0.5 : 3 }
    // What the peers do is of interest, but not in a hurry; at 200 runs some of them only fall behind.
    const some = await compare(quick ? contenders : [...contenders, ...peers], { ...rest, load: { ...pace, runs: 50 } })
    const many = await compare(quick ? [onMemory, adaptive, onSqlite] : contenders, {
      ...rest,
      load: { ...pace, runs: 200 }
    })
    return {
      markdown: [
        "50 runs × 200 tokens a second:",
        measuredTable(some),
        "200 runs × 200 tokens a second:",
        measuredTable(many)
      ].join("\n\n"),
      bounds: [...boundsOfSome(some), ...boundsOfMany(many)]
    }
  }
}

const of = (measured: ReadonlyMap<string, Measured>, contender: { readonly name: string }): Measured => {
  const one = measured.get(contender.name)
  if (!one) throw new Error(`${contender.name} was not measured`)
  return one
}
const boundsOfSome = (measured: ReadonlyMap<string, Measured>): Bound[] => {
  const our = of(measured, onMemory)
  const least = of(measured, floor)
  const inFile = of(measured, onSqlite)
  return [
    atLeast("tokens, 50 runs: delivered in order %", our.inOrder ? our.deliveredPercent : 0, 100),
    atMost("tokens, 50 runs: p50 / floor", our.p50Millis / least.p50Millis, 1.5),
    atMost("tokens, 50 runs: p99 / floor", our.p99Millis / least.p99Millis, 2.5),
    atLeast("tokens, 50 runs, SQLite: delivered in order %", inFile.inOrder ? inFile.deliveredPercent : 0, 100),
    atMost("tokens, 50 runs: SQLite p50 / memory p50", inFile.p50Millis / our.p50Millis, 2)
  ]
}
const boundsOfMany = (measured: ReadonlyMap<string, Measured>): Bound[] => {
  const our = of(measured, onMemory)
  const inFile = of(measured, onSqlite)
  return [
    atLeast("tokens, 200 runs: delivered %", our.deliveredPercent, 100),
    atMost("tokens, 200 runs: p50 / adaptive floor", our.p50Millis / of(measured, adaptive).p50Millis, 2),
    atMost("tokens, 200 runs: done after the last token, ms", our.doneMillis, 200),
    atLeast("tokens, 200 runs, SQLite: delivered %", inFile.deliveredPercent, 100),
    atMost("tokens, 200 runs: SQLite p50 / memory p50", inFile.p50Millis / our.p50Millis, 2)
  ]
}
