import "../test/simulation/globals.ts"
import { guard, unguard } from "../test/simulation/globals.ts"
const { play } = await import("../test/simulation/schedule.ts")
const { planOf } = await import("../test/simulation/plan.ts")
const seed = Number(process.argv[2] ?? 1),
  n = Number(process.argv[3] ?? 1),
  trace = process.argv[4] === "trace"
const t = performance.now()
let happened = 0,
  virtual = 0,
  entries = 0,
  breaches = 0
let last = 0
const outcomes: Record<string, number> = {},
  struck: Record<string, number> = {}
for (let s = seed; s < seed + n; s++) {
  guard()
  let r
  try {
    r = await play(planOf(s), trace ? console.log : undefined)
  } catch (e) {
    unguard()
    console.log(s, e)
    continue
  }
  unguard()
  if (s % 200 === 0) {
    const c = process.cpuUsage()
    console.log(
      s,
      "cpu/schedule",
      ((c.user + c.system - last) / 200_000).toFixed(2),
      "at",
      (performance.now() - t).toFixed(0)
    )
    last = c.user + c.system
  }
  happened += r.happened
  virtual += r.virtualMillis
  entries += r.history.logs.reduce((a, l) => a + l.entries.length, 0)
  if (r.breaches.length) {
    breaches++
    console.log(s, r.breaches.slice(0, 4))
  }
  for (const [k, v] of Object.entries(r.outcomes)) outcomes[k] = (outcomes[k] ?? 0) + v
  for (const [k, v] of Object.entries(r.struck)) struck[k] = (struck[k] ?? 0) + v!
}
console.log(
  { ms: (performance.now() - t) / n, happened: happened / n, virtual: virtual / n, entries: entries / n, breaches },
  outcomes,
  struck
)
