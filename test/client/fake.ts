/**
 * A backend of arrays behind a `fetch`, and a gateway in memory whose frames the test may drop, copy, reorder or
 * delay. Enough for the client; the real ones are tested elsewhere.
 */
import type { Fetch } from "../../src/client/http.ts"
import type { GatewayClient, GatewayHandlers } from "../../src/client/GatewayClient.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import type { Grant } from "../../src/protocol/Exchange.ts"
import type { View } from "../../src/protocol/View.ts"
import { createFold, emptyView } from "../../src/thread/fold.ts"
import type { VirtualClock } from "./virtual.ts"

type Events = Entry["events"]
export interface FakeLog {
  logId: string
  entries: Entry[]
}
export interface Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: any
  readonly authorization: string | null
}
type Reply = {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly text?: string
}

export const viewOf = (entries: readonly Entry[]): View => {
  const fold = createFold(emptyView)
  for (const entry of entries) fold.apply(entry)
  return fold.view
}
export const refusal = (
  status: number,
  code: string,
  retryable = false,
  headers: Record<string, string> = {}
): Reply => ({
  status,
  headers,
  body: { ok: false, error: { code, message: `refused: ${code}`, retryable } }
})

export const fakeBackend = (clock: VirtualClock) => {
  const logs = new Map<string, FakeLog>()
  const calls: Call[] = []
  const log = (thread: string): FakeLog => {
    let found = logs.get(thread)
    if (found === undefined) logs.set(thread, (found = { logId: "", entries: [] }))
    return found
  }
  let ids = 0
  const backend = {
    calls,
    log,
    /** Answers instead of the routes below; `undefined` leaves it to them. May take (virtual) time. */
    intercept: undefined as undefined | ((call: Call) => Reply | undefined | Promise<Reply | undefined>),
    latencyMillis: 0,
    grant: {
      gateway: "memory",
      url: "memory:",
      groups: {},
      expiresAt: "2026-01-02T00:00:00.000Z",
      reconnectSpreadMillis: 5_000,
      upstream: true
    } as Grant,
    /** Threads that may not be read: refused as the first of a request for a grant, left out of the groups otherwise. */
    unreadable: new Set<string>(),
    offsetExpiredBelow: 0,
    append: (thread: string, events: Events): Entry => {
      const { entries, logId } = log(thread)
      if (logId === "") log(thread).logId = `log-${++ids}`
      const entry: Entry = {
        v: 1,
        logId: log(thread).logId,
        thread,
        offset: entries.length + 1,
        id: `e${++ids}`,
        prev: entries.at(-1)?.id ?? "",
        at: new Date(clock.now()).toISOString(),
        events
      }
      entries.push(entry)
      return entry
    },
    count: (path: RegExp) => calls.filter((call) => path.test(`${call.method} ${call.path}`)).length,
    fetch: (async (url, init) => {
      const { pathname, searchParams } = new URL(url, "http://backend")
      const call: Call = {
        method: init.method ?? "GET",
        path: pathname.replace("/api", ""),
        query: searchParams,
        body: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
        authorization: new Headers(init.headers).get("authorization")
      }
      calls.push(call)
      if (backend.latencyMillis > 0) {
        await new Promise<void>((resolve) =>
          clock.setTimeout(resolve, (backend.latencyMillis * (1 + clock.random())) / 2)
        )
      }
      const reply = (await backend.intercept?.(call)) ?? route(call)
      return new Response(reply.text ?? JSON.stringify(reply.body), {
        status: reply.status ?? 200,
        ...(reply.headers ? { headers: reply.headers } : {})
      })
    }) as Fetch
  }
  const route = ({ body, path, query }: Call): Reply => {
    const [, , thread, what] = path.split("/") as [string, string, string, string]
    const { entries, logId } = log(thread)
    const head = { offset: entries.length, id: entries.at(-1)?.id ?? "" }
    switch (what) {
      case "grants": {
        const names: string[] = [thread, ...body.threads]
        if (names.length > 100) return refusal(400, "TOO_MANY")
        if (backend.unreadable.has(thread)) return refusal(404, "NOT_FOUND")
        const readable = names.filter((name) => !backend.unreadable.has(name))
        return {
          body: {
            ok: true,
            grant: { ...backend.grant, groups: Object.fromEntries(readable.map((name) => [name, `g-${name}`])) }
          }
        }
      }
      case "view":
        return { body: { view: { ...viewOf(entries), logId } } }
      case "entries": {
        const after = Number(query.get("after"))
        if (query.get("log") !== null && query.get("log") !== logId) return refusal(409, "LOG_CHANGED")
        if (after > head.offset) return refusal(409, "OFFSET_AHEAD", true)
        if (after < backend.offsetExpiredBelow) return refusal(410, "OFFSET_EXPIRED")
        if (query.get("id") !== null && entries[after - 1]?.id !== query.get("id")) return refusal(409, "LOG_CHANGED")
        const page = entries.slice(after, after + Math.min(Number(query.get("limit") ?? 50), 50))
        return { body: { ok: true, logId, head, entries: page, more: after + page.length < head.offset } }
      }
      case "messages":
        return { body: { ok: true, offset: head.offset, message: body.id } }
      case "runs":
        return { body: { ok: true, offset: head.offset, run: body.id } }
      case "interrupts":
        return { body: { ok: true, offset: head.offset, interrupt: body.id, verdict: { type: "accepted" } } }
    }
    return refusal(404, "NOT_FOUND")
  }
  return backend
}
export type FakeBackend = ReturnType<typeof fakeBackend>

