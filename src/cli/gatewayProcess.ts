/**
 * A gateway of our own (`ws`, `sse`) as a process of the stack: told what to do over Node's IPC, gone when the command is.
 */
import process from "node:process"
import { startSseGateway } from "throughline/adapters/gateways/sse/gateway"
import { startWsGateway } from "throughline/adapters/gateways/ws/gateway"

export type OwnGateway = "ws" | "sse"
/** `cut` destroys every connection, as a failing network would. */
export type ToGateway =
  | { readonly type: "start"; readonly name: OwnGateway; readonly key: string }
  | { readonly type: "upstream"; readonly url: string }
  | { readonly type: "cut" }
  | { readonly type: "stop" }
export type FromGateway =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly message: string }

interface Running {
  readonly url: string
  /** Absent where nothing comes back over the gateway. */
  readonly setUpstream?: (url: string) => void
  readonly cut: () => void
  readonly close: () => Promise<void>
}
const START: Readonly<Record<OwnGateway, (options: { readonly key: string }) => Promise<Running>>> = {
  ws: startWsGateway,
  sse: startSseGateway
}

const say = (message: FromGateway): void => void (process.connected && process.send?.(message))
let gateway: Running | undefined

const end = (): void => {
  const closed = gateway?.close() ?? Promise.resolve()
  closed.finally(() => process.exit(0))
}
const obey = async (message: ToGateway): Promise<void> => {
  switch (message.type) {
    case "start":
      gateway = await START[message.name]({ key: message.key })
      say({ type: "listening", url: gateway.url })
      return
    case "upstream":
      gateway?.setUpstream?.(message.url)
      say({ type: "done" })
      return
    case "cut":
      gateway?.cut()
      say({ type: "done" })
      return
    case "stop":
      end()
  }
}
process.on("message", (message: ToGateway) => {
  obey(message).catch((error: unknown) => {
    say({ type: "failed", message: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  })
})
process.once("disconnect", end)
process.once("SIGTERM", end)
