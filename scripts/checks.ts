/**
 * The checks that are no tests: types, lint, format, dead code, the package as it would be published, the client's
 * size. Each runs a tool as `npm run NAME` would and says whether it passed; output only of those that failed.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))

interface Check {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}
const checks: readonly Check[] = [
  { name: "types", command: ["tsc", "-p", "."] },
  { name: "types of the functions app", command: ["tsc", "-p", "functions"] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "dead code", command: ["knip", "--no-progress"] },
  { name: "package", command: ["node", "scripts/package.ts"] },
  { name: "size", command: ["node", "scripts/size.ts"] }
]

/** Runs a command in the root; the exit code and all that it printed. Stopped after `timeoutMillis`. */
export const run = (command: readonly [string, ...string[]], timeoutMillis = 300_000) =>
  new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    const [program, ...args] = command
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMillis })
    const chunks: Buffer[] = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("error", (error) => resolve({ code: 127, output: `${program}: ${error.message}\n` }))
    child.on("close", (code, signal) => {
      const output = Buffer.concat(chunks).toString()
      resolve({ code: code ?? 1, output: signal ? `${output}\n${program} was stopped by ${signal}\n` : output })
    })
  })

/** Runs every check, one after another, and answers how many passed and failed. */
export const runChecks = async (): Promise<{ readonly passed: number; readonly failed: number }> => {
  let passed = 0
  let failed = 0
  for (const { name, command } of checks) {
    const begun = performance.now()
    const { code, output } = await run(command)
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    if (code === 0) passed++
    else failed++
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`)
    if (code !== 0) console.log(output.trimEnd().replace(/^/gm, "       "))
  }
  return { passed, failed }
}
