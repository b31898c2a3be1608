/**
 * `npm run simulate`: plays schedules of the deterministic simulation.
 *
 *     npm run simulate -- --schedules 20000 --seed 1          seeds 1, 2, …; says what struck and what came of it
 *     npm run simulate -- --schedules 20000 --seed 1 --json   the last line is {"schedules":…,"breaches":…,"seed":…}
 *     npm run simulate -- --schedules 1 --seed 856 --trace    what happened in one schedule; made smaller if it fails
 */
import { parseArgs } from "node:util"
import { INVARIANTS, type Breach } from "../src/conformance/historyRecords.ts"
import { replayOf, simulate } from "../test/simulation/simulate.ts"

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    threads: { type: "string" },
    json: { type: "boolean", default: false },
    trace: { type: "boolean", default: false }
  }
})
const countOf = (name: "schedules" | "seed" | "threads", text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  console.error(`--${name} must be a whole number from 1`)
  process.exit(2)
}
const schedules = countOf("schedules", values.schedules)
const seed = countOf("seed", values.seed)

const say = (breaches: readonly Breach[]) => {
  for (const { invariant, problem, thread } of breaches.slice(0, 10))
    console.log(`  ${invariant} (${INVARIANTS[invariant]}), thread ${thread}: ${problem}`)
}
/** Played in this thread, so that it can be followed, and made smaller if it fails. */
const trace = async () => {
  const { guard, unguard } = await import("../test/simulation/globals.ts")
  const [{ planOf }, { play }, { shrink }] = await Promise.all([
    import("../test/simulation/plan.ts"),
    import("../test/simulation/schedule.ts"),
    import("../test/simulation/shrink.ts")
  ])
  const lines: string[] = []
  guard()
  let plan = planOf(seed)
  const { breaches } = await play(plan)
  if (breaches.length > 0) plan = await shrink(plan, new Set(breaches.map(({ invariant }) => invariant)))
  const { breaches: left } = await play(plan, (line) => lines.push(line))
  unguard()
  console.log(lines.join("\n"))
  if (left.length > 0) {
    console.log(
      `\nThe smallest plan that fails has ${plan.actions.length} actions and these faults: ${JSON.stringify(plan.rates)}`
    )
    say(left)
  }
  return left.length > 0 ? 1 : 0
}
const many = async () => {
  const { failed, happened, outcomes, struck, virtualMillis } = await simulate({
    schedules,
    seed,
    ...(values.threads === undefined ? {} : { threads: countOf("threads", values.threads) })
  })
  for (const one of failed.slice(0, 20)) {
    console.log(`seed ${one.seed}: ${replayOf(one.seed)}`)
    say(one.breaches)
  }
  if (!values.json) {
    console.log("faults that struck:", struck)
    console.log("outcomes:", outcomes)
    const per = (sum: number) => Math.round(sum / schedules)
    console.log(`${per(happened)} things happened in ${per(virtualMillis)} virtual ms per schedule`)
  }
  return failed.length
}
const breaches = values.trace ? await trace() : await many()
console.log(JSON.stringify({ schedules, breaches, seed }))
process.exitCode = breaches === 0 ? 0 : 1
