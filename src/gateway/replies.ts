/**
 * What a client half waits for: replies to invokes, by number. Plain code for browsers and Node; each wait has its time-out, and
 * none outlives the connection.
 */
interface Waiting {
  readonly resolve: (reply: unknown) => void
  readonly reject: (problem: Error) => void
}
export interface Replies {
  /** Resolves with the reply to what `send` sent under the number that it is given. A `send` that throws rejects. */
  readonly ask: (timeoutMillis: number, send: (id: number) => void) => Promise<unknown>
  /** Both pass over a number that nobody waits for any more. */
  readonly resolve: (id: number, reply: unknown) => void
  readonly reject: (id: number, problem: string) => void
  readonly rejectAll: (problem: string) => void
}

export const makeReplies = (): Replies => {
  const waiting = new Map<number, Waiting>()
  let nextId = 1
  const take = (id: number): Waiting | undefined => {
    const entry = waiting.get(id)
    waiting.delete(id)
    return entry
  }
  const reject = (id: number, problem: string) => take(id)?.reject(new Error(problem))
  return {
    ask: (timeoutMillis, send) =>
      new Promise((resolve, rejectAsked) => {
        const id = nextId++
        send(id)
        const timer = setTimeout(() => reject(id, `no reply within ${timeoutMillis} ms`), timeoutMillis)
        waiting.set(id, {
          resolve: (reply) => (clearTimeout(timer), resolve(reply)),
          reject: (problem) => (clearTimeout(timer), rejectAsked(problem))
        })
      }),
    resolve: (id, reply) => take(id)?.resolve(reply),
    reject,
    rejectAll: (problem) => {
      for (const id of waiting.keys()) reject(id, problem)
    }
  }
}