export interface FakeSocket {
  readonly grant: Grant
  readonly handlers: GatewayHandlers
  readonly sent: { readonly event: string; readonly data: any }[]
  pings: number
  open: boolean
  /** It lives, but what is published does not reach it any more. */
  deaf: boolean
  closed: boolean
  /** The other side closes it, or the network does. */
  readonly cut: (retryAfterMillis?: number) => void
}
/** Opens by itself after `openMillis`, unless `opens` is false; answers pings unless `answers` is false. */
export const fakeGateway = (clock: VirtualClock) => {
  const sockets: FakeSocket[] = []
  const gateway = {
    name: "memory",
    sockets,
    openMillis: 0,
    opens: true,
    answers: true,
    hasInvoke: true,
    invoke: undefined as undefined | ((event: string, data: any) => Promise<unknown>),
    connect: (grant: Grant, handlers: GatewayHandlers) => {
      const close = (retryAfterMillis?: number) => {
        if (socket.closed) return
        socket.closed = true
        socket.open = false
        handlers.onClosed({ message: "closed", ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }) })
      }
      const socket: FakeSocket = {
        grant,
        handlers,
        sent: [],
        pings: 0,
        open: false,
        deaf: false,
        closed: false,
        cut: close
      }
      sockets.push(socket)
      clock.setTimeout(() => {
        if (socket.closed) return
        if (!gateway.opens) return close()
        socket.open = true
        handlers.onOpen()
      }, gateway.openMillis)
      return {
        close: () => close(),
        ping: () => {
          socket.pings++
          if (gateway.answers && socket.open) clock.setTimeout(() => handlers.onAlive(), 5)
        },
        ...(gateway.hasInvoke
          ? {
              invoke: (event: string, data: any) => {
                socket.sent.push({ event, data })
                if (gateway.invoke !== undefined) return gateway.invoke(event, data)
                return Promise.resolve({
                  ok: true,
                  offset: 0,
                  interrupt: data.interrupt.id,
                  verdict: { type: "accepted" }
                })
              }
            }
          : {})
      }
    },
    /** To every open socket that may receive the thread. */
    publish: (thread: string, text: string) => {
      for (const socket of sockets)
        if (socket.open && !socket.deaf && thread in socket.grant.groups) socket.handlers.onFrame(text)
    },
    open: () => sockets.filter((socket) => socket.open)
  }
  return gateway satisfies GatewayClient
}
export type FakeGateway = ReturnType<typeof fakeGateway>

/** Events of one run that writes text: what agents mostly do. */
export const runEvents = {
  begin: (run: string): Events => [
    { type: "run.accepted", run, agent: "writer" },
    { type: "run.started", run, epoch: 1 },
    { type: "text.started", run, message: `m-${run}`, part: `p-${run}` }
  ],
  delta: (run: string, text: string): Events => [{ type: "text.delta", run, part: `p-${run}`, text }],
  end: (run: string): Events => [
    { type: "text.finished", run, part: `p-${run}` },
    { type: "run.finished", run, outcome: { type: "completed" } }
  ]
}
