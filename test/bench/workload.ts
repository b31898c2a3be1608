/**
 * The token workload: what is produced at what pace, how a token is told from its neighbours after merging, and what
 * watchers measure.
 *
 * A contender is anything that carries text from a producing run to that run's watcher. `peers/` and `ours.ts` hold
 * them; parts/tokens.ts lets them run side by side. A token's latency begins right before `send` is called and ends
 * in the watcher's callback in which it is visible; of merged tokens every one is counted.
 */
import { percentile } from "./report.ts"
import type { Process } from "./processes.ts"

export interface Load {
  readonly runs: number
  readonly tokensPerSecond: number
  readonly seconds: number
}
export interface Setting {
  readonly runs: number
  /** Added to every REST call to the gateway, before it has any effect. */
  readonly restDelayMillis: number
}
export interface Contender {
  readonly name: string
  /** Starts everything and connects a watcher to each run; resolves when tokens may flow. */
  readonly start: (setting: Setting) => Promise<Arena>
}
export interface Arena {
  /** Answers `produce(Load)` with `Produced`; see `pace`. */
  readonly producer: Process
  /** Answers `seen(Expected)` with `Seen`; see `watchers`. All watchers live in it. */
  readonly watcher: Process
  /** Everything else that runs, such as a gateway. Their CPU counts as the servers', like the producer's. */
  readonly others: readonly Process[]
}
export interface Produced {
  readonly tokens: number
  readonly lastSentAt: number
}
export interface Expected {
  readonly tokens: number
  readonly quietMillis: number
}
export interface Seen {
  readonly tokens: number
  readonly inOrder: boolean
  readonly p50Millis: number
  readonly p99Millis: number
  readonly lastSeenAt: number
}

/** Milliseconds since 1970 with fractions; processes of one machine agree on it. */
export const clock = (): number => performance.timeOrigin + performance.now()

/**
 * Sends the tokens of every run at its pace: token k of run r is due at (k + r / runs) / tokensPerSecond seconds, so
 * that the runs spread evenly over the period. What is late is sent at once, in order. A run whose `send` returned a
 * promise sends no more until it has resolved, as an agent that awaits would.
 */
export const pace = (load: Load, send: (run: number, text: string) => void | Promise<void>): Promise<Produced> => {
  const { runs, tokensPerSecond, seconds } = load
  const periodMillis = 1_000 / tokensPerSecond
  const perRun = Math.round(seconds * tokensPerSecond)
  const sent = Array.from({ length: runs }, () => 0)
  const blocked = Array.from({ length: runs }, () => false)
  const begun = clock()
  let unfinished = runs
  let lastSentAt = begun

  return new Promise((resolve, reject) => {
    const sendDue = (run: number) => {
      for (let k = sent[run] ?? 0; k < perRun && !blocked[run]; k++) {
        const now = clock()
        if (begun + (k + run / runs) * periodMillis > now) return
        sent[run] = k + 1
        lastSentAt = now
        if (k + 1 === perRun) unfinished--
        const room = send(run, token(run, now))
        if (!room) continue
        blocked[run] = true
        room.then(() => {
          blocked[run] = false
        }, reject)
      }
    }
    const tick = () => {
      for (let run = 0; run < runs; run++) sendDue(run)
      if (unfinished > 0) setTimeout(tick, 1)
      else resolve({ tokens: perRun * runs, lastSentAt })
    }
    tick()
  })
}

const sequence: number[] = []
const token = (run: number, now: number): string => {
  const next = sequence[run] ?? 0
  sequence[run] = next + 1
  return ` ${next}@${now.toFixed(2)};`
}

/** Collects what the watchers of one process see. */
export const watchers = (runs: number) => {
  const expected = Array.from({ length: runs }, () => 0)
  const consumed = Array.from({ length: runs }, () => 0)
  let latencies: number[] = []
  let inOrder = true
  let lastSeenAt = 0

  /** More text of a run became visible, now or at a time that was noted. */
  const append = (run: number, text: string, now = clock()): void => {
    lastSeenAt = Math.max(lastSeenAt, now)
    for (let from = 0; from < text.length;) {
      const at = text.indexOf("@", from)
      const end = text.indexOf(";", at)
      if (at < 0 || end < 0) throw new Error(`a token was cut in half: ${text.slice(from)}`)
      const number = Number(text.slice(from, at))
      if (number !== expected[run]) inOrder = false
      expected[run] = number + 1
      latencies.push(now - Number(text.slice(at + 1, end)))
      from = end + 1
    }
  }
  return {
    append,
    /** The whole text of a run, as far as it is visible. */
    show: (run: number, text: string): void => {
      const known = consumed[run] ?? 0
      if (text.length === known) return
      consumed[run] = text.length
      append(run, text.slice(known))
    },
    /** Resolves when all tokens were seen, or none came for `quietMillis`; forgets what it reports. */
    seen: async ({ tokens, quietMillis }: Expected): Promise<Seen> => {
      const asked = clock()
      while (latencies.length < tokens && clock() - Math.max(lastSeenAt, asked) < quietMillis)
        await new Promise((resolve) => setTimeout(resolve, 10))
      const sorted = Float64Array.from(latencies).toSorted()
      const report = {
        tokens: sorted.length,
        inOrder,
        p50Millis: percentile(sorted, 0.5),
        p99Millis: percentile(sorted, 0.99),
        lastSeenAt
      }
      latencies = []
      inOrder = true
      return report
    }
  }
}
