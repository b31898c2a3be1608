/**
 * Runs contenders under one load, round after round in turn, and takes the medians.
 */
import { median, table } from "./report.ts"
import type { Contender, Load, Produced, Seen, Setting } from "./workload.ts"

export interface Measured {
  readonly deliveredPercent: number
  readonly inOrder: boolean
  readonly p50Millis: number
  readonly p99Millis: number
  /** From the last token sent to the last token seen. */
  readonly doneMillis: number
  /** CPU time of all processes but the watcher's, per token. */
  readonly serverMicros: number
  readonly clientMicros: number
}
export interface Round {
  readonly load: Load
  readonly rounds: number
  readonly warmSeconds: number
  readonly restDelayMillis?: number
}

const once = async (contender: Contender, { load, warmSeconds, restDelayMillis = 0 }: Round): Promise<Measured> => {
  const setting: Setting = { runs: load.runs, restDelayMillis }
  const { producer, watcher, others } = await contender.start(setting)
  try {
    const stream = async (part: Load) => {
      const produced = await producer.call<Produced>("produce", part)
      return { produced, seen: await watcher.call<Seen>("seen", { tokens: produced.tokens, quietMillis: 3_000 }) }
    }
    const cpuMicros = async () => {
      const used = await Promise.all([watcher, producer, ...others].map((process) => process.cpuMicros()))
      const [client = 0, ...servers] = used
      return { client, server: servers.reduce((sum, value) => sum + value, 0) }
    }
    await stream({ ...load, seconds: warmSeconds })
    const before = await cpuMicros()
    const { produced, seen } = await stream(load)
    const after = await cpuMicros()
    return {
      deliveredPercent: (100 * seen.tokens) / produced.tokens,
      inOrder: seen.inOrder,
      p50Millis: seen.p50Millis,
      p99Millis: seen.p99Millis,
      doneMillis: seen.lastSeenAt - produced.lastSentAt,
      serverMicros: (after.server - before.server) / produced.tokens,
      clientMicros: (after.client - before.client) / produced.tokens
    }
  } finally {
    for (const process of [watcher, producer, ...others]) await process.stop()
  }
}

/** Medians by contender's name. Delivery and order are the worst of all rounds, not the median. */
export const compare = async (
  contenders: readonly Contender[],
  round: Round
): Promise<ReadonlyMap<string, Measured>> => {
  const measured = new Map<string, Measured[]>()
  for (let turn = 0; turn < round.rounds; turn++)
    for (const contender of contenders) {
      const one = await once(contender, round)
      measured.set(contender.name, [...(measured.get(contender.name) ?? []), one])
    }
  return new Map([...measured].map(([name, all]) => [name, summary(all)]))
}
const summary = (all: readonly Measured[]): Measured => ({
  deliveredPercent: Math.min(...all.map((one) => one.deliveredPercent)),
  inOrder: all.every((one) => one.inOrder),
  p50Millis: median(all.map((one) => one.p50Millis)),
  p99Millis: median(all.map((one) => one.p99Millis)),
  doneMillis: median(all.map((one) => one.doneMillis)),
  serverMicros: median(all.map((one) => one.serverMicros)),
  clientMicros: median(all.map((one) => one.clientMicros))
})

export const measuredTable = (measured: ReadonlyMap<string, Measured>): string =>
  table(
    ["", "delivered %", "in order", "p50 ms", "p99 ms", "done ms", "server CPU µs/token", "client CPU µs/token"],
    [...measured].map(([name, one]) => [
      name,
      one.deliveredPercent,
      one.inOrder ? "yes" : "no",
      one.p50Millis,
      one.p99Millis,
      one.doneMillis,
      one.serverMicros,
      one.clientMicros
    ])
  )
