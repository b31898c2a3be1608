/**
 * POST and nothing else, over kept-alive sockets: HTTP/1.1 written and read by hand, because it is the hot path.
 *
 * Measured per call: about a third of the CPU of `node:http`'s request, a twentieth of the vendor's SDK. What is left
 * out is what makes the difference: request and response objects, streams, header maps. Only the status, Retry-After
 * and where the answer ends are read; an answer that does not say where it ends costs its socket.
 */
import * as net from "node:net"
import * as tls from "node:tls"

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
}
/** Called once, unless the request was cancelled. */
export type Done = (answer: Answer | Error) => void

export interface RestPost {
  /** Sends; the returned function cancels, which closes the request's socket. `headers` are whole lines, `name: value\r\n`. */
  readonly send: (path: string, headers: string, body: string, done: Done) => () => void
  readonly close: () => void
}

const MAX_ANSWER_BYTES = 64 * 1024
const SWEEP_MILLIS = 1_000
/** Shorter than servers keep idle sockets, so that they are rarely closed under a request. */
const IDLE_MILLIS = 20_000

interface Call {
  readonly head: string
  readonly body: string
  done: Done | undefined
  /** Another try on a fresh socket when a kept one turns out to be stale. */
  mayReconnect: boolean
  lane?: Lane
}
interface Lane {
  readonly socket: net.Socket
  call: Call | undefined
  /** What has arrived of the answer, one character per byte. */
  received: string
  /** When the call began, or when the socket fell idle. */
  since: number
  used: boolean
}

export const makeRestPost = (
  endpoint: URL,
  options: { readonly maxSockets: number; readonly timeoutMillis: number }
): RestPost => {
  const secure = endpoint.protocol === "https:"
  const host = endpoint.hostname.replace(/^\[|\]$/g, "")
  const target = { host, port: Number(endpoint.port) || (secure ? 443 : 80), noDelay: true }
  const lanes = new Set<Lane>()
  const idle: Lane[] = []
  const waiting: Call[] = []
  let session: Buffer | undefined
  let closed = false

  const sweep = setInterval(() => {
    const now = Date.now()
    for (const lane of lanes) {
      if (lane.call !== undefined && now - lane.since > options.timeoutMillis) {
        lane.call.mayReconnect = false
        lane.socket.destroy(new Error(`no answer within ${options.timeoutMillis} ms`))
      } else if (lane.call === undefined && now - lane.since > IDLE_MILLIS) lane.socket.destroy()
    }
  }, SWEEP_MILLIS)
  sweep.unref()

  const open = (): Lane => {
    const socket = secure
      ? tls.connect({
          ...target,
          ALPNProtocols: ["http/1.1"],
          ...(net.isIP(host) ? {} : { servername: host }),
          ...(session ? { session } : {})
        })
      : net.connect(target)
    const lane: Lane = { socket, call: undefined, received: "", since: 0, used: false }
    lanes.add(lane)
    let failure: Error | undefined
    socket.on("session", (fresh: Buffer) => void (session = fresh))
    socket.on("data", (bytes) => receive(lane, bytes))
    socket.on("error", (error) => void (failure = error))
    socket.on("end", () => socket.destroy())
    socket.on("close", () => {
      lanes.delete(lane)
      const at = idle.indexOf(lane)
      if (at >= 0) idle.splice(at, 1)
      const { call } = lane
      lane.call = undefined
      if (call?.done !== undefined) {
        if (lane.used && call.mayReconnect && lane.received === "") {
          call.mayReconnect = false
          start(call, open())
        } else finish(call, failure ?? new Error("the service closed the connection without an answer"))
      }
      next()
    })
    return lane
  }
  const start = (call: Call, lane = idle.pop() ?? open()) => {
    call.lane = lane
    lane.call = call
    lane.received = ""
    lane.since = Date.now()
    lane.socket.ref()
    lane.socket.write(call.head + call.body)
  }
  const next = () => {
    if (waiting.length > 0 && (idle.length > 0 || lanes.size < options.maxSockets)) start(waiting.shift() as Call)
  }
  const finish = (call: Call, answer: Answer | Error) => {
    const { done } = call
    call.done = undefined
    done?.(answer)
  }
  const receive = (lane: Lane, bytes: Buffer) => {
    const { call } = lane
    // Nothing was asked: whatever this is, the socket is not to be trusted.
    if (call === undefined) return void lane.socket.destroy()
    lane.received += bytes.toString("latin1")
    const parsed = parseAnswer(lane.received)
    if (parsed === "more") {
      if (lane.received.length > MAX_ANSWER_BYTES) lane.socket.destroy(new Error("the service's answer is too long"))
      return
    }
    if (parsed === "broken") return void lane.socket.destroy(new Error("the service's answer is not HTTP/1.1"))
    lane.call = undefined
    if (parsed.keep && !closed) {
      lane.used = true
      lane.since = Date.now()
      lane.socket.unref()
      idle.push(lane)
    } else lane.socket.destroy()
    // who waits goes first: the caller may send its next one at once, and would take the socket again and again
    next()
    finish(call, parsed.answer)
  }

  return {
    send: (path, headers, body, done) => {
      const head = `POST ${path} HTTP/1.1\r\nhost: ${endpoint.host}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n`
      const call: Call = { head, body, done, mayReconnect: true }
      if (closed) finish(call, new Error("the gateway is closed"))
      else if (waiting.length === 0 && (idle.length > 0 || lanes.size < options.maxSockets)) start(call)
      else waiting.push(call)
      return () => {
        call.done = undefined
        const at = waiting.indexOf(call)
        if (at >= 0) waiting.splice(at, 1)
        if (call.lane?.call === call) call.lane.socket.destroy()
      }
    },
    close: () => {
      closed = true
      clearInterval(sweep)
      for (const call of waiting.splice(0)) finish(call, new Error("the gateway is closed"))
      for (const { socket } of lanes) socket.destroy()
    }
  }
}

