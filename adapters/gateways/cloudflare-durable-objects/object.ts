/**
 * The Durable Object of one group: it holds the sockets of those who watch it, and sleeps while nothing passes.
 *
 * Everything it must know about a socket is in the socket's attachment, since memory is lost when it sleeps. Nothing is
 * stored: the log is the truth. It trusts who calls it, which only the Worker of `worker.ts` and a backend with the binding
 * can. Bounded: who does not read 8 MiB is cut, who sends what is no message is cut, 16 invokes of one socket are in flight.
 */
import { callBackend } from "../../../src/gateway/signedCall.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { capabilities } from "./capabilities.ts"
import { backendOf, secretsOf, type GatewayWorkerEnv } from "./settings.ts"
import { MAX_CLIENT_BYTES, parseFromClient, PING, PONG, SUBPROTOCOL, type FromClient, type FromObject } from "./wire.ts"
import { answerAsleep, socketPair, upgraded, type ObjectContext, type ServerSocket } from "./workers.ts"

/** What the Worker says about a socket that it let in. */
export interface Admitted {
  readonly principal: Principal
  /** Of a client's several sockets one tells the backend that it came and went. */
  readonly lead: boolean
}
/** Carries `Admitted` from the Worker, percent-encoded. */
export const ADMITTED = "throughline-admitted"

