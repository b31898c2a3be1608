/**
 * The sockets of the plain gateway: who is connected, in which groups, and what they may say.
 *
 * Bounded: a client whose unsent bytes exceed the limit is cut (it resumes from the log), one that answers no ping is
 * cut, one that floods is cut. Nothing a client sends can throw out of here.
 */
import { randomUUID } from "node:crypto"
import type { WebSocket } from "ws"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { quote } from "../../../src/protocol/Fault.ts"
import type { Ticket } from "../../../src/gateway/secrets.ts"
import type { FromClient, FromGateway } from "./wire.ts"

const MAX_INVOKES_IN_FLIGHT = 16
const MAX_GROUPS = 10_000

/** Asks the backend; rejects when there is no answer to pass on. */
export type AskBackend = (event: UpstreamEvent) => Promise<unknown>

interface Connection {
  readonly id: string
  readonly socket: WebSocket
  readonly ticket: Ticket
  readonly groups: Set<string>
  invokes: number
  answered: boolean
}

export interface Sockets {
  readonly accept: (socket: WebSocket, ticket: Ticket) => void
  readonly publish: (group: string, text: Buffer) => void
  /** Takes every connection of the principal out of the group. */
  readonly revoke: (tenant: string, id: string, group: string) => void
  readonly count: () => number
  /** Destroys every socket without a goodbye, as a failing network would. */
  readonly cut: () => void
  readonly close: () => void
}

const tenantOf = (ticket: Ticket) => ticket.principal.tenant ?? "main"
const say = (connection: Connection, message: FromGateway) => connection.socket.send(JSON.stringify(message))

export const makeSockets = (options: {
  readonly maxBufferedBytes: number
  readonly heartbeatMillis: number
  readonly ask: AskBackend | undefined
}): Sockets => {
  const connections = new Set<Connection>()
  const members = new Map<string, Set<Connection>>()

  const join = (connection: Connection, group: string) => {
    connection.groups.add(group)
    const known = members.get(group)
    if (known === undefined) members.set(group, new Set([connection]))
    else known.add(connection)
  }
  const leave = (connection: Connection, group: string) => {
    connection.groups.delete(group)
    const known = members.get(group)
    known?.delete(connection)
    if (known?.size === 0) members.delete(group)
  }
  const tell = (connection: Connection, type: "connected" | "disconnected") => {
    if (connection.ticket.worker) return
    // Nobody waits for it; a backend that is away misses it.
    options.ask?.({ type, connection: connection.id, principal: connection.ticket.principal }).catch(() => {})
  }
  const invoke = async (connection: Connection, id: number, name: string, data: Json) => {
    if (options.ask === undefined) return say(connection, ["failed", id, "this gateway has no upstream"])
    if (connection.invokes >= MAX_INVOKES_IN_FLIGHT)
      return say(connection, ["failed", id, "too many invokes in flight"])
    connection.invokes++
    try {
      const reply = await options.ask({
        type: "event",
        connection: connection.id,
        principal: connection.ticket.principal,
        name,
        data
      })
      say(connection, ["reply", id, reply])
    } catch (cause) {
      say(connection, ["failed", id, cause instanceof Error ? cause.message : "the backend did not answer"])
    } finally {
      connection.invokes--
    }
  }
  const receive = (connection: Connection, raw: string) => {
    const message = parseFromClient(raw)
    if (typeof message === "string") return connection.socket.close(1008, message.slice(0, 120))
    const { worker } = connection.ticket
    if (message.type === "ping") return say(connection, ["pong"])
    if (message.type === "invoke" && !worker) return void invoke(connection, message.id, message.event, message.data)
    if (message.type === "invoke" || !worker)
      return connection.socket.close(1008, `${message.type} is not allowed here`)
    if (message.type === "leave") leave(connection, message.group)
    else if (connection.groups.size >= MAX_GROUPS) return say(connection, ["failed", message.id, "too many groups"])
    else join(connection, message.group)
    say(connection, ["reply", message.id, null])
  }
  const accept = (socket: WebSocket, ticket: Ticket) => {
    const connection: Connection = { id: randomUUID(), socket, ticket, groups: new Set(), invokes: 0, answered: true }
    connections.add(connection)
    for (const group of ticket.groups) join(connection, group)
    socket.on("pong", () => void (connection.answered = true))
    socket.on("message", (data, isBinary) => {
      connection.answered = true
      if (isBinary) socket.close(1003, "only text")
      else receive(connection, String(data))
    })
    // `close` follows; unhandled, it would end the process.
    socket.on("error", () => {})
    socket.on("close", () => {
      connections.delete(connection)
      for (const group of [...connection.groups]) leave(connection, group)
      tell(connection, "disconnected")
    })
    say(connection, ["open"])
    tell(connection, "connected")
  }
  const heartbeat = setInterval(() => {
    for (const connection of connections) {
      if (!connection.answered) connection.socket.terminate()
      else {
        connection.answered = false
        connection.socket.ping()
      }
    }
  }, options.heartbeatMillis)
  heartbeat.unref()

  return {
    accept,
    publish: (group, text) => {
      let forWorkers: string | undefined
      for (const connection of members.get(group) ?? []) {
        if (connection.socket.bufferedAmount > options.maxBufferedBytes) connection.socket.terminate()
        else if (connection.ticket.worker)
          connection.socket.send((forWorkers ??= JSON.stringify(["frame", group, text.toString()])))
        else connection.socket.send(text, { binary: false })
      }
    },
    revoke: (tenant, id, group) => {
      for (const connection of [...(members.get(group) ?? [])]) {
        if (
          !connection.ticket.worker &&
          connection.ticket.principal.id === id &&
          tenantOf(connection.ticket) === tenant
        )
          leave(connection, group)
      }
    },
    count: () => connections.size,
    cut: () => {
      for (const { socket } of connections) socket.terminate()
    },
    close: () => {
      clearInterval(heartbeat)
      for (const { socket } of connections) {
        socket.close(1001, "the gateway closes")
        setTimeout(() => socket.terminate(), 200).unref()
      }
    }
  }
}

/** The message, or what is wrong with it. */
const parseFromClient = (raw: string): FromClient | string => {
  let message: Partial<Record<"type" | "id" | "event" | "data" | "group", unknown>> | null
  try {
    message = JSON.parse(raw)
  } catch {
    return "BAD_JSON: the message is not JSON"
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return "BAD_SHAPE: expected an object"
  const { type, id, event, group, data } = message
  if (type === "ping") return { type }
  if (!Number.isSafeInteger(id) || (id as number) < 0) return "BAD_NUMBER: id must be an integer from 0"
  if (type === "invoke") {
    if (typeof event !== "string" || event === "" || event.length > 128)
      return "BAD_SHAPE: event must have 1–128 characters"
    return { type, id: id as number, event, data: (data ?? null) as Json }
  }
  if (type === "join" || type === "leave") {
    if (typeof group !== "string" || group === "" || group.length > 128)
      return "BAD_SHAPE: group must have 1–128 characters"
    return { type, id: id as number, group }
  }
  return `UNKNOWN_TYPE: ${quote(type)}`
}
