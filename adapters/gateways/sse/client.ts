/**
 * The client half for the SSE gateway, on the global `fetch` of browsers and Node.
 *
 * A cut is bridged once, at once, with `Last-Event-ID`; if that fails the connection has ended. Where a network holds
 * streams back, so that nothing of one arrives in time, it polls from then on. There is no way back: interrupts go over
 * HTTP.
 */
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import { createParser, frameOf, OPEN, type ServerEvent } from "./wire.ts"

export interface SseClientOptions {
  /** Never streams. Default: streams, and polls where streams are held back. */
  readonly poll?: boolean
  /** A stream of which nothing came within this time is held back by something. Default 3 s. */
  readonly streamWithinMillis?: number
  /** How long bridging a cut may take before the connection counts as ended. Default 2 s. */
  readonly recoverWithinMillis?: number
}

/** Longer than a gateway holds a poll; then nobody is there. */
const POLL_WITHIN_MILLIS = 30_000

export const sseClient = (options: SseClientOptions = {}): GatewayClient => {
  const { recoverWithinMillis = 2_000, streamWithinMillis = 3_000 } = options
  /** Learned once for all connections of this page. */
  let polls = options.poll ?? false
  return {
    name: "sse",
    connect: (grant, handlers): GatewayConnection => {
      const ended = new AbortController()
      let lastId = ""
      let name = ""
      let isOpen = false
      let isClosed = false
      let deadline: ReturnType<typeof setTimeout> | undefined

      const close = (message: string) => {
        if (isClosed) return
        isClosed = true
        clearTimeout(deadline)
        ended.abort()
        queueMicrotask(() => handlers.onClosed({ message }))
      }
      const take = (event: ServerEvent) => {
        lastId = event.id
        if (event.name === OPEN) {
          name = event.data
          if (isOpen) return
          isOpen = true
          clearTimeout(deadline)
          return handlers.onOpen()
        }
        const frame = frameOf(event)
        if (frame !== undefined) handlers.onFrame(frame)
      }
      /** One request, until it ends. Throws where it is cut or refused. */
      const listen = async (poll: boolean) => {
        const heldBack = new AbortController()
        const patience = setTimeout(
          () => {
            polls = true
            heldBack.abort()
          },
          poll ? POLL_WITHIN_MILLIS : streamWithinMillis
        )
        try {
          const response = await fetch(poll ? `${grant.url}?poll` : grant.url, {
            headers: { authorization: `Bearer ${grant.token}`, ...(lastId && { "last-event-id": lastId }) },
            cache: "no-store",
            signal: AbortSignal.any([ended.signal, heldBack.signal])
          })
          if (!response.ok || !response.body) throw new Error(`the gateway answered ${response.status}`)
          const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
          const parse = createParser()
          for (;;) {
            const { done, value } = await reader.read()
            clearTimeout(patience)
            if (done || isClosed) return
            handlers.onAlive()
            for (const event of parse(value)) if (!isClosed) take(event)
          }
        } finally {
          clearTimeout(patience)
        }
      }
      const run = async () => {
        while (!isClosed) {
          const polling = polls
          let problem = polling ? undefined : "the stream ended"
          try {
            await listen(polling)
          } catch (cause) {
            problem = String(cause)
          }
          // a poll ends when something came; a stream that was held back is asked for in another way
          if (problem === undefined || polls !== polling) continue
          if (!isOpen) return close(problem)
          isOpen = false
          deadline = setTimeout(() => close("not recovered"), recoverWithinMillis)
          if (!isClosed) handlers.onInterrupted()
        }
      }
      void run()
      return {
        ping: () => {
          const asked = fetch(grant.url.replace(/events$/, `ping?name=${name}`), {
            method: "POST",
            signal: ended.signal
          })
          // what comes of it is heard on the stream, or not
          asked.catch(() => {})
        },
        close: () => close("closed by the caller")
      }
    }
  }
}
