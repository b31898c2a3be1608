/** Pulls of a JetStream consumer: some messages as soon as there are any, or none when their time is over. */
import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node"

/**
 * What the server says about a delivery, at the end of its reply subject: `….<attempt>.<sequence>.<n>.<time>.<pending>`, and
 * since 2.10, where a domain and an account come before, one token more.
 */
export const deliveryOf = ({ reply = "" }: Msg): { readonly attempt: number; readonly pending: number } => {
  const tokens = reply.split(".")
  const first = tokens.length > 9 ? 6 : 4
  return { attempt: Number(tokens[first]), pending: Number(tokens[first + 4]) }
}

interface Consumer {
  readonly stream: string
  readonly name: string
}
/** How long after its own time a pull may be unanswered. */
const LATE_MILLIS = 500

/**
 * Asks for `batch` messages and listens until the server has sent them, or said that it sends no more: a server of 2.9 counts a
 * delivery wrong that it makes to somebody who left. A message that comes when nobody wants it any more is given back.
 */
const ask = (
  connection: NatsConnection,
  { name, stream }: Consumer,
  request: { readonly batch: number; readonly expires?: number; readonly no_wait?: true },
  patienceMillis: number,
  signal: AbortSignal
): Promise<readonly Msg[]> =>
  new Promise((resolve, reject) => {
    const found: Msg[] = []
    let left = request.batch
    let isWanted = true
    const end = (problem?: Error): void => {
      if (left > 0) left = 0
      clearTimeout(timer)
      signal.removeEventListener("abort", abort)
      void subscription.drain().catch(() => {})
      isWanted = false
      if (problem === undefined) resolve(found)
      else reject(problem)
    }
    const abort = (): void => {
      isWanted = false
      for (const message of found.splice(0)) message.respond("-NAK")
      reject(new Error("interrupted"))
    }
    const subscription = connection.subscribe(createInbox(), {
      callback: (problem, message) => {
        if (problem !== null) return end(problem)
        const status = message.headers?.code ?? 0
        if (status === 404 || status === 408) return end()
        if (status !== 0) return end(new Error(`${status} ${message.headers?.description ?? ""}`))
        if (isWanted) found.push(message)
        else message.respond("-NAK")
        left -= 1
        if (left === 0) end()
      }
    })
    const timer = setTimeout(() => end(found.length > 0 ? undefined : new Error("no answer in time")), patienceMillis)
    void subscription.closed.then(() => end(new Error("the connection was cut")))
    signal.addEventListener("abort", abort)
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, JSON.stringify(request), {
      reply: subscription.getSubject()
    })
  })

/** Up to `limit` messages as soon as there are any, or none after `waitMillis`. Rejects when the server says neither. */
export const pull = async (
  connection: NatsConnection,
  consumer: Consumer,
  options: { readonly limit: number; readonly waitMillis: number; readonly timeoutMillis: number },
  signal: AbortSignal
): Promise<readonly Msg[]> => {
  const { limit, timeoutMillis, waitMillis } = options
  const [first] = await ask(
    connection,
    consumer,
    { batch: 1, expires: waitMillis * 1_000_000 },
    waitMillis + timeoutMillis,
    signal
  )
  if (first === undefined) return []
  const batch = Math.min(limit - 1, deliveryOf(first).pending)
  if (batch <= 0) return [first]
  try {
    return [first, ...(await ask(connection, consumer, { batch, no_wait: true }, LATE_MILLIS, signal))]
  } catch (cause) {
    if (!signal.aborted) return [first]
    first.respond("-NAK")
    throw cause
  }
}