interface Parsed {
  readonly answer: Answer
  /** Whether the socket can be used again. */
  readonly keep: boolean
}
const CONNECTION_CLOSE = /\r\nconnection:[ \t]*close/i
const CHUNKED = /\r\ntransfer-encoding:[^\r]*chunked/i
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)/i
const RETRY_AFTER = /\r\nretry-after:[ \t]*([^\r]*)/i

/** A whole answer, or `more` to wait for, or `broken`. Informational answers (1xx) are passed over. */
export const parseAnswer = (received: string): Parsed | "more" | "broken" => {
  const end = received.indexOf("\r\n\r\n")
  if (end < 0) return /^(?:H|$)/.test(received) ? "more" : "broken"
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(received)?.[1]
  if (status === undefined) return "broken"
  if (status.startsWith("1")) return parseAnswer(received.slice(end + 4))
  const head = received.slice(0, end)
  const answer = {
    status: Number(status),
    retryAfter: status === "429" ? RETRY_AFTER.exec(head)?.[1]?.trim() : undefined
  }
  const keeps = received.startsWith("HTTP/1.1") && !CONNECTION_CLOSE.test(head)
  const arrived = received.length - end - 4
  if (status === "204" || status === "304") return { answer, keep: keeps && arrived === 0 }

  if (CHUNKED.test(head)) {
    const bodyEnd = chunkedEnd(received, end + 4)
    return bodyEnd === undefined ? "more" : { answer, keep: keeps && bodyEnd === received.length }
  }
  const length = Number(CONTENT_LENGTH.exec(head)?.[1] ?? Number.NaN)
  // It ends where the connection ends, or is not worth waiting for: enough is known.
  if (!(length <= MAX_ANSWER_BYTES)) return { answer, keep: false }
  return arrived < length ? "more" : { answer, keep: keeps && arrived === length }
}

/** Where a chunked body ends; `undefined` when that has not arrived. A malformed one ends beyond the text. */
const chunkedEnd = (text: string, from: number): number | undefined => {
  for (let at = from; ;) {
    const line = text.indexOf("\r\n", at)
    if (line < 0) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    if (!(size >= 0)) return Number.POSITIVE_INFINITY
    if (size === 0) {
      const end = text.indexOf("\r\n\r\n", line)
      return end < 0 ? undefined : end + 4
    }
    at = line + 2 + size + 2
    if (at > text.length) return undefined
  }
}
