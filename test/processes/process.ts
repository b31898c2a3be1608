/**
 * One process of the system under test: started with settings, ready when it says so, killed, stopped and continued
 * by its own id.
 *
 * A program prints one line of JSON when it is ready and ends when its standard input does, so that nothing outlives
 * the test. What it writes to standard error is kept, the newest of it, for the failure that needs it.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Program {
  /** Its bundle. */
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}
export interface Running {
  readonly pid: number
  /** What it said when it was ready. Rejects when it ends before. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>
  /** One line in, one line out. */
  readonly ask: (line: object) => Promise<Readonly<Record<string, unknown>>>
  readonly signal: (name: "SIGSTOP" | "SIGCONT" | "SIGTERM" | "SIGUSR2") => void
  readonly kill: () => Promise<void>
  /** Resolves with how it ended. */
  readonly ended: Promise<string>
  /** Bytes of its memory that are resident. */
  readonly residentBytes: () => number
  readonly said: () => string
}

export const ROOT = fileURLToPath(new URL("../../", import.meta.url))
const KEPT_CHARACTERS = 20_000
/** Compiled once for all of them. */
const COMPILED = join(tmpdir(), "throughline-test-compiled")
const running = new Set<ChildProcess>()
// a test that is itself ended leaves nobody behind who was stopped and cannot see it
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")))

export const start = ({ args, env, file }: Program): Running => {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file, ...args], {
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: COMPILED, ...env },
    stdio: ["pipe", "pipe", "pipe"]
  })
  running.add(child)
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-KEPT_CHARACTERS)))
  child.stdin.on("error", () => {})
  const waiting: PromiseWithResolvers<Readonly<Record<string, unknown>>>[] = []
  const next = () => {
    const line = Promise.withResolvers<Readonly<Record<string, unknown>>>()
    line.promise.catch(() => {})
    waiting.push(line)
    return line.promise
  }
  const ready = next()
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.resolve(JSON.parse(line)))
  const ended = once(child, "exit").then(([code, signal]) => {
    running.delete(child)
    const how = String(signal ?? code)
    for (const line of waiting) line.reject(new Error(`${file} ended with ${how}: ${said}`))
    return how
  })
  return {
    pid: child.pid!,
    ready,
    ask: (line) => {
      child.stdin.write(`${JSON.stringify(line)}\n`)
      return next()
    },
    signal: (name) => void child.kill(name),
    kill: async () => {
      child.kill("SIGKILL")
      await ended
    },
    ended,
    residentBytes: () =>
      Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) * 1024,
    said: () => said
  }
}

/** A port that nobody has now: one that is killed and started again must be found where it was. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}
