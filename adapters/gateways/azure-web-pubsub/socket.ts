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
import type { Json } from "../../../src/protocol/Json.ts"

export interface SocketHandlers {
  /** Messages arrive from now on; again after `recover`. */
  readonly onConnected: () => void
  readonly onFrame: (group: string, text: string) => void
  /** Anything at all arrived. */
  readonly onAlive: () => void
  /** The socket is gone, or could not be opened. */
  readonly onEnded: (message: string) => void
}
export interface Socket {
  /** Goes on with the same connection after `onEnded`. False when the service ended it, or gave no token for it. */
  readonly recover: () => boolean
  readonly invoke: (event: string, data: Json, options: { readonly timeoutMillis: number }) => Promise<unknown>
  /** Resolves when the service has confirmed. `ackId` is new for each call. */
  readonly joinGroup: (group: string, ackId: number) => Promise<void>
  readonly leaveGroup: (group: string, ackId: number) => Promise<void>
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
  let wasConnected = false
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
            if (message === null || Array.isArray(message) || message.kind !== "connected") return message
            const { connectionId, reconnectionToken } = message as { connectionId: string; reconnectionToken?: string }
            if (reconnectionToken) recoveryUrl = withRecovery(url, connectionId, reconnectionToken)
            return { ...message, reconnectionToken: "" }
          } catch {
            // Not a message of this protocol. Whatever it carried is in the log.
            return null
          }
        },
        writeMessage: (message) =>
          message.kind === "sendEvent" && (message as { event?: string }).event === PING
            ? json.writeMessage({ kind: "ping" })
            : json.writeMessage(message)
      }
    }
  )
  client.on("connected", () => {
    if (closed) return client.stop()
    wasConnected = true
    handlers.onConnected()
  })
  client.on("group-message", ({ message }) => {
    const { sequenceId, fromUserId, dataType, data, group } = message
    if (sequenceId !== undefined) {
      if (sequenceId <= lastSequence) return
      lastSequence = sequenceId
    }
    if (closed || fromUserId !== undefined || dataType !== "text" || typeof data !== "string") return
    handlers.onFrame(group, data)
  })
  client.on("disconnected", ({ message }) => void (goodbye = message?.message))
  client.on("stopped", () =>
    end(goodbye ?? (wasConnected ? "the connection was cut" : "the service closed the connection"))
  )

  const end = (message: string) => {
    if (!closed) handlers.onEnded(message)
  }
  const start = () => {
    wasConnected = false
    goodbye = undefined
    client.start().then(
      () => {
        if (closed) client.stop()
      },
      (cause: unknown) =>
        end(cause instanceof Error && cause.message ? cause.message : "the connection could not be opened")
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
    joinGroup: async (group, ackId) => void (await client.joinGroup(group, { ackId })),
    leaveGroup: async (group, ackId) => void (await client.leaveGroup(group, { ackId })),
    ping: () => void client.sendEvent(PING, "", "text", { fireAndForget: true }).catch(() => {}),
    close: () => {
      closed = true
      client.stop()
    }
  }
}

const withRecovery = (url: string, connection: string, token: string): string => {
  const recovery = new URL(url)
  recovery.searchParams.set("awps_connection_id", connection)
  recovery.searchParams.set("awps_reconnection_token", token)
  return recovery.toString()
}
