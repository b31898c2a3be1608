/**
 * The client half for Azure Web PubSub: grants into frames, over the unmodified `@azure/web-pubsub-client`.
 *
 * A cut is bridged once, at once, by the service's own recovery; if that fails, the connection has ended and the
 * caller asks for a new grant. Waiting longer would gain nothing, since the log fills every gap. Messages that were
 * published by another client (`fromUserId`) are dropped: only the backend speaks in a group.
 */
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import { openSocket } from "./socket.ts"

export interface AzureWebPubSubClientOptions {
  /** How long one attempt to recover may take before the connection counts as ended. Default 2 s. */
  readonly recoverWithinMillis?: number
}

export const azureWebPubSubClient = (options: AzureWebPubSubClientOptions = {}): GatewayClient => ({
  name: "azure-web-pubsub",
  connect: (grant, handlers): GatewayConnection => {
    let state: "connecting" | "open" | "recovering" | "closed" = "connecting"
    let deadline: ReturnType<typeof setTimeout> | undefined

    /** Silences the connection now, reports a turn later: the caller may be inside one of its own handlers. */
    const close = (message: string) => {
      if (state === "closed") return
      state = "closed"
      clearTimeout(deadline)
      socket.close()
      queueMicrotask(() => handlers.onClosed({ message }))
    }
    const socket = openSocket(grant.url, {
      onConnected: () => {
        clearTimeout(deadline)
        state = "open"
        handlers.onOpen()
      },
      onFrame: handlers.onFrame,
      onAlive: handlers.onAlive,
      onEnded: (message) => {
        if (state !== "open" || !socket.recover()) return close(message)
        state = "recovering"
        deadline = setTimeout(() => close("not recovered"), options.recoverWithinMillis ?? 2_000)
        handlers.onInterrupted()
      }
    })
    return {
      ...(grant.upstream && { invoke: socket.invoke }),
      ping: socket.ping,
      close: () => close("closed")
    }
  }
})
