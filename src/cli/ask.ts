/**
 * `throughline start --ask`: one question through the whole stack, printed as it streams over the real socket.
 */
import { randomUUID } from "node:crypto"
import { openThread } from "throughline/client"
import type { GatewayClient, Thread } from "throughline/client"
import { gatewayClient } from "./clients.ts"
import { decider } from "./decide.ts"
import type { Decision } from "./decide.ts"
import { printer } from "./print.ts"
import { startStack } from "./stack.ts"
import type { Stack, StackOptions } from "./stack.ts"

/** How long a run that was told to stop may take to say so. */
const STOP_MILLIS = 5_000

export interface Question {
  readonly question: string
  readonly depth: "best" | "all"
}
export interface AskSettings {
  readonly format: "text" | "json"
  /** What to answer when the run asks; whoever sits at the terminal when absent. */
  readonly decision?: Decision
}

/** Resolves with the exit code: 0 completed, 1 failed, 130 stopped by Ctrl-C. */
export const ask = async (options: StackOptions, question: Question, settings: AskSettings): Promise<number> => {
  const stop = new AbortController()
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  // Whoever reads our output may leave early, such as `head`.
  process.stdout.on("error", () => stop.abort())

  const [stack, client] = await Promise.all([startStack(options), gatewayClient(options.gateway)])
  try {
    return await Promise.race([
      conversation(stack, client, question, settings, stop.signal),
      stack.failed.then((sentence) => {
        process.stderr.write(`${sentence}\n`)
        return 1
      })
    ])
  } finally {
    await stack.close()
    process.off("SIGINT", onSignal)
    process.off("SIGTERM", onSignal)
  }
}

const conversation = async (
  stack: Stack,
  client: GatewayClient,
  question: Question,
  settings: AskSettings,
  stop: AbortSignal
): Promise<number> => {
  if (stop.aborted) return 130
  const thread = openThread({
    endpoint: `${stack.url}api`,
    thread: randomUUID(),
    gateways: [client],
    token: () => stack.token
  })
  try {
    const outcome = follow(thread, settings, stop)
    const started = await thread.start("librarian", { ...question }, { message: question.question })
    if (!started.ok) {
      process.stderr.write(`${started.error.message} (${started.error.code})\n`)
      return 1
    }
    const cancel = (): void => void thread.cancel(started.run, { reason: "stopped in the terminal" })
    if (stop.aborted) cancel()
    else stop.addEventListener("abort", cancel, { once: true })
    const ended = await outcome
    if (stop.aborted) return 130
    return ended === "completed" ? 0 : 1
  } finally {
    thread.close()
  }
}

/** Prints events until the run has ended, or, once told to stop, until it is clear that it will not say so. */
const follow = async (
  thread: Thread,
  { decision, format }: AskSettings,
  stop: AbortSignal
): Promise<"completed" | "cancelled" | "failed" | "unknown"> => {
  const giveUp = new AbortController()
  let timer: NodeJS.Timeout | undefined
  stop.addEventListener("abort", () => (timer = setTimeout(() => giveUp.abort(), STOP_MILLIS)), { once: true })
  const print = format === "json" ? undefined : printer(process.stdout, { colour: colourWanted() })
  const decide = decider(thread, decision)
  try {
    for await (const { event } of thread.events({ after: 0, signal: giveUp.signal })) {
      if (print === undefined) process.stdout.write(`${JSON.stringify(event)}\n`)
      else print(event)
      decide(event)
      if (event.type === "run.finished" && "outcome" in event)
        return (event.outcome as { readonly type: "completed" | "cancelled" | "failed" }).type
    }
    return "unknown"
  } finally {
    clearTimeout(timer)
  }
}

const colourWanted = (): boolean =>
  process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb"