interface Attached extends Admitted {
  readonly connection: string
  /** The principal was removed from the group. */
  readonly revoked?: boolean
}
/** What is lost when the object sleeps, and may be. */
interface Member {
  attached: Attached
  sent: number
  read: number
  mark?: { readonly id: number; readonly at: number } | undefined
  invokes: number
  gone: boolean
}
const MAX_INVOKES_IN_FLIGHT = 16
/** Bytes, counted as UTF-16 units, that a client may be behind, and after how many it is asked how far it is. */
const MAX_UNREAD = 8 * 1024 * 1024
const MARK_AFTER = 1024 * 1024
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class ThroughlineGroup {
  readonly #context: ObjectContext
  readonly #env: GatewayWorkerEnv
  readonly #members = new WeakMap<ServerSocket, Member>()

  constructor(context: ObjectContext, env: GatewayWorkerEnv) {
    this.#context = context
    this.#env = env
    answerAsleep(context, PING, PONG)
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === "/connect") {
      return this.#accept(JSON.parse(decodeURIComponent(request.headers.get(ADMITTED)!)) as Admitted)
    }
    if (pathname === "/publish") {
      const frame = await request.text()
      if (encoder.encode(frame).length > capabilities.maxFrameBytes) return new Response(null, { status: 413 })
      this.#publish(frame)
      return new Response(null, { status: 202 })
    }
    this.#revoke(searchParams.get("tenant")!, searchParams.get("id")!)
    return new Response(null, { status: 204 })
  }

  // Not awaited, or the socket's next message would wait for the backend.
  webSocketMessage(socket: ServerSocket, raw: string | ArrayBuffer): void {
    if (typeof raw !== "string") return this.#cut(socket, 1003, "only text")
    if (raw.length > MAX_CLIENT_BYTES || encoder.encode(raw).length > MAX_CLIENT_BYTES)
      return this.#cut(socket, 1009, `a message has at most ${MAX_CLIENT_BYTES} bytes`)
    const message = parseFromClient(raw)
    const member = this.#memberOf(socket)
    if (typeof message === "string") this.#cut(socket, 1008, message)
    else if (message.type === "invoke") void this.#invoke(socket, member, message)
    else if (member.mark?.id === message.id) {
      member.read = member.mark.at
      member.mark = undefined
    }
  }
  webSocketClose(socket: ServerSocket, code: number): void {
    // 1005 and 1006 say that there was no code, and may not be sent
    this.#cut(socket, code === 1005 || code === 1006 ? 1000 : code)
  }
  webSocketError(socket: ServerSocket): void {
    this.#cut(socket, 1011)
  }

  #accept(admitted: Admitted): Response {
    const { client, socket } = socketPair()
    this.#context.acceptWebSocket(socket)
    this.#attach(socket, { ...admitted, connection: crypto.randomUUID() })
    this.#say(socket, ["open"])
    this.#tell(socket, "connected")
    return upgraded(client, SUBPROTOCOL)
  }
  #publish(frame: string): void {
    for (const socket of this.#context.getWebSockets()) {
      const member = this.#memberOf(socket)
      if (member.attached.revoked || member.gone) continue
      member.sent += frame.length
      if (member.sent - member.read > MAX_UNREAD) {
        this.#cut(socket, 1013, "too much is unread; resume from the log")
        continue
      }
      this.#send(socket, frame)
      if (member.mark !== undefined || member.sent - member.read < MARK_AFTER) continue
      // not to be guessed by who did not read so far
      member.mark = { id: crypto.getRandomValues(new Uint32Array(1))[0]!, at: member.sent }
      this.#say(socket, ["mark", member.mark.id])
    }
  }
  #revoke(tenant: string, id: string): void {
    for (const socket of this.#context.getWebSockets()) {
      const { attached } = this.#memberOf(socket)
      if (attached.principal.id === id && (attached.principal.tenant ?? "main") === tenant)
        this.#attach(socket, { ...attached, revoked: true })
    }
  }
  async #invoke(socket: ServerSocket, member: Member, { data, event, id }: FromClient & { readonly type: "invoke" }) {
    if (member.invokes >= MAX_INVOKES_IN_FLIGHT) return this.#say(socket, ["failed", id, "too many invokes in flight"])
    const { connection, principal } = member.attached
    member.invokes++
    try {
      this.#say(socket, ["reply", id, await this.#ask({ type: "event", connection, principal, name: event, data })])
    } catch (cause) {
      this.#say(socket, ["failed", id, cause instanceof Error ? cause.message : "the backend did not answer"])
    } finally {
      member.invokes--
    }
  }
  async #ask(event: UpstreamEvent): Promise<unknown> {
    const backend = backendOf(this.#env)
    if (backend === undefined) throw new Error("this gateway has no upstream")
    return callBackend(secretsOf(this.#env), backend.url, event, backend.fetch)
  }
  /** Nobody waits for it; a backend that is away misses it. */
  #tell(socket: ServerSocket, type: "connected" | "disconnected"): void {
    const { connection, lead, principal } = this.#memberOf(socket).attached
    if (lead) this.#ask({ type, connection, principal }).catch(() => {})
  }
  /** Also of what has closed by itself: it must be closed from here as well. */
  #cut(socket: ServerSocket, code: number, reason?: string): void {
    const member = this.#memberOf(socket)
    try {
      socket.close(code, reason)
    } catch {
      // closed already, or with a code that may not be sent
    }
    if (member.gone) return
    member.gone = true
    this.#tell(socket, "disconnected")
  }
  #say(socket: ServerSocket, message: FromObject): void {
    this.#send(socket, JSON.stringify(message))
  }
  #send(socket: ServerSocket, text: string): void {
    try {
      socket.send(text)
    } catch {
      // it is closing; `webSocketClose` follows
    }
  }
  #attach(socket: ServerSocket, attached: Attached): void {
    // as UTF-8: how many bytes the runtime makes of a text depends on its letters
    socket.serializeAttachment(encoder.encode(JSON.stringify(attached)))
    this.#memberOf(socket).attached = attached
  }
  #memberOf(socket: ServerSocket): Member {
    const known = this.#members.get(socket)
    if (known !== undefined) return known
    const attached = JSON.parse(decoder.decode(socket.deserializeAttachment() as Uint8Array)) as Attached
    const member: Member = { attached, sent: 0, read: 0, invokes: 0, gone: false }
    this.#members.set(socket, member)
    return member
  }
}
