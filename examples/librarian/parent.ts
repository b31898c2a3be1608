/**
 * How a process of the stack talks with the command that started it: settings in, readiness out, over Node's IPC.
 *
 * Secrets travel this way only: neither arguments nor the environment of a process show them. When the command is
 * gone, however it went, the process ends itself.
 */
import process from "node:process"
import type { LocalGateway } from "../gateways/LocalGateway.ts"

/** What every process of the stack is told. */
export interface StackSettings {
  readonly docs: string
  /** The SQLite file that server and worker share. */
  readonly file: string
  /** Where the server listens; 0 for any free port. */
  readonly port: number
  /** Who has it may use the backend. Secret. */
  readonly token: string
  /** Whether the server serves the page; a question asked in the terminal needs none. */
  readonly page: boolean
}
/** Where the gateway is and what opens it. */
export type OpenedGateway = Pick<LocalGateway, "settings" | "connectsTo">
export type ToChild =
  | { readonly type: "settings"; readonly settings: StackSettings }
  | { readonly type: "gateway"; readonly gateway: OpenedGateway }
  | { readonly type: "stop" }
export type ToParent =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "ready" }
  /** A sentence for people. */
  | { readonly type: "failed"; readonly message: string }

export interface Parent {
  readonly settings: Promise<StackSettings>
  readonly gateway: Promise<OpenedGateway>
  readonly say: (message: ToParent) => void
}

/** `stop` is called once: when the command says so, or is gone, or on a signal. The process then ends. */
export const connectParent = (stop: () => Promise<void>): Parent => {
  if (process.send === undefined) {
    process.stderr.write("This process is started by `throughline start`.\n")
    process.exit(2)
  }
  const settings = Promise.withResolvers<StackSettings>()
  const gateway = Promise.withResolvers<OpenedGateway>()
  let stopping = false
  const end = (): void => {
    if (stopping) return
    stopping = true
    // What does not end by itself is ended: nothing that is not in the log is worth waiting for.
    setTimeout(() => process.exit(0), 3_000).unref()
    stop().finally(() => process.exit(0))
  }
  process.on("message", (message: ToChild) => {
    if (message.type === "settings") settings.resolve(message.settings)
    else if (message.type === "gateway") gateway.resolve(message.gateway)
    else end()
  })
  process.once("disconnect", end)
  process.once("SIGTERM", end)
  // In a terminal Ctrl-C reaches every process of the group; the command decides what follows.
  process.on("SIGINT", () => {})
  return {
    settings: settings.promise,
    gateway: gateway.promise,
    say: (message) => void (process.connected && process.send?.(message))
  }
}

/** Runs a process's main part; a failure is told to the command in a sentence, and ends the process. */
export const runChild = async (parent: Parent, main: () => Promise<void>): Promise<void> => {
  try {
    await main()
  } catch (error) {
    parent.say({ type: "failed", message: error instanceof Error ? error.message : String(error) })
    process.exitCode = 1
    process.disconnect?.()
  }
}
