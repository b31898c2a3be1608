/**
 * `throughline emulator`: the emulator's own process, in this terminal.
 */
import { spawn } from "node:child_process"
import { entry } from "./entry.ts"

/** Resolves with its exit code when it has ended. Signals are handed on. */
export const emulator = (args: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, entry("../emulator/main"), ...args], {
      stdio: "inherit"
    })
    const onSignal = (signal: NodeJS.Signals): void => void child.kill(signal)
    // In a terminal Ctrl-C reaches the child by itself; the command only has to outlive it.
    process.on("SIGINT", onSignal)
    process.on("SIGTERM", onSignal)
    child.once("error", reject)
    child.once("exit", (code, signal) => {
      process.off("SIGINT", onSignal)
      process.off("SIGTERM", onSignal)
      resolve(signal === null ? (code ?? 1) : 1)
    })
  })
