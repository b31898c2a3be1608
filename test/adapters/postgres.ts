/**
 * Starts a Postgres server of its own in a new folder, on a free port of 127.0.0.1; ends it by its pid.
 *
 * The server refuses to run as root, so root starts it as the account `postgres`.
 */
import { execFileSync, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const LIBRARY = "/usr/lib/postgresql"
const START_MILLIS = 60_000
/** Folder of the newest installed version's programs. */
const bin = (): string | undefined => {
  const versions = existsSync(LIBRARY) ? readdirSync(LIBRARY).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(LIBRARY, version, "bin")).find((path) => existsSync(join(path, "initdb")))
}
/** Whether it is installed; tests that need it are skipped otherwise. */
export const hasPostgres = (): boolean => bin() !== undefined

export const PASSWORD = "only-for-tests"

export interface Postgres {
  /** Of the superuser, with its password; another user and database where they are named. */
  readonly url: (user?: string, password?: string, database?: string) => string
  /** To all processes of the server. */
  readonly signal: (signal: NodeJS.Signals) => void
  /** Kills the server and all its processes at once, and waits for their end. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same folder and port; with a `standby.signal` it comes as a standby. */
  readonly start: () => Promise<void>
  readonly folder: string
  readonly close: () => Promise<void>
}
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  await once(server.close(), "close")
  return port
}
/** The account to run as, where this process is root. */
const account = (): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((row) => row.startsWith("postgres:"))
  const [, , uid, gid] = (line ?? "nobody:x:65534:65534").split(":")
  return { uid: Number(uid), gid: Number(gid) }
}

export const startPostgres = async (settings: Readonly<Record<string, string>> = {}): Promise<Postgres> => {
  const programs = bin()
  if (programs === undefined) throw new Error("Postgres is not installed")
  const folder = mkdtempSync(join(tmpdir(), "throughline-postgres-"))
  const as = account()
  if (as !== undefined) chownSync(folder, as.uid, as.gid)
  const data = join(folder, "data")
  const options = { ...as, cwd: folder, env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" } }
  const secret = join(folder, "password")
  writeFileSync(secret, PASSWORD)
  execFileSync(
    join(programs, "initdb"),
    ["-D", data, "-U", "postgres", "-E", "UTF8", "--no-locale", "-A", "scram-sha-256", `--pwfile=${secret}`, "-N"],
    { ...options, stdio: ["ignore", "ignore", "inherit"] }
  )
  const port = await freePort()
  const args = { listen_addresses: "127.0.0.1", unix_socket_directories: "", port: `${port}`, ...settings }
  let child: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const list = Object.entries(args).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    const started = spawn(join(programs, "postgres"), ["-D", data, ...list], {
      ...options,
      stdio: ["ignore", "ignore", "pipe"]
    })
    child = started
    let output = ""
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`postgres did not start: ${output}`)), START_MILLIS)
      started.stderr?.on("data", (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-20_000)
        if (/ready to accept (read-only )?connections/.test(output)) resolve(clearTimeout(late))
      })
      started.once("exit", (code) => reject(new Error(`postgres ended with ${code}: ${output}`)))
    })
  }
  const runs = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  const signal = (name: NodeJS.Signals): void => {
    const first = child?.pid
    if (first === undefined || !runs()) return
    // Each of the server's processes has a group of its own.
    const others = readFileSync(`/proc/${first}/task/${first}/children`, "utf8").trim().split(" ").filter(Boolean)
    for (const pid of [first, ...others.map(Number)]) {
      try {
        process.kill(pid, name)
      } catch {
        // it has ended meanwhile
      }
    }
  }
  const kill = async (): Promise<void> => {
    if (child === undefined || !runs()) return
    const exited = once(child, "exit")
    signal("SIGKILL")
    await exited
  }
  const orphaned = (): void => signal("SIGKILL")
  process.once("exit", orphaned)
  await start()
  return {
    url: (user = "postgres", password = PASSWORD, database = "postgres") =>
      `postgres://${user}:${password}@127.0.0.1:${port}/${database}`,
    signal,
    kill,
    start,
    folder: data,
    close: async () => {
      process.off("exit", orphaned)
      await kill()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    }
  }
}
