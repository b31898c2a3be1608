/**
 * Runs a command on a fresh clone: `node scripts/bootstrap.mjs COMMAND [ARGUMENT…]`.
 *
 * Installs from the lockfile first when node_modules is missing or another lockfile's, then starts the command with
 * the project's own Node (the npm package `node`) and tools first in PATH. Arguments, standard streams, signals and
 * the exit code pass through. Plain JavaScript without dependencies: it has to run on the host's Node, 20 or newer.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const windows = process.platform === "win32"
const modules = join(root, "node_modules")
const ownNode = join(modules, "node", "bin", windows ? "node.exe" : "node")

const fail = (message) => {
  console.error(`throughline: ${message}`)
  process.exit(1)
}

/** Whether node_modules holds what the lockfile says. npm writes the list of what it installed last of all. */
const installed = () => {
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages
    const present = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8")).packages
    return Object.entries(wanted).every(
      ([path, entry]) => path === "" || (present[path] ? present[path].version === entry.version : entry.optional)
    )
  } catch {
    return false
  }
}

const npm = (args) => spawnSync("npm", args, { cwd: root, encoding: "utf8", shell: windows, maxBuffer: 2 ** 26 })

if (!installed()) {
  console.error("throughline: installing the locked dependencies (npm ci), about a minute…")
  const outcome = npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
  if (outcome.error) fail(`npm could not be started: ${outcome.error.message}. Install npm 10 or newer.`)
  if (outcome.status !== 0) fail(`npm ci failed:\n${outcome.stdout}${outcome.stderr}`)
}

const recent = () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major > 22 || (major === 22 && minor >= 19)
}
if (!existsSync(ownNode)) npm(["rebuild", "node", "--ignore-scripts=false"])
if (!existsSync(ownNode) && !recent())
  fail(
    `Node ${process.versions.node} is too old (22.19 is the least), and the npm package \`node\` brought no newer one: ` +
      "its install script did not run or its download failed. Allow the script with " +
      "`npm rebuild node --ignore-scripts=false`, or install Node 24."
  )

const [command, ...args] = process.argv.slice(2)
if (!command) fail("usage: node scripts/bootstrap.mjs COMMAND [ARGUMENT…]")
const path = [join(modules, "node", "bin"), join(modules, ".bin"), process.env.PATH ?? ""].join(delimiter)
const program = command === "node" ? (existsSync(ownNode) ? ownNode : process.execPath) : command
const child = spawn(program, args, {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: path },
  shell: windows && command !== "node"
})
child.on("error", (error) => fail(`${command} could not be started: ${error.message}`))
// A terminal's Ctrl-C reaches the child by itself; a signal sent to this process alone has to be handed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal)
  })
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal ?? "SIGTERM"] ?? 15)))
