/**
 * One client connection of the service: who it is, what it may do, its socket while it has one, and what it has not
 * acknowledged. It outlives its socket when the protocol is reliable.
 *
 * Groups are the hub's; what the client's frames mean is `clientFrames.ts` and `dispatch.ts`.
 */
import type { WebSocket } from "ws"
import { FrameFaults } from "./faults.ts"
import type { Faults } from "./faults.ts"
import { connectedFrame, disconnectedFrame } from "./frames.ts"
import type { Message } from "./frames.ts"
import { Unacked } from "./reliable.ts"

export type Protocol = "simple" | "json" | "reliable"
export const SUBPROTOCOLS: Readonly<Record<string, Protocol>> = {
  "json.webpubsub.azure.v1": "json",
  "json.reliable.webpubsub.azure.v1": "reliable"
}

/** A reliable client that reads slower gets no more until it has read: what waits for it is kept unwritten. */
const MAX_UNREAD_BYTES = 4 * 1024
/** What a socket may hold unsent before the client counts as too slow. */
export const MAX_BUFFERED_BYTES = 16 * 1024 * 1024
/** Events that may wait for the upstream on one connection. */
const MAX_WAITING_EVENTS = 1_000
/** How many ackIds are remembered for each connection. */
const MAX_ACK_IDS = 10_000

export const CLOSE_NORMAL = 1000
/** Unrecoverable for reliable clients: they make a new connection. */
export const CLOSE_POLICY = 1008

/** A connection as tests and operators see it. */
export interface ConnectionInfo {
  readonly connectionId: string
  readonly userId: string | undefined
  readonly hub: string
  readonly protocol: Protocol
  readonly groups: readonly string[]
  /** False while a cut reliable connection waits for its client. */
  readonly online: boolean
  /** Messages that the client has not acknowledged; 0 unless reliable. */
  readonly unacked: number
}

export interface ConnectionOptions {
  readonly id: string
  readonly hub: string
  readonly userId: string | undefined
  readonly protocol: Protocol
  /** The subprotocol as negotiated; undefined for a simple client. */
  readonly subprotocol: string | undefined
  readonly roles: Iterable<string>
  /** A simple client's `webpubsub_mode=sendToGroup` group. */
  readonly sendsTo: string | undefined
  readonly connectionState: string | undefined
  readonly recoveryMillis: number
  readonly faults: Faults
  readonly newReconnectionToken: () => string
  readonly onEnd: (connection: Connection, reason: string) => void
}

export class Connection {
  readonly id: string
  readonly hub: string
  readonly userId: string | undefined
  readonly protocol: Protocol
  readonly subprotocol: string | undefined
  readonly sendsTo: string | undefined
  readonly roles: Set<string>
  readonly groups = new Set<string>()
  /** Aborted by `cancelInvocation` or the end of the connection. */
  readonly invocations = new Map<string, AbortController>()
  /** The upstream's `ce-connectionState`, base64 as it came. */
  connectionState: string | undefined
  ended = false
  ignoredSequenceAcks = 0

