/**
 * The namespace of a Socket.IO server that clients and workers connect to: who may come in, what they hear, what they may
 * say. Groups are rooms, and so is each principal, for `revoke`.
 *
 * Bounded: who does not read is cut, and 16 invokes of one client are in flight at most. Nothing a client sends throws
 * out of here. Keys, tickets and claims stay out of what Socket.IO keeps and sends between nodes.
 */
import type { Namespace, Socket } from "socket.io"
import { openTicket, type GatewaySecrets, type Ticket } from "../../../src/gateway/secrets.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import { makeWatch } from "./backlog.ts"
import { nameOf, type Revocations } from "./revocations.ts"
import { MAX_GROUPS, type Answer } from "./wire.ts"

const MAX_INVOKES_IN_FLIGHT = 16
const MAX_NAME_LENGTH = 128

export interface Sockets {
  readonly publish: (group: string, frame: string) => void
  /** Takes every connection of the principal out of the group, on all nodes. */
  readonly remove: (principal: Principal, group: string) => void
}
// each socket is in a room of its own id, too
const roomOf = (group: string) => `group:${group}`
const roomOfPrincipal = (principal: Principal) => `principal:${nameOf(principal)}`

export const makeSockets = (
  namespace: Namespace,
  options: {
    readonly secrets: readonly GatewaySecrets[]
    readonly revocations: Revocations
    readonly maxBufferedBytes: number
    /** Asks the backend; rejects when there is no answer to pass on. */
    readonly ask: (event: UpstreamEvent) => Promise<unknown>
  }
): Sockets => {
  const { ask, revocations, secrets } = options
  const watch = makeWatch(options.maxBufferedBytes)
  const tickets = new WeakMap<Socket, Ticket>()

  /** Answers why the socket may not come in. */
  const admit = async (socket: Socket): Promise<string | undefined> => {
    const { token }: { readonly token?: unknown } = socket.handshake.auth
    // other nodes get to see handshakes
    socket.handshake.auth = {}
    const ticket = typeof token === "string" ? await openTicket(secrets, token) : undefined
    if (ticket === undefined) return "the token is missing, expired or not of this gateway's key"
    const revoked = await revocations.of(ticket.principal)
    tickets.set(socket, { ...ticket, groups: ticket.groups.filter((group) => !revoked.has(group)) })
    return undefined
  }
  namespace.use(async (socket, next) => {
    const problem = await admit(socket).catch(() => "the gateway cannot look up what was revoked; try again")
    next(problem === undefined ? undefined : new Error(problem))
  })

  const tell = (type: "connected" | "disconnected", socket: Socket, { principal }: Ticket) => {
    // nobody waits for it; a backend that is away misses it
    ask({ type, connection: socket.id, principal }).catch(() => {})
  }
  const enter = async (socket: Socket, ticket: Ticket) => {
    const { groups, principal } = ticket
    let inFlight = 0
    const invoke = async (name: unknown, data: unknown): Promise<Answer> => {
      if (!isName(name)) return { ok: false, problem: `an event's name has 1–${MAX_NAME_LENGTH} characters` }
      if (inFlight >= MAX_INVOKES_IN_FLIGHT) return { ok: false, problem: "too many invokes in flight" }
      inFlight++
      try {
        return { ok: true, reply: await ask({ type: "event", connection: socket.id, principal, name, data }) }
      } catch (cause) {
        return { ok: false, problem: cause instanceof Error ? cause.message : "the backend did not answer" }
      } finally {
        inFlight--
      }
    }
    tell("connected", socket, ticket)
    socket.on("disconnect", () => tell("disconnected", socket, ticket))
    socket.on("invoke", (name: unknown, data: unknown, answer: unknown) => {
      if (typeof answer === "function") void invoke(name, data).then((result) => answer(result))
    })
    await socket.join([roomOfPrincipal(principal), ...groups.map(roomOf)])
    // what was revoked since `admit` looked found nobody in the room
    for (const group of await revocations.of(principal)) await socket.leave(roomOf(group))
  }
  const enterAsWorker = (socket: Socket) => {
    socket.on("join", (groups: unknown, answer: unknown) => {
      if (!Array.isArray(groups) || !groups.every(isName) || typeof answer !== "function") return
      const rooms = groups.map(roomOf)
      // one of them is the socket's own
      const isTooMany = new Set([...socket.rooms, ...rooms]).size > MAX_GROUPS + 1
      if (!isTooMany) void socket.join(rooms)
      answer(isTooMany ? { ok: false, problem: "too many groups" } : { ok: true, reply: null })
    })
    socket.on("leave", (group: unknown) => {
      if (isName(group)) void socket.leave(roomOf(group))
    })
  }
  namespace.on("connection", (socket) => {
    const ticket = tickets.get(socket)
    // nobody who was brought back by Socket.IO's own recovery has shown a token
    if (ticket === undefined) return void socket.disconnect(true)
    watch(socket.conn)
    // and what it keeps of a session for that hears nothing
    socket.on("disconnecting", () => {
      for (const room of socket.rooms) void socket.leave(room)
    })
    socket.on("ping", (answer: unknown) => {
      if (typeof answer === "function") answer()
    })
    const entered = ticket.worker ? Promise.resolve(enterAsWorker(socket)) : enter(socket, ticket)
    entered.then(
      () => socket.emit("open"),
      () => socket.disconnect(true)
    )
  })

  return {
    publish: (group, frame) => void namespace.to(roomOf(group)).emit("frame", frame, group),
    remove: (principal, group) => namespace.in(roomOfPrincipal(principal)).socketsLeave(roomOf(group))
  }
}

const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= MAX_NAME_LENGTH
