/**
 * `npm test`: the checks, then every test, then one line `N passed, N failed, N skipped`.
 *
 *     npm test                     everything
 *     npm test -- --checks         the checks alone
 *     npm run test:long            the long stage, one file after another: about 40 minutes on two cores
 *     npm test -- test/thread      the tests whose path contains this; other arguments go to vitest as well
 *
 * A test whose server or browser is missing says so and counts as skipped. THROUGHLINE_NO_SKIPS=1 makes it a failure.
 */
import { spawn } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root, runChecks } from "./checks.ts"

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}
/** What is read of vitest's JSON report. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

const runVitest = async (args: readonly string[]): Promise<Counts> => {
  const folder = await mkdtemp(join(tmpdir(), "throughline-test-"))
  const file = join(folder, "report.json")
  try {
    const code = await new Promise<number>((resolve) => {
      const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`]
      const child = spawn("vitest", ["run", ...reporters, ...args], { cwd: root, stdio: "inherit" })
      child.on("error", (error) => {
        console.error(`vitest could not be started: ${error.message}`)
        resolve(127)
      })
      child.on("exit", (exitCode) => resolve(exitCode ?? 1))
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => child.kill(signal))
    })
    const report = await readFile(file, "utf8")
      .then((text) => JSON.parse(text) as Report)
      .catch(() => undefined)
    return count(report, code)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A file that could not even be collected, and a run that failed with no test to blame, count as one failure each. */
const count = (report: Report | undefined, code: number): Counts => {
  let passed = 0
  let failed = 0
  const skips: string[] = []
  for (const { name, status, assertionResults } of report?.testResults ?? []) {
    for (const result of assertionResults) {
      if (result.status === "passed") passed++
      else if (result.status === "failed") {
        console.log(`FAILED ${result.fullName}: ${result.failureMessages?.join(" ").split("\n", 4).join(" ") ?? ""}`)
        failed++
      } else skips.push(result.fullName)
    }
    if (status === "failed" && !assertionResults.some((result) => result.status === "failed")) {
      console.log(`FAILED ${name}: see above`)
      failed++
    }
  }
  if (code !== 0 && failed === 0) failed = 1
  if (process.env["THROUGHLINE_NO_SKIPS"] !== "1") return { passed, failed, skipped: skips.length }
  for (const name of skips) console.log(`FAILED ${name}: skipped, and THROUGHLINE_NO_SKIPS=1 allows none`)
  return { passed, failed: failed + skips.length, skipped: 0 }
}

/** Of the long stage. */
const LONG = ["test/long", "test/simulation"]

const given = process.argv.slice(2)
const long = given.includes("--long")
if (long) process.env["THROUGHLINE_LONG"] = "1"
const args = long
  ? ["--no-file-parallelism", ...given.filter((arg) => arg !== "--long"), ...(given.length > 1 ? [] : LONG)]
  : given
const onlyChecks = args.includes("--checks")
const nothing: Counts = { passed: 0, failed: 0, skipped: 0 }
const checked = onlyChecks || args.length === 0 ? await runChecks() : nothing
const tested = onlyChecks ? nothing : await runVitest(args)

const failed = checked.failed + tested.failed
console.log(`\n${checked.passed + tested.passed} passed, ${failed} failed, ${tested.skipped} skipped`)
process.exitCode = failed === 0 ? 0 : 1
