/**
 * Processes of their own for servers, producers and watchers: start one, call its commands, read its CPU time.
 *
 * A process is a module that calls `answer(commands)` (see child.ts). It ends with `stop`, and with the bench.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

export interface Process {
  /** Calls a command; rejects with what it threw, or when the process ends before it answers. */
  readonly call: <T>(command: string, argument?: unknown) => Promise<T>
  /** User and system time so far, in microseconds. */
  readonly cpuMicros: () => Promise<number>
  readonly stop: () => Promise<void>
}
interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}
/** A command that has not answered by then will not. */
const ANSWER_MILLIS = 60_000
/**
 * For every process alike, peers included: with fewer cores than processes, threads that collect garbage together wait
 * for each other's core, 20 ms at a time, and the tail would tell of that alone.
 */
const QUIET_GC = ["--max-semi-space-size=4", "--single-threaded-gc"]
interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/** `file` is relative to this folder, such as `peers/ws.ts`. */
export const startProcess = (file: string): Process => {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    execArgv: [...QUIET_GC, "--conditions=throughline-source", "--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })
  const exited = once(child, "exit")
  const waiting = new Map<number, Waiting>()
  let calls = 0
  child.on("message", (answer: Answer) => {
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.error === undefined) call?.resolve(answer.value as never)
    else call?.reject(new Error(`${file}: ${answer.error}`))
  })
  child.on("exit", (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended: ${signal ?? `code ${code}`}`))
    waiting.clear()
  })

  const call = <T>(command: string, argument?: unknown) =>
    new Promise<T>((resolve, reject) => {
      const id = ++calls
      const late = setTimeout(() => reject(new Error(`${file}: ${command} did not answer`)), ANSWER_MILLIS)
      const settled =
        <V>(settle: (value: V) => void) =>
        (value: V) => {
          clearTimeout(late)
          settle(value)
        }
      waiting.set(id, { resolve: settled(resolve), reject: settled(reject) })
      child.send({ id, command, argument }, (error) => error && reject(error))
    })
  return {
    call,
    cpuMicros: () => call<number>("cpuMicros"),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      if (child.connected) child.disconnect()
      const late = setTimeout(() => child.kill("SIGKILL"), 2_000)
      await exited
      clearTimeout(late)
    }
  }
}
