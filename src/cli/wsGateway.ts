/**
 * The plain WebSocket gateway as a process of the stack: told what to do over Node's IPC, gone when the command is.
 */
import process from "node:process"
import { startWsGateway } from "throughline/adapters/gateways/ws/gateway"
import type { WsGateway } from "throughline/adapters/gateways/ws/gateway"

/** `cut` destroys every socket, as a failing network would. */
export type ToWsGateway =
  | { readonly type: "start"; readonly key: string }
  | { readonly type: "upstream"; readonly url: string }
  | { readonly type: "cut" }
  | { readonly type: "stop" }
export type FromWsGateway =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly message: string }

const say = (message: FromWsGateway): void => void (process.connected && process.send?.(message))
let gateway: WsGateway | undefined

const end = (): void => {
  const closed = gateway?.close() ?? Promise.resolve()
  closed.finally(() => process.exit(0))
}
const obey = async (message: ToWsGateway): Promise<void> => {
  switch (message.type) {
    case "start":
      gateway = await startWsGateway({ key: message.key })
      say({ type: "listening", url: gateway.url })
      return
    case "upstream":
      gateway?.setUpstream(message.url)
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
process.on("message", (message: ToWsGateway) => {
  obey(message).catch((error: unknown) => {
    say({ type: "failed", message: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  })
})
process.once("disconnect", end)
process.once("SIGTERM", end)
