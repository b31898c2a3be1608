/**
 * One process of the stack: started in a group of its own, talked with in lines of JSON or over Node's IPC, ended by
 * its own id.
 *
 * A process whose parent is gone ends itself: it notices that the channel between them is closed.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import type { Readable } from "node:stream"
import { environment } from "./entry.ts"

export interface Child<In, Out> {
  readonly name: string
  readonly pid: number
  readonly send: (message: In) => void
  /** The next message that fits, in the order in which they came. Rejects when the process ends before. */
  readonly next: <M extends Out>(fits: (message: Out) => message is M) => Promise<M>
  /** Resolves with a sentence when the process has ended without being told to. */
  readonly failed: Promise<string>
  /** Tells it to end, waits, and kills it after a while. */
  readonly close: () => Promise<void>
}
export interface ChildOptions<In> {
  readonly name: string
  readonly file: string
  readonly args?: readonly string[]
  /** `ipc`: Node's channel. `lines`: JSON lines on standard input and output. */
  readonly channel: "ipc" | "lines"
  /** What makes it end by itself; without one its input is closed. */
  readonly stop?: In
}

/**
 * Of a line, all that a terminal could obey or that would end it, escaped: what a process says may repeat what others
 * sent it.
 */
const safe = (line: string): string =>
  line.replace(
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** Calls back with each line, the last one too; only `\n` ends one, or a mebibyte without any. */
const eachLine = (input: Readable | null, take: (line: string) => void): void => {
  let rest = ""
  input?.setEncoding("utf8")
  input?.on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) take(line)
    if (rest.length < MAX_LINE_LENGTH) return
    take(rest)
    rest = ""
  })
  input?.on("end", () => {
    if (rest !== "") take(rest)
  })
}
const MAX_LINE_LENGTH = 1024 * 1024

/** A process that was told to end and did not is killed. */
const KILL_MILLIS = 5_000

export const startChild = <In, Out>(options: ChildOptions<In>): Child<In, Out> => {
  const { name, file, channel } = options
  const process_: ChildProcess = spawn(
    process.execPath,
    [...process.execArgv, "--disable-warning=ExperimentalWarning", file, ...(options.args ?? [])],
    {
      stdio: channel === "ipc" ? ["ignore", "pipe", "pipe", "ipc"] : ["pipe", "pipe", "pipe"],
      env: environment(),
      // Ctrl-C in a terminal is for the command alone, which then ends its processes in order.
      detached: true
    }
  )
  const came: Out[] = []
  const waiting = new Set<{ readonly look: () => boolean; readonly fail: (reason: Error) => void }>()
  const failure = Promise.withResolvers<string>()
  const exit = Promise.withResolvers<void>()
  let closing = false
  let over: Error | undefined

  const arrive = (message: Out): void => {
    came.push(message)
    for (const one of waiting) if (one.look()) waiting.delete(one)
  }
  const finish = (sentence: string): void => {
    if (over !== undefined) return
    over = new Error(sentence)
    if (!closing) failure.resolve(sentence)
    for (const one of waiting) one.fail(over)
    waiting.clear()
    exit.resolve()
  }
  // What a process says goes to standard error: standard output is the command's own.
  const relay = (line: string): void => void process.stderr.write(`${safe(line)}\n`)
  eachLine(process_.stderr, relay)
  if (channel === "ipc") {
    process_.on("message", (message) => arrive(message as Out))
    eachLine(process_.stdout, relay)
  } else {
    eachLine(process_.stdout, (line) => {
      try {
        arrive(JSON.parse(line) as Out)
      } catch {
        relay(`${name}: ${line}`)
      }
    })
  }
  process_.stdin?.on("error", () => {})
  process_.once("error", (error) => finish(`${name} could not be started: ${error.message}`))
  // `close` comes after the last of what it said
  process_.once("close", (code, signal) =>
    finish(`${name} ended ${signal === null ? `with code ${code}` : `by ${signal}`}; see above for the reason.`)
  )
  // The command may end without any chance to wait; what it started must not outlive it.
  const onExit = (): void => void process_.kill("SIGTERM")
  process.once("exit", onExit)
  void exit.promise.then(() => process.off("exit", onExit))

  const send = (message: In): void => {
    if (over !== undefined) return
    if (channel === "ipc") process_.connected && process_.send(message as object, () => {})
    else process_.stdin?.write(`${JSON.stringify(message)}\n`)
  }
  return {
    name,
    pid: process_.pid ?? 0,
    send,
    next: <M extends Out>(fits: (message: Out) => message is M) =>
      new Promise<M>((resolve, reject) => {
        const look = (): boolean => {
          const at = came.findIndex(fits)
          if (at < 0) return false
          resolve(came.splice(at, 1)[0] as M)
          return true
        }
        if (look()) return
        if (over === undefined) waiting.add({ look, fail: reject })
        else reject(over)
      }),
    failed: failure.promise,
    close: async () => {
      closing = true
      if (over === undefined) {
        if (options.stop === undefined) process_.stdin?.end()
        else send(options.stop)
        const timer = setTimeout(() => process_.kill("SIGKILL"), KILL_MILLIS)
        await exit.promise
        clearTimeout(timer)
      }
    }
  }
}
