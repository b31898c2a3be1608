/**
 * One connection of `@azure/web-pubsub-client` 1.1.0, driven through its public options only.
 *
 * The SDK speaks the protocol (frames, acks, sequence acks, duplicates); when to connect, recover and give up is
 * decided here, because it offers no event for "recovering", no ping on demand, retries a failed recovery only every
 * second, goes on trying for 30 s after `stop()`, and keeps a Node process alive for 40 s with its keep-alive timers.
 * The hook for all of that is its `protocol` option: the wrapped protocol sees every message, keeps the recovery token
 * to itself (so that the SDK ends instead of recovering), writes pings, and never throws into a socket's callback.
 */
import { WebPubSubClient, WebPubSubJsonReliableProtocol } from "@azure/web-pubsub-client"
import type { ConnectedMessage } from "@azure/web-pubsub-client"
import type { Json } from "../../../src/protocol/Json.ts"

export interface SocketHandlers {
  /** Messages arrive from now on; again after `recover`. */
  readonly onConnected: () => void
  readonly onFrame: (text: string, group: string) => void
  /** Anything at all arrived. */
  readonly onAlive: () => void
  /** The socket is gone, or could not be opened. */
  readonly onEnded: (message: string) => void
}
export interface Socket {
  /** Goes on with the same connection after `onEnded`. False when the service ended it, or gave no token for it. */
  readonly recover: () => boolean
  readonly invoke: (event: string, data: Json, options: { readonly timeoutMillis: number }) => Promise<unknown>
  /** Joins and leaves groups; give each call an `ackId` of its own. */
  readonly client: Pick<WebPubSubClient, "joinGroup" | "leaveGroup">
  readonly ping: () => void
  readonly close: () => void
}

/** A user event that never leaves: the wrapped protocol writes it as the service's own `ping`. */
const PING = "throughline.ping"

export const openSocket = (url: string, handlers: SocketHandlers): Socket => {
  const json = WebPubSubJsonReliableProtocol()
  let target = url
  let recoveryUrl: string | undefined
  let lastSequence = 0
  let closed = false
  /** What the service said before it closed the connection. */
  let goodbye: string | undefined

  const client = new WebPubSubClient(
    { getClientAccessUrl: () => Promise.resolve(target) },
    {
      autoReconnect: false,
      autoRejoinGroups: false,
      messageRetryOptions: { maxRetries: 0 },
      keepAliveIntervalInMs: 0,
      keepAliveTimeoutInMs: 0,
      protocol: {
        name: json.name,
        isReliableSubProtocol: true,
        parseMessages: (input) => {
          handlers.onAlive()
          try {
            const message = json.parseMessages(input)
            const connected = message as ConnectedMessage | null
            if (connected?.kind !== "connected") return message
            const { connectionId, reconnectionToken } = connected
            // The service's addresses end in `?access_token=…`.
            if (reconnectionToken)
              recoveryUrl = `${url}&${new URLSearchParams({
                awps_connection_id: connectionId,
                awps_reconnection_token: reconnectionToken
              })}`
            return { ...connected, reconnectionToken: "" }
          } catch {
            // Not a message of this protocol. Whatever it carried is in the log.
            return null
          }
        },
        writeMessage: (message) =>
          json.writeMessage((message as { event?: string }).event === PING ? { kind: "ping" } : message)
      }
    }
  )
  client.on("connected", () => {
    if (closed) return client.stop()
    handlers.onConnected()
  })
  client.on("group-message", ({ message }) => {
    const { sequenceId, fromUserId, dataType, data, group } = message
    if (sequenceId! <= lastSequence) return
    lastSequence = sequenceId ?? lastSequence
    if (closed || fromUserId !== undefined || dataType !== "text" || typeof data !== "string") return
    handlers.onFrame(data, group)
  })
  client.on("disconnected", ({ message }) => void (goodbye = message?.message))
  client.on("stopped", () => end(goodbye ?? "cut"))

  const end = (message: string) => {
    if (!closed) handlers.onEnded(message)
  }
  const start = () => {
    goodbye = undefined
    client.start().then(
      () => {
        if (closed) client.stop()
      },
      (cause?: { readonly message?: string }) => end(cause?.message || "not opened")
    )
  }
  start()

  return {
    recover: () => {
      if (recoveryUrl === undefined || goodbye !== undefined || closed) return false
      target = recoveryUrl
      recoveryUrl = undefined
      start()
      return true
    },
    invoke: async (event, data, { timeoutMillis }) =>
      (await client.invokeEvent(event, data as object, "json", { abortSignal: AbortSignal.timeout(timeoutMillis) }))
        .data,
    client,
    ping: () => void client.sendEvent(PING, "", "text", { fireAndForget: true }).catch(() => {}),
    close: () => {
      closed = true
      client.stop()
    }
  }
}
