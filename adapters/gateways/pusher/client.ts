/**
 * The client half for Pusher Channels, on the unmodified `pusher-js`: browsers and Node.
 *
 * No recovery: at the first sign that `pusher-js` would connect anew the connection has ended, and the caller asks for a
 * new grant. Only WebSockets, none of its HTTP fallbacks.
 */
import imported from "pusher-js"
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { makeInvokes } from "./invokes.ts"
import * as wire from "./wire.ts"

/** The package's types speak of a default export that its CommonJS does not have. */
const Pusher = imported as unknown as typeof imported.default

export interface PusherClientOptions {
  /** An attempt that is not through by then has failed. Default 10 s. */
  readonly openWithinMillis?: number
}

export const pusherClient = ({ openWithinMillis = 10_000 }: PusherClientOptions = {}): GatewayClient => ({
  name: "pusher",
  connect: (grant, handlers): GatewayConnection => {
    const { authUrl, base, key, up } = wire.parseConnectUrl(grant.url)
    const ending = new AbortController()
    /** Channels that are not joined yet. */
    const missing = new Set<string>()
    let authorization: Promise<wire.Authorization> | undefined
    let seal: string | undefined

    const close = (message: string) => {
      if (ending.signal.aborted) return
      ending.abort()
      clearTimeout(deadline)
      invokes.close()
      queueMicrotask(() => {
        // not before: `pusher-js` sets its timer for another attempt after it has told of it
        pusher.disconnect()
        // where it keeps every instance, for ever
        Pusher.instances.splice(Pusher.instances.indexOf(pusher), 1)
        handlers.onClosed({ message })
      })
    }
    const deadline = setTimeout(() => close(`not open within ${openWithinMillis} ms`), openWithinMillis)

    const authorize = async (socket: string): Promise<wire.Authorization> => {
      const body = new URLSearchParams({ socket, ticket: grant.token ?? "" })
      const response = await fetch(authUrl, { method: "POST", body, signal: ending.signal, credentials: "omit" })
      if (!response.ok) throw new Error(`the backend answered ${response.status}`)
      const { auth, seal: ours } = Object(await response.json()) as Partial<wire.Authorization>
      if (auth === undefined || ours === undefined) throw new Error("what answered is not the backend")
      seal = ours
      return { auth, seal }
    }
    const pusher = new Pusher(key, {
      ...transportOf(base),
      channelAuthorization: {
        customHandler: ({ channelName, socketId }, answer) => {
          // one answer is for all channels
          authorization ??= authorize(socketId)
          authorization.then(
            ({ auth }) => answer(null, { auth: auth[channelName] ?? "" }),
            (cause: unknown) => answer(cause instanceof Error ? cause : new Error(String(cause)), null)
          )
        }
      }
    })
    pusher.connection.bind("message", () => {
      if (!ending.signal.aborted) handlers.onAlive()
    })
    pusher.connection.bind("error", (problem: unknown) => {
      if (missing.size > 0) close(`refused: ${problemOf(problem)}`)
      // an event of ours was not taken, and nobody says which
      else invokes.fail(problemOf(problem))
    })
    pusher.connection.bind("connecting_in", () => close("the connection was cut"))
    pusher.connection.bind("state_change", ({ current, previous }: Record<"current" | "previous", string>) => {
      if (current !== "connected" && previous !== "initialized") close(`the connection is ${current}`)
    })

    const join = (name: string) => {
      missing.add(name)
      const channel = pusher.subscribe(name)
      channel.bind("pusher:subscription_succeeded", () => {
        if (ending.signal.aborted || !missing.delete(name) || missing.size > 0) return
        clearTimeout(deadline)
        handlers.onOpen()
      })
      channel.bind("pusher:subscription_error", (problem: unknown) => close(`refused: ${problemOf(problem)}`))
      return channel
    }
    for (const group of new Set(Object.values(grant.groups))) {
      join(wire.channelOf(group)).bind(wire.FRAME, (data: unknown) => {
        const frame = wire.unmarkFrame(data)
        if (frame !== undefined && !ending.signal.aborted) handlers.onFrame(frame)
      })
    }
    const own = up === undefined ? undefined : join(up)
    const invokes = makeInvokes(
      () => pusher.connection.socket_id,
      (id: string, event: string, data: Json) => {
        if (seal === undefined || missing.size > 0) throw new Error("the connection is not open")
        const invoke: wire.Invoke = { id, seal, event, data }
        if (new TextEncoder().encode(JSON.stringify(invoke)).length > wire.MAX_EVENT_BYTES)
          throw new Error(`the event is larger than ${wire.MAX_EVENT_BYTES} bytes`)
        if (!own?.trigger(wire.INVOKE, invoke)) throw new Error("the connection is not open")
      }
    )
    own?.bind(wire.REPLY, invokes.settle)

    return {
      ...(grant.upstream && own ? { invoke: invokes.invoke } : {}),
      ping: () => void pusher.send_event("pusher:ping", {}),
      close: () => close("closed by the caller")
    }
  }
})

const transportOf = (base: string) => {
  const { hostname, port, protocol } = new URL(base)
  return {
    // demanded, and not looked at beside `wsHost`
    cluster: "none",
    wsHost: hostname,
    ...(port === "" ? {} : { wsPort: Number(port), wssPort: Number(port) }),
    forceTLS: protocol === "wss:",
    // the transport of this name does both, as `forceTLS` says
    enabledTransports: ["ws" as const]
  }
}

/** `pusher-js` has a shape of its own for every occasion. */
const problemOf = (problem: unknown): string => {
  const { data, error, message } = Object(problem) as { data?: unknown; error?: unknown; message?: unknown }
  if (typeof error === "string") return error
  if (typeof message === "string") return message
  return data === undefined && error === undefined ? "no reason was given" : problemOf(error ?? data)
}
