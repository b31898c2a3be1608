/**
 * `npm run bench`: measures the project's promises side by side with what a user would pick instead.
 *
 *     npm run bench                       every part; tables in Markdown, then each bound
 *     npm run bench -- tokens size        these parts alone
 *     npm run bench -- --quick            under a minute, one round each: an impression
 *     npm run bench -- --json             one JSON object per bound: {bound, value, limit, ok}
 *     npm run bench -- --write            puts the tables of the parts that were run into docs/benchmarks.md
 *
 * Exits with 1 when a bound is not met, with 2 when it was called wrongly.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { appends } from "./parts/appends.ts"
import { cancel } from "./parts/cancel.ts"
import { clientCpu } from "./parts/clientCpu.ts"
import { coldStart } from "./parts/coldStart.ts"
import { digest } from "./parts/digest.ts"
import { cuts } from "./parts/cuts.ts"
import { lateJoin } from "./parts/lateJoin.ts"
import { overhead } from "./parts/overhead.ts"
import { publish } from "./parts/publish.ts"
import { size } from "./parts/size.ts"
import { slowRest } from "./parts/slowRest.ts"
import { study } from "./parts/study.ts"
import { tokens } from "./parts/tokens.ts"
import { writers } from "./parts/writers.ts"
import type { Bound, Part } from "./report.ts"

const parts: readonly Part[] = [
  tokens,
  slowRest,
  publish,
  clientCpu,
  coldStart,
  cancel,
  digest,
  appends,
  writers,
  cuts,
  lateJoin,
  study,
  overhead,
  size
]
const wrong = (message: string): never => {
  console.error(`bench: ${message}`)
  process.exit(2)
}
const options = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { quick: { type: "boolean" }, json: { type: "boolean" }, write: { type: "boolean" } }
    })
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}
const { values, positionals } = options()
const names = parts.map(({ name }) => name)
for (const name of positionals) if (!names.includes(name)) wrong(`no part ${name}; there are ${names.join(", ")}`)
const chosen = positionals.length === 0 ? parts : parts.filter(({ name }) => positionals.includes(name))

const say = (text: string) => {
  if (!values.json) console.log(text)
}
const sections: string[] = []
const bounds: Bound[] = []
for (const { title, run } of chosen) {
  say(`\n## ${title}\n`)
  const result = await run({ quick: values.quick ?? false })
  const lines = result.bounds.map(
    ({ bound, value, limit, ok }) => `- ${ok ? "met" : "**missed**"}: ${bound}: ${value} (limit ${limit})`
  )
  const text = `${result.markdown}\n\n${lines.join("\n")}`
  say(text)
  sections.push(`## ${title}\n\n${text}\n`)
  bounds.push(...result.bounds)
  if (values.json) for (const bound of result.bounds) console.log(JSON.stringify(bound))
}

if (values.write) {
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}), Node ${process.versions.node}`
  const file = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url))
  // parts that were not measured now stay as they were written before
  const before = new Map(
    readFileSync(file, "utf8")
      .split(/^(?=## )/m)
      .map((section) => [section.split("\n", 1)[0], section] as const)
  )
  for (const section of sections) before.set(section.split("\n", 1)[0], section)
  const written = parts
    .flatMap(({ title }) => before.get(`## ${title}`) ?? [])
    .map((section) => `${section.trimEnd()}\n`)
  const intro = [
    "# Benchmarks",
    "",
    `As \`npm run bench -- --write\` printed them on ${machine}, ${new Date().toISOString().slice(0, 10)}. Every process`,
    "runs on the one machine and shares its cores: compare the rows of a table, not its figures with another machine's.",
    "Medians of the rounds, in turn; delivery and order are the worst round's. What is measured and how: `test/bench/`.",
    ""
  ]
  writeFileSync(file, [...intro, written.join("\n")].join("\n"))
  say("\nwritten to docs/benchmarks.md")
}
if (bounds.some(({ ok }) => !ok)) process.exitCode = 1
