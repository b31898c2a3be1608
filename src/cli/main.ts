#!/usr/bin/env node
/**
 * The `throughline` command: reads the arguments, says what is wrong with them, and runs what they ask for.
 *
 * Exit codes: 0 done, 1 it failed, 2 the arguments cannot be used, 130 stopped with Ctrl-C while a run worked.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { GATEWAYS } from "./stack.ts"

const USAGE = `throughline start [options]     the librarian: gateway, server and worker on this machine, and a page to ask it
  --docs DIR                    Markdown to answer from; default: this project's own documents
  --ask QUESTION                ask one question here, print the run as it streams, and end
  --depth all                   with --ask: read every section that fits, not only the best ones
  --json                        with --ask: one protocol event per line, as on the wire
  --approve, --deny             with --ask: answer so whatever the run asks; without, it asks in the terminal
  --gateway NAME                the real thing, or the closest to it on this machine; default: ${GATEWAYS[0]}. There are
                                ${GATEWAYS.join(", ")}
  --port N                      of the page; default: any free port
  --data DIR                    keep the conversations there; default: a temporary folder

throughline emulator [options]  a local Azure Web PubSub; throughline emulator --help lists the options

  --help, --version
`

/** Arguments that cannot be used; the message says which and why. */
class UsageError extends Error {}

const refuse = (message: string): never => {
  throw new UsageError(message)
}
const version = (): string =>
  (
    JSON.parse(readFileSync(fileURLToPath(import.meta.resolve("throughline/package.json")), "utf8")) as {
      readonly version: string
    }
  ).version

const readStart = (args: readonly string[]) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      docs: { type: "string" },
      ask: { type: "string" },
      depth: { type: "string" },
      json: { type: "boolean" },
      approve: { type: "boolean" },
      deny: { type: "boolean" },
      gateway: { type: "string" },
      port: { type: "string" },
      data: { type: "string" },
      help: { type: "boolean", short: "h" }
    }
  })
  const gateway = GATEWAYS.find((name) => name === (values.gateway ?? GATEWAYS[0]))
  if (gateway === undefined) return refuse(`--gateway knows ${GATEWAYS.join(", ")}, not “${values.gateway}”.`)
  const port = values.port ?? "0"
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    return refuse(`--port must be a number from 0 to 65535, not “${port}”.`)
  const depth = values.depth ?? "best"
  if (depth !== "best" && depth !== "all") return refuse(`--depth knows best and all, not “${depth}”.`)
  if (values.depth !== undefined && values.ask === undefined) return refuse("--depth goes with --ask.")
  if (values.json === true && values.ask === undefined) return refuse("--json goes with --ask.")
  const decision = values.approve === true ? ("approve" as const) : values.deny === true ? ("deny" as const) : undefined
  if (decision !== undefined && values.ask === undefined) return refuse(`--${decision} goes with --ask.`)
  if (values.approve === true && values.deny === true) return refuse("--approve and --deny exclude each other.")
  if (values.ask?.trim() === "") return refuse("--ask needs a question.")
  if (values.docs === "") return refuse("--docs needs a folder.")
  if (values.data === "") return refuse("--data needs a folder.")
  return {
    help: values.help === true,
    question: values.ask === undefined ? undefined : { question: values.ask, depth: depth as "best" | "all" },
    settings: {
      format: values.json === true ? ("json" as const) : ("text" as const),
      ...(decision === undefined ? {} : { decision })
    },
    stack: {
      gateway,
      port: Number(port),
      page: values.ask === undefined,
      docs: values.docs ?? fileURLToPath(new URL(".", import.meta.resolve("throughline/package.json"))),
      ...(values.data === undefined ? {} : { data: values.data })
    }
  }
}

const run = async (args: readonly string[]): Promise<number> => {
  const [command, ...rest] = args
  switch (command) {
    case undefined:
    case "help":
    case "--help":
    case "-h":
      process.stdout.write(USAGE)
      return 0
    case "--version":
    case "-v":
      process.stdout.write(`${version()}\n`)
      return 0
    case "emulator":
      return (await import("./emulator.ts")).emulator(rest)
    case "start": {
      const wanted = readStart(rest)
      if (wanted.help) {
        process.stdout.write(USAGE)
        return 0
      }
      if (wanted.question === undefined) return (await import("./start.ts")).start(wanted.stack)
      return (await import("./ask.ts")).ask(wanted.stack, wanted.question, wanted.settings)
    }
    default:
      return refuse(`There is no command “${command}”.`)
  }
}

const isUsage = (error: unknown): error is Error =>
  error instanceof UsageError ||
  (error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"))

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\n${isUsage(error) ? `\n${USAGE}` : ""}`
  )
  process.exitCode = isUsage(error) ? 2 : 1
}
