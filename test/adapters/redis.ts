/**
 * Starts a real Redis server as a child process in a folder of its own; signals and ends it by its pid.
 *
 * A server that was killed can be started again on the same port and folder, as after a crash.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient } from "redis"

const BINARY = "/usr/bin/redis-server"
/** Whether it is installed; tests that need it are skipped otherwise. */
export const hasRedis = (): boolean => existsSync(BINARY)

export interface RedisServer {
  readonly url: string
  readonly folder: string
  /** One command on a connection of its own. */
  readonly ask: (...args: readonly string[]) => Promise<unknown>
  readonly signal: (name: NodeJS.Signals) => void
  /** Kills it and waits until it is gone. */
  readonly kill: () => Promise<void>
  /** Starts it again after `kill`. */
  readonly start: () => Promise<void>
  readonly close: () => Promise<void>
}
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  await once(server.close(), "close")
  return port
}

/** `settings` are command-line options: `--appendonly`, `yes`. */
export const startRedis = async (...settings: readonly string[]): Promise<RedisServer> => {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), "throughline-redis-"))
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const where = ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder]
    const next = spawn(BINARY, [...where, "--save", "", ...settings], { stdio: ["ignore", "pipe", "inherit"] })
    child = next
    let output = ""
    await new Promise<void>((resolve, reject) => {
      next.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString()
        if (output.includes("Ready to accept connections")) resolve()
      })
      next.once("exit", (code) => reject(new Error(`redis-server ended with ${code}: ${output}`)))
    })
  }
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    await gone
  }
  await start()
  return {
    url,
    folder,
    ask: async (...args) => {
      const client = await createClient({ url, RESP: 2 }).connect()
      try {
        return await client.sendCommand(args)
      } finally {
        client.destroy()
      }
    },
    signal: (name) => void child?.kill(name),
    kill,
    start,
    close: async () => {
      await kill()
      rmSync(folder, { recursive: true })
    }
  }
}
