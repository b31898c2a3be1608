/** Invokes of one connection: each waits for its reply, for its time-out, or for the end. Bounded. */
import type { Json } from "../../../src/protocol/Json.ts"
import type { Reply } from "./wire.ts"

const MAX_IN_FLIGHT = 16

export interface Invokes {
  readonly invoke: (event: string, data: Json, options: { readonly timeoutMillis: number }) => Promise<unknown>
  /** Takes what came as a reply, whatever it is. */
  readonly settle: (reply: unknown) => void
  /** Rejects all that wait. */
  readonly fail: (problem: string) => void
  readonly close: () => void
}
/** `send` throws where it cannot. Ids begin with what `prefix` gives, the same for no other connection. */
export const makeInvokes = (prefix: () => string, send: (id: string, event: string, data: Json) => void): Invokes => {
  const waiting = new Map<string, (reply: Reply) => void>()
  let last = 0
  let closed = false

  const settle = (reply: Reply) => {
    const then = waiting.get(reply.id)
    if (waiting.delete(reply.id)) then?.(reply)
  }
  const fail = (problem: string) => {
    for (const id of [...waiting.keys()]) settle({ id, problem })
  }
  return {
    invoke: async (event, data, { timeoutMillis }) => {
      if (closed) throw new Error("the connection is closed")
      if (waiting.size >= MAX_IN_FLIGHT) throw new Error("too many invokes in flight")
      const id = `${prefix()}/${++last}`
      send(id, event, data)
      const reply = await new Promise<Reply>((resolve) => {
        const problem = `no reply within ${timeoutMillis} ms`
        const timer = setTimeout(() => settle({ id, problem }), timeoutMillis)
        waiting.set(id, (reply) => (clearTimeout(timer), resolve(reply)))
      })
      if ("problem" in reply) throw new Error(reply.problem)
      return reply.reply
    },
    settle: (reply) => settle(Object(reply) as Reply),
    fail,
    close: () => {
      closed = true
      fail("the connection closed before the reply came")
    }
  }
}
