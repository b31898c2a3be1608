/**
 * The chat of the study: people post messages at a pace, everyone connected shall see each once. What is sent, how it is told
 * apart, what is counted. Latency ends where a message can be shown.
 */
import { percentile } from "../report.ts"
import { clock } from "../workload.ts"

export interface Chat {
  readonly messages: number
  readonly perSecond: number
}
/** So many people post; each waits for the answer before the next message. */
const PEOPLE = 10

/** Message k is due at k / perSecond seconds; what is late is sent at once. Resolves when all were sent. */
export const sendChat = async ({ messages, perSecond }: Chat, send: (text: string) => Promise<unknown>) => {
  const begun = clock()
  let next = 0
  const person = async () => {
    for (let k = next++; k < messages; k = next++) {
      const early = begun + (k * 1_000) / perSecond - clock()
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
      await send(`${k}@${clock().toFixed(2)}`)
    }
  }
  await Promise.all(Array.from({ length: PEOPLE }, person))
}

export interface Heard {
  readonly connected: number
  /** Distinct messages, over all connections. */
  readonly delivered: number
  readonly doubled: number
  /** Until the first message of all was everywhere. */
  readonly firstMillis: number
  readonly p50Millis: number
  readonly p99Millis: number
}
/** Collects what the connections of one process hear. */
export const listeners = (connections: number) => {
  const known = Array.from({ length: connections }, () => new Set<number>())
  let connected = 0
  let latencies: number[] = []
  let first = 0
  let doubled = 0
  let lastAt = clock()
  return {
    connect: () => void connected++,
    hear: (connection: number, text: string) => {
      const now = clock()
      const [number, sentAt] = text.split("@").map(Number) as [number, number]
      lastAt = now
      if (known[connection]!.has(number)) return void doubled++
      known[connection]!.add(number)
      if (number === 0) first = Math.max(first, now - sentAt)
      latencies.push(now - sentAt)
    },
    /** Resolves when everything was heard, or nothing new came for `quietMillis`. */
    heard: async ({
      messages,
      quietMillis
    }: {
      readonly messages: number
      readonly quietMillis: number
    }): Promise<Heard> => {
      const asked = clock()
      while (latencies.length < messages * connections && clock() - Math.max(lastAt, asked) < quietMillis)
        await new Promise((resolve) => setTimeout(resolve, 20))
      const sorted = Float64Array.from(latencies).toSorted()
      latencies = []
      return {
        connected,
        delivered: sorted.length,
        doubled,
        firstMillis: first,
        p50Millis: percentile(sorted, 0.5),
        p99Millis: percentile(sorted, 0.99)
      }
    }
  }
}
