/**
 * Appends a second through the log's port, many threads at once, beside the same statements sent with the bare driver:
 * what comparing, checking and keeping every promise costs. Each is a program of its own beside its adapter's tests.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { atLeast, table, type Part } from "../report.ts"

const FOLDER = fileURLToPath(new URL("../../adapters/logs/", import.meta.url))
const programs = [
  {
    name: "SQLite",
    file: "sqlite.rate.ts",
    args: (quick: boolean) => (quick ? ["0.3", "256", "3"] : ["1", "256", "9"])
  },
  { name: "Redis", file: "redis.rate.ts", args: (quick: boolean) => (quick ? ["0.3", "3"] : ["0.5", "15"]) },
  {
    name: "Postgres",
    file: "postgres.rate.ts",
    args: (quick: boolean) => (quick ? ["0.3", "256", "3"] : ["1", "256", "9"])
  }
]
interface Figures {
  readonly portPerSecond: number
  readonly driverPerSecond: number
  readonly ratio: number
}
const run = async (file: string, args: readonly string[]): Promise<Figures> => {
  const options = ["--conditions=throughline-source", "--disable-warning=ExperimentalWarning", `${FOLDER}${file}`]
  const { stdout } = await promisify(execFile)(process.execPath, [...options, ...args])
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Figures
}

export const appends: Part = {
  name: "appends",
  title: "Appends through the port",
  run: async ({ quick }) => {
    const rows: (Figures & { readonly name: string })[] = []
    for (const { args, file, name } of programs) rows.push({ name, ...(await run(file, args(quick))) })
    return {
      markdown: table(
        ["256 threads, 300-byte entries", "port, appends/s", "bare driver, appends/s", "ratio"],
        rows.map(({ driverPerSecond, name, portPerSecond, ratio }) => [name, portPerSecond, driverPerSecond, ratio])
      ),
      bounds: rows.map(({ name, ratio }) => atLeast(`${name}: appends through the port / bare driver`, ratio, 0.7))
    }
  }
}
