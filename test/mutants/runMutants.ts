/**
 * Plants mutants, one in each process of vitest, and says what became of them. Two run at a time; no file is changed.
 *
 * A mutant is killed when a test fails, or hangs, that passes without it. What fails without a test failing (a file
 * that is not found, a syntax error, no test at all) is broken: a mistake of the list or of this harness.
 */
import { spawn } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Mutant } from "./Mutant.ts"

export const root = fileURLToPath(new URL("../..", import.meta.url))

/** `by`: the test that failed, or why nothing can be said. */
export interface Fate {
  readonly mutant: Mutant
  readonly type: "killed" | "survived" | "broken"
  readonly by: string
  readonly seconds: number
}
/** As one line of a table. */
export const printed = ({ by, mutant, seconds, type }: Fate): string =>
  `${type.padEnd(8)} ${seconds.toFixed(1).padStart(5)} s  ${mutant.rule.padEnd(13)} ${mutant.name} <- ${by}`

/** What is read of vitest's JSON report. */
interface Report {
  readonly success: boolean
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}
interface Ran {
  readonly report: Report | undefined
  readonly hung: boolean
  readonly output: string
  readonly seconds: number
}
const AT_ONCE = 2
/** A test that passes in seconds and does not end in this time hangs: no timeout of its own ends an endless loop. */
const HANGS_MILLIS = 120_000
/** How a fault fails that is no fault of the protocol: what was planted is no program. */
const NO_PROGRAM = /^(ReferenceError|SyntaxError)/

/** Without `mutant`: as the code is. */
const runTests = async (tests: readonly string[], mutant?: Mutant): Promise<Ran> => {
  const folder = await mkdtemp(join(tmpdir(), "throughline-mutant-"))
  const file = join(folder, "report.json")
  const begun = performance.now()
  // what a test that calls this was told is not for the tests that it runs
  const env: NodeJS.ProcessEnv = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(VITEST|TEST$|NODE_ENV$|THROUGHLINE_LONG$)/.test(key))
  )
  if (mutant !== undefined) env["THROUGHLINE_MUTANT"] = mutant.name
  try {
    const vitest = join(root, "node_modules/vitest/vitest.mjs")
    const args = ["run", "--config=test/mutants/vitest.config.ts", "--bail=1", "--reporter=json"]
    const child = spawn(process.execPath, [vitest, ...args, `--outputFile=${file}`, ...tests], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: HANGS_MILLIS * (mutant === undefined ? tests.length : 1),
      killSignal: "SIGKILL"
    })
    const chunks: Buffer[] = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
      child.on("error", reject)
      child.on("close", (_, killedBy) => resolve(killedBy))
    })
    const report = await readFile(file, "utf8").then(
      (text) => JSON.parse(text) as Report,
      () => undefined
    )
    const seconds = (performance.now() - begun) / 1_000
    return {
      report,
      hung: signal === "SIGKILL" && report === undefined,
      output: Buffer.concat(chunks).toString(),
      seconds
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const fateOf = (mutant: Mutant, { hung, output, report, seconds }: Ran): Fate => {
  const is = (type: Fate["type"], by: string): Fate => ({ mutant, type, by, seconds })
  if (hung) return is("killed", `did not end in ${HANGS_MILLIS / 1_000} s`)
  if (report === undefined) return is("broken", output.trim().slice(0, 1_000))
  const results = report.testResults.flatMap((file) => file.assertionResults)
  const failed = results.find(({ status }) => status === "failed")
  if (failed !== undefined) {
    const [message = ""] = failed.failureMessages
    return NO_PROGRAM.test(message) ? is("broken", message.slice(0, 1_000)) : is("killed", failed.fullName)
  }
  if (!output.includes(`planted: ${mutant.name}`)) return is("broken", "its tests do not load the file")
  if (report.success && report.numPassedTests > 0) return is("survived", "")
  const problem = report.testResults.find(({ message }) => message !== "")?.message ?? output.trim()
  return is("broken", problem.slice(0, 1_000) || "no test ran")
}

/** The test files of these mutants that do not pass as the code is, with what they said. */
const failingUnplanted = async (mutants: readonly Mutant[]): Promise<readonly string[]> => {
  const files = [...new Set(mutants.flatMap(({ tests }) => tests))]
  // two halves: together they take as long as two mutants
  const halves = [0, 1].map((half) => files.filter((_, at) => at % 2 === half)).filter((half) => half.length > 0)
  const ran = await Promise.all(halves.map((half) => runTests(half)))
  return ran.flatMap(({ output, report }, at) => {
    if (report === undefined) return [output || "they did not end"]
    const failed = report.testResults.flatMap(({ assertionResults, message }) => [
      ...(message === "" ? [] : [message]),
      ...assertionResults.flatMap(({ failureMessages, fullName }) =>
        failureMessages.map((text) => `${fullName}: ${text}`)
      )
    ])
    const missing = report.testResults.length === halves[at]!.length ? [] : ["not every test file was found"]
    return [...failed, ...missing, ...(report.success || failed.length > 0 ? [] : [output])]
  })
}

/** Throws if a test fails that nothing was planted under. `told` hears of each fate as it is known. */
export const runMutants = async (
  mutants: readonly Mutant[],
  told: (fate: Fate) => void = () => {}
): Promise<readonly Fate[]> => {
  const failing = await failingUnplanted(mutants)
  if (failing.length > 0) throw new Error(`these tests fail without a mutant:\n${failing.join("\n")}`)
  const fates: Fate[] = []
  const left = mutants.values()
  const work = async () => {
    for (const mutant of left) {
      const fate = fateOf(mutant, await runTests(mutant.tests, mutant))
      fates.push(fate)
      told(fate)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return fates
}
