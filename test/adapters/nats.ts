/**
 * Starts a real NATS server as a child process in a folder of its own; signals and ends it by its pid.
 *
 * A server that was killed can be started again on the same ports and folder, as after a crash.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import type { AddressInfo, Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"

const BINARY = "/usr/sbin/nats-server"
/** Whether it is installed; tests that need it are skipped otherwise. */
export const hasNats = (): boolean => existsSync(BINARY)

export interface NatsServer {
  /** `nats://host:port` */
  readonly url: string
  /** `ws://host:port` */
  readonly wsUrl: string
  readonly folder: string
  /** Lets it stand still; resolves when it does. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
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

/** `settings` are lines of its configuration; JetStream, where they turn it on, stores in the folder. */
export const startNats = async (...settings: readonly string[]): Promise<NatsServer> => {
  const [port, wsPort] = [await freePort(), await freePort()]
  const folder = mkdtempSync(join(tmpdir(), "throughline-nats-"))
  const config = join(folder, "nats.conf")
  const lines = [
    `listen: "127.0.0.1:${port}"`,
    `websocket { listen: "127.0.0.1:${wsPort}", no_tls: true }`,
    ...settings
  ]
  writeFileSync(config, lines.join("\n"))
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const next = spawn(BINARY, ["-c", config, "--store_dir", folder], { stdio: ["ignore", "ignore", "pipe"] })
    child = next
    let output = ""
    await new Promise<void>((resolve, reject) => {
      next.stderr.on("data", (chunk: Buffer) => {
        if (output.length < 10_000) output += chunk.toString()
        if (output.includes("Server is ready")) resolve()
      })
      next.once("exit", (code) => reject(new Error(`nats-server ended with ${code}: ${output}`)))
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
    url: `nats://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${wsPort}`,
    folder,
    freeze: async () => {
      child?.kill("SIGSTOP")
      // a signal takes effect in its own time, in each of the server's threads
      const tasks = `/proc/${child?.pid}/task`
      const stateOf = (task: string) => readFileSync(`${tasks}/${task}/stat`, "utf8").split(") ")[1]?.[0]
      while (!readdirSync(tasks).every((task) => stateOf(task) === "T")) await setImmediate()
    },
    thaw: () => void child?.kill("SIGCONT"),
    kill,
    start,
    close: async () => {
      await kill()
      rmSync(folder, { recursive: true })
    }
  }
}

/** A TCP proxy in front of `url`, whose connections can be cut. */
export const startCuttable = async (url: string) => {
  const { hostname, port, protocol } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const [one, other] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(one)
      one.pipe(other)
      one.on("error", () => other.destroy())
      one.on("close", () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close: async () => {
      const closed = once(server.close(), "close")
      cut()
      await closed
    }
  }
}