  readonly #options: ConnectionOptions
  readonly #unacked: Unacked | undefined
  readonly #faults: FrameFaults<Message>
  readonly #ackIds = new Set<number>()
  #socket: WebSocket | undefined
  #frozen = false
  #recovery: NodeJS.Timeout | undefined
  #waiting = 0
  #tail: Promise<void> = Promise.resolve()

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.id = options.id
    this.hub = options.hub
    this.userId = options.userId
    this.protocol = options.protocol
    this.subprotocol = options.subprotocol
    this.sendsTo = options.sendsTo
    this.roles = new Set(options.roles)
    this.connectionState = options.connectionState
    this.#unacked = options.protocol === "reliable" ? new Unacked() : undefined
    this.#faults = new FrameFaults(options.faults, (message) => this.#deliver(message))
  }

  get info(): ConnectionInfo {
    return {
      connectionId: this.id,
      userId: this.userId,
      hub: this.hub,
      protocol: this.protocol,
      groups: [...this.groups],
      online: this.#socket !== undefined,
      unacked: this.#unacked?.size ?? 0
    }
  }

  may(action: "joinLeaveGroup" | "sendToGroup", group: string): boolean {
    return this.roles.has(`webpubsub.${action}`) || this.roles.has(`webpubsub.${action}.${group}`)
  }

  /** Takes a socket, the first or one that recovers the connection; what was not acknowledged is sent again. */
  attach(socket: WebSocket): void {
    clearTimeout(this.#recovery)
    const previous = this.#socket
    this.#socket = socket
    this.#frozen = false
    previous?.terminate()
    if (this.protocol === "simple") return
    const token = this.#unacked === undefined ? undefined : this.#options.newReconnectionToken()
    socket.send(connectedFrame(this.userId, this.id, token))
    this.#unacked?.rewind()
    this.#writeKept()
  }

  /** The socket is gone. Without a close handshake a reliable connection waits for its client, else it ends. */
  detach(socket: WebSocket, clean: boolean, reason: string): void {
    if (this.#socket !== socket || this.ended) return
    this.#socket = undefined
    if (this.#unacked === undefined || clean) return this.end(CLOSE_NORMAL, reason)
    this.#recovery = setTimeout(() => this.end(CLOSE_POLICY, "not recovered in time"), this.#options.recoveryMillis)
    this.#recovery.unref()
  }

  /** Sends one message from a group or the server, through the faults. */
  deliver(message: Message): void {
    this.#faults.pass(message)
  }

  #deliver(message: Message): void {
    if (this.ended) return
    const unacked = this.#unacked
    if (unacked !== undefined) {
      if (!unacked.push(message)) return this.end(CLOSE_POLICY, "SlowClient: too much is not acknowledged")
      this.#writeKept()
    } else this.send(this.protocol === "json" ? message.frame : message.payload.plain)
  }

  /** Writes what is kept and not written yet, as far as the client reads, and goes on when it has. */
  readonly #writeKept = (): void => {
    const socket = this.#socket
    if (socket === undefined || this.#frozen) return
    while (socket.bufferedAmount <= MAX_UNREAD_BYTES) {
      const frame = this.#unacked?.next()
      if (frame === undefined) return
      socket.send(frame, this.#writeKept)
    }
  }

  /** Sends a frame that is not kept: acks, pongs, answers. Lost when there is no socket. */
  send(frame: string | Buffer): void {
    const socket = this.#socket
    if (socket === undefined || this.#frozen) return
    socket.send(frame)
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) this.end(CLOSE_POLICY, "SlowClient: too much is not read")
  }

  acknowledge(sequenceId: unknown): "trimmed" | "stale" | "ahead" {
    const outcome = this.#unacked?.ack(sequenceId) ?? "stale"
    if (outcome === "stale") this.ignoredSequenceAcks++
    return outcome
  }

  /** True when the ackId is new and now taken; false for a duplicate. */
  takeAckId(ackId: number): boolean {
    if (this.#ackIds.has(ackId)) return false
    this.#ackIds.add(ackId)
    if (this.#ackIds.size > MAX_ACK_IDS) this.#ackIds.delete(this.#ackIds.values().next().value!)
    return true
  }

  /** What failed may be tried again under the same ackId. */
  releaseAckId(ackId: number): void {
    this.#ackIds.delete(ackId)
  }

  /** Runs blocking events one after the other; false when too many wait. */
  enqueue(task: () => Promise<void>): boolean {
    if (this.#waiting >= MAX_WAITING_EVENTS) return false
    this.#waiting++
    this.#tail = this.#tail.then(() => (this.ended ? undefined : task())).finally(() => this.#waiting--)
    return true
  }

  /** Ends the connection for good: it cannot be recovered. */
  end(code: number, reason: string): void {
    if (this.ended) return
    this.ended = true
    clearTimeout(this.#recovery)
    for (const invocation of this.invocations.values()) invocation.abort()
    const socket = this.#socket
    this.#socket = undefined
    // A half-open connection tells its client nothing, not even that it has ended.
    if (socket !== undefined && !this.#frozen) {
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate()
      else {
        if (this.protocol !== "simple" && socket.readyState === socket.OPEN) socket.send(disconnectedFrame(reason))
        socket.close(
          code,
          Buffer.from(reason)
            .subarray(0, 120)
            .toString("latin1")
            .replace(/[^\x20-\x7e]/g, "?")
        )
      }
    }
    this.#options.onEnd(this, reason)
  }

  /** Cuts the TCP connection without a close frame. A reliable connection stays recoverable. */
  cut(): void {
    this.#socket?.terminate()
  }

  /** Cuts the TCP connection and forgets it, as a restarted service does: recovery is refused with 1008. */
  forget(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.terminate()
    this.end(CLOSE_POLICY, "forgotten")
  }

  /** Half-open: the socket stays, but nothing is sent or read any more. `cut` or a recovery ends that. */
  freeze(): void {
    this.#frozen = true
    this.#socket?.pause()
  }
}
