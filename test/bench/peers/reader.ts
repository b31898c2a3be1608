/**
 * Reads frames in one of two ways, over the same kind of socket: `JSON.parse` and no more, or as our client does, which
 * decodes, orders, drops duplicates, folds into the view of a thread that has `messages` messages, and hands each view to
 * a listener that reads the newest message's text.
 */
import { once } from "node:events"
import { openThread, type GatewayClient, type View } from "throughline/client"
import { WebSocket } from "ws"
import { answer } from "../child.ts"
import type { Stand } from "./frames.ts"

export interface Reading {
  readonly port: number
  readonly stand: Stand
  /** Absent: `JSON.parse` alone. */
  readonly messages?: number
}
const AT = "2026-01-01T00:00:00.000Z"
let seen = 0

const connect = (url: string, onText: (text: string) => void) => {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  socket.on("message", (data: Buffer) => onText(data.toString()))
  return socket
}
const socketGateway: GatewayClient = {
  name: "bench",
  connect: (grant, handlers) => {
    const socket = connect(grant.url, handlers.onFrame)
    socket.on("open", handlers.onOpen)
    return { close: () => socket.terminate() }
  }
}

const viewOf = ({ logId, offset, run, part }: Stand, messages: number): View => ({
  logId,
  offset,
  id: `entry-${offset}`,
  messages: [
    ...Array.from({ length: messages - 1 }, (_, index) => ({
      id: `message-${index}`,
      role: "user" as const,
      parts: [
        { type: "text" as const, id: `part-${index}`, text: "What now?", state: "done" as const, offset: index + 1 }
      ],
      at: AT
    })),
    {
      id: "answer",
      role: "assistant",
      run,
      parts: [{ type: "text", id: part, text: "First,", state: "streaming", offset, run }],
      at: AT
    }
  ],
  runs: [{ id: run, agent: "typist", state: "running", epoch: 1, steps: [], interrupts: [], acceptedAt: AT }],
  asks: [],
  state: {},
  dropped: 0
})
/** A backend of three answers, so that nothing but the client is measured. */
const backend =
  ({ port, stand }: Reading, view: View) =>
  async (url: RequestInfo | URL) => {
    const route = String(url).replace(/^.*\/([a-z]+)(\?.*)?$/, "$1")
    const bodies: Readonly<Record<string, unknown>> = {
      grants: {
        ok: true,
        grant: {
          gateway: "bench",
          url: `ws://127.0.0.1:${port}`,
          groups: { [stand.thread]: "group" },
          expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
          reconnectSpreadMillis: 0,
          upstream: false
        }
      },
      view: { ok: true, view },
      entries: { ok: true, logId: stand.logId, head: { offset: view.offset, id: view.id }, entries: [], more: false }
    }
    return Response.json(bodies[route] ?? {})
  }

answer({
  read: async (reading: Reading) => {
    const { port, stand, messages } = reading
    if (messages === undefined) {
      const socket = connect(`ws://127.0.0.1:${port}`, (text) => {
        if ((JSON.parse(text) as { readonly offset: number }).offset > 0) seen++
      })
      await once(socket, "open")
      return
    }
    const view = viewOf(stand, messages)
    const options = { endpoint: "http://127.0.0.1/api", thread: stand.thread, gateways: [socketGateway] }
    const thread = openThread({ ...options, fetch: backend(reading, view) })
    await new Promise<void>((resolve) => {
      const stop = thread.subscribe((_, connection) => {
        if (connection !== "live") return
        resolve()
        queueMicrotask(() => stop())
      })
    })
    // What a screen does with each delta: it reads how the newest message's text is now.
    thread.subscribe((next) => {
      const part = thread.newest?.parts.at(-1)
      if (part?.type === "text" && part.text.length > 0) seen = next.offset - stand.offset
    })
  },
  /** CPU time so far, once `count` frames were seen. */
  reached: async (count: number) => {
    while (seen < count) await new Promise((resolve) => setTimeout(resolve, 5))
    const { user, system } = process.cpuUsage()
    return user + system
  }
})
