/**
 * The client half for NATS, on `@nats-io/nats-core` over the server's WebSocket: browsers and Node from version 22 on.
 *
 * No recovery: a cut ends the connection at once, and so does the token's end; the caller asks for a new grant.
 */
import { jwtAuthenticator, wsconnect, type NatsConnection } from "@nats-io/nats-core"
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { rightsOf, type FromBridge, type FromClient, type Rights } from "./wire.ts"

export interface NatsClientOptions {
  /** An attempt that is not through by then has failed. Default 10 s. */
  readonly connectMillis?: number
}
/** A connection that answers no ping for two of these is dead. */
const PING_MILLIS = 15_000

export const natsClient = ({ connectMillis = 10_000 }: NatsClientOptions = {}): GatewayClient => ({
  name: "nats",
  connect: (grant, handlers): GatewayConnection => {
    let socket: WebSocket | undefined
    let connection: NatsConnection | undefined
    let rights: Rights | undefined
    let ended = false
    const ending = Promise.withResolvers<never>()
    ending.promise.catch(() => {})

    const end = (message: string) => {
      if (ended) return
      ended = true
      clearTimeout(patience)
      ending.reject(new Error(message))
      void connection?.close()
      socket?.close()
      queueMicrotask(() => handlers.onClosed({ message }))
    }
    const patience = setTimeout(() => end(`no connection within ${connectMillis} ms`), connectMillis)

    const dial = async () => {
      rights = rightsOf(grant.token ?? "")
      const opened = await wsconnect({
        servers: grant.url,
        authenticator: jwtAuthenticator(rights.jwt, new TextEncoder().encode(rights.seed)),
        inboxPrefix: rights.inbox,
        reconnect: false,
        ignoreClusterUpdates: true,
        noAsyncTraces: true,
        timeout: connectMillis,
        pingInterval: PING_MILLIS,
        wsFactory: async (url) => {
          if (ended) throw new Error("closed by the caller")
          socket = new WebSocket(url)
          return { socket, encrypted: url.startsWith("wss:") }
        }
      })
      connection = opened
      if (ended) return void opened.close()
      void opened.closed().then((problem) => end(problem?.message ?? "the connection was cut"))
      void watch(opened)
      for (const subject of rights.groups) {
        opened.subscribe(subject, {
          callback: (problem, message) => {
            if (ended) return
            if (problem !== null) return end(problem.message)
            handlers.onAlive()
            handlers.onFrame(message.string())
          }
        })
      }
      await Promise.race([opened.flush(), ending.promise])
      clearTimeout(patience)
      if (!ended) handlers.onOpen()
    }
    /** What the server says before it cuts, and a cut itself, earlier than the socket's own end. */
    const watch = async (opened: NatsConnection) => {
      for await (const status of opened.status()) {
        if (status.type === "error") end(status.error.message)
        else if (status.type === "disconnect" || status.type === "staleConnection") end("the connection was cut")
      }
    }
    dial().catch((cause: unknown) => end(cause instanceof Error ? cause.message : "the connection was refused"))

    const invoke = async (event: string, data: Json, { timeoutMillis }: { readonly timeoutMillis: number }) => {
      if (ended || connection === undefined || rights === undefined) throw new Error("the connection is not open")
      const body = JSON.stringify({ ticket: rights.ticket, event, data } satisfies FromClient)
      const asked = connection.request(rights.up, body, { timeout: timeoutMillis })
      const answer = (await Promise.race([asked, ending.promise])).json<FromBridge>()
      handlers.onAlive()
      if ("failed" in answer) throw new Error(answer.failed)
      return answer.reply
    }
    return {
      ...(grant.upstream ? { invoke } : {}),
      ping: () => void (ended ? undefined : connection?.flush().then(handlers.onAlive, () => {})),
      close: () => end("closed by the caller")
    }
  }
})
