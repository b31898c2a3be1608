/** The `throughline` command as a user runs it, in a process of its own. */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

export interface Command {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  /** Resolves with all of standard output once it fits. */
  readonly until: (pattern: RegExp) => Promise<string>
  /** Resolves with the exit code; a signal counts as -1. */
  readonly ended: Promise<number>
}

/** Killed at the end of the test, should it still run. */
export const command = (...args: readonly string[]): Command => {
  const child = spawn(process.execPath, ["--conditions=throughline-source", main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" }
  })
  let out = ""
  let err = ""
  const waiting = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text
    for (const look of waiting) look()
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text))
  const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)))
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM")
    await ended
  })
  return {
    child,
    out: () => out,
    err: () => err,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(out)) return
          waiting.delete(look)
          resolve(out)
        }
        waiting.add(look)
        look()
        void ended.then(() => reject(new Error(`The command ended before it printed ${pattern}:\n${out}\n${err}`)))
      }),
    ended
  }
}

/** Whether a process with this id is there. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
