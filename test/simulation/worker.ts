/** A thread that plays the schedules it is handed, one after another, and tells what became of them. */
import { guard, unguard } from "./globals.ts"
import { parentPort } from "node:worker_threads"
import type { Breach } from "../../src/conformance/historyRecords.ts"
import { planOf } from "./plan.ts"
import { play } from "./schedule.ts"
import { add, hashOf, type Tally } from "./tally.ts"

export interface Order {
  readonly from: number
  readonly count: number
  /** Whether each history's hash is wanted. */
  readonly hashes?: boolean
}
export interface Done extends Tally {
  readonly failed: readonly { readonly seed: number; readonly breaches: readonly Breach[] }[]
  readonly hashes: readonly string[]
}

const work = async ({ count, from, hashes: wanted = false }: Order): Promise<Done> => {
  const failed: { seed: number; breaches: readonly Breach[] }[] = []
  const hashes: string[] = []
  const tally: Tally = { struck: {}, outcomes: {}, happened: 0, virtualMillis: 0 }
  for (let seed = from; seed < from + count; seed++) {
    guard()
    try {
      const { breaches, history, ...rest } = await play(planOf(seed))
      if (breaches.length > 0) failed.push({ seed, breaches })
      add(tally, rest)
      if (wanted) hashes.push(hashOf(history))
    } finally {
      unguard()
    }
  }
  return { ...tally, failed, hashes }
}
// a schedule that cannot be played ends the thread, loudly
parentPort!.on("message", async (order: Order) => {
  const done = await work(order)
  parentPort!.postMessage(done)
})
