/**
 * One gateway as a process of the stack: told over Node's IPC which to start and where the backend is; gone when the command
 * is.
 */
import process from "node:process"
import type { LocalGateway, StartGateway } from "./LocalGateway.ts"
import type { GatewayName } from "./settings.ts"

export type ToGateway =
  | { readonly type: "start"; readonly name: GatewayName; readonly upstream: string }
  | { readonly type: "cut" }
  | { readonly type: "stop" }
export type FromGateway =
  | { readonly type: "listening"; readonly gateway: Pick<LocalGateway, "settings" | "connectsTo"> }
  | { readonly type: "ready" | "done" }
  | { readonly type: "failed"; readonly message: string }

const START: Readonly<Record<GatewayName, () => Promise<{ readonly start: StartGateway }>>> = {
  "azure-web-pubsub": () => import("./azure-web-pubsub.ts"),
  ws: () => import("./ws.ts"),
  sse: () => import("./sse.ts"),
  pusher: () => import("./pusher.ts"),
  "socket.io": () => import("./socket.io.ts"),
  "cloudflare-durable-objects": () => import("./cloudflare-durable-objects.ts")
}

const say = (message: FromGateway): void => void (process.connected && process.send?.(message))
let gateway: LocalGateway | undefined

const end = (): void => {
  const closed = gateway?.close() ?? Promise.resolve()
  closed.finally(() => process.exit(0))
}
const obey = async (message: ToGateway): Promise<void> => {
  switch (message.type) {
    case "start": {
      const { start } = await START[message.name]()
      gateway = await start({ upstream: message.upstream })
      const { connectsTo, ready, settings } = gateway
      say({ type: "listening", gateway: { connectsTo, settings } })
      await ready
      return say({ type: "ready" })
    }
    case "cut":
      await gateway?.cut()
      return say({ type: "done" })
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
// in a terminal Ctrl-C reaches every process of the group; the command decides what follows
process.on("SIGINT", () => {})
