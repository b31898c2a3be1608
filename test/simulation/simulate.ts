/** Plays many schedules in threads, as many as there are processors. */
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import type { Breach } from "../../src/conformance/historyRecords.ts"
import { add, type Tally } from "./tally.ts"
import type { Done, Order } from "./worker.ts"

export interface Simulated extends Tally {
  readonly schedules: number
  /** Those in which an invariant did not hold, by seed. */
  readonly failed: readonly { readonly seed: number; readonly breaches: readonly Breach[] }[]
  readonly hashes: readonly string[]
}
const CHUNK = 100
/** Young objects die young: a larger nursery spares most of the collecting. */
const YOUNG_MEGABYTES = 64

/** Seeds `seed`, `seed + 1`, …; the same seeds give the same answer, however many threads there are. */
export const simulate = async (options: {
  readonly schedules: number
  readonly seed: number
  readonly threads?: number
  readonly hashes?: boolean
  readonly onProgress?: (schedules: number) => void
}): Promise<Simulated> => {
  const { hashes = false, schedules, seed, threads = availableParallelism() } = options
  const orders: Order[] = []
  for (let from = 0; from < schedules; from += CHUNK)
    orders.push({ from: seed + from, count: Math.min(CHUNK, schedules - from), hashes })
  const answers: Done[] = []
  let next = 0
  let played = 0
  const thread = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), {
        execArgv: ["--conditions=throughline-source"],
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES }
      })
      let current = -1
      const hand = () => {
        current = next++
        const order = orders[current]
        if (order !== undefined) return worker.postMessage(order)
        void worker.terminate().then(() => resolve())
      }
      worker.on("message", (done: Done) => {
        answers[current] = done
        played += orders[current]!.count
        options.onProgress?.(played)
        hand()
      })
      worker.on("error", reject)
      hand()
    })
  await Promise.all(Array.from({ length: Math.min(threads, orders.length) }, thread))
  const tally: Tally = { struck: {}, outcomes: {}, happened: 0, virtualMillis: 0 }
  for (const answer of answers) add(tally, answer)
  return {
    ...tally,
    schedules,
    failed: answers.flatMap(({ failed }) => failed),
    hashes: answers.flatMap((answer) => answer.hashes)
  }
}
export const replayOf = (seed: number): string => `npm run simulate -- --seed ${seed} --schedules 1 --trace`
