/**
 * Appends per second through the port, against the same statement called with the driver alone. A program:
 * prints a JSON line for each round, and one with the medians and their ratio. Starts a server of its own.
 * Arguments: seconds per round, threads, rounds.
 */
import * as Effect from "effect/Effect"
import { Pool } from "pg"
import { v7 } from "uuid"
import { postgresLog } from "../../../adapters/logs/postgres/log.ts"
import { statementsFor } from "../../../adapters/logs/postgres/statements.ts"
import { following } from "../../../src/conformance/logCase.ts"
import type { Head, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { startPostgres } from "../postgres.ts"
import { openLog } from "./conform.ts"

const [seconds = 1, threads = 256, rounds = 7] = process.argv.slice(2).map(Number)
/** What the log uses by itself. */
const CONNECTIONS = 4
const LANES = 2
const GROUP = 128
const BODY = JSON.stringify({ events: [{ type: "text.delta", part: "p1", text: "x".repeat(240) }], by: "agent" })

/** Every thread has one append on its way at any time, as its writer would. Threads exist before the time begins. */
const throughPort = async (log: ThreadLogService): Promise<number> => {
  const append = Effect.fnUntraced(function* (thread: string, head: Head) {
    const result = yield* log.append(thread, following(head, { body: BODY, control: head.control ?? { v: 1 } }))
    if (result._tag !== "Appended") throw new Error(`${result._tag}: ${String("cause" in result && result.cause)}`)
    return result.head
  })
  const begin = Effect.fnUntraced(function* () {
    const thread = `main/${v7()}`
    return { thread, head: yield* append(thread, yield* log.head(thread)) }
  })
  const all = { concurrency: "unbounded" } as const
  const begun = await Effect.runPromise(Effect.all(Array.from({ length: threads }, begin), all))
  let count = 0
  const start = performance.now()
  const until = start + seconds * 1000
  const writer = Effect.fnUntraced(function* ({ thread, head }: { readonly thread: string; readonly head: Head }) {
    for (let newest = head; performance.now() < until; count++) newest = yield* append(thread, newest)
  })
  await Effect.runPromise(Effect.forEach(begun, writer, { ...all, discard: true }))
  return (count / (performance.now() - start)) * 1000
}
/** The same statement in groups of the same size, as many at once, with nothing compared or kept around it. */
const throughDriver = async (pool: Pool, schema: string): Promise<number> => {
  const { name, text } = statementsFor(schema).append
  const size = Math.min(GROUP, Math.ceil(threads / LANES))
  const lane = () => {
    const keys = Array.from({ length: size }, () => `main/${v7()}`)
    const same = <A>(value: A): readonly A[] => keys.map(() => value)
    const [zeros, logs, bodies] = [same(0), same(v7()), same(BODY)]
    let offset = 0
    let ids = same("")
    return async (): Promise<void> => {
      const next = keys.map(() => v7())
      const first = offset === 0
      const was = [same(first ? "" : logs[0]), same(offset), ids, same(first ? null : offset)]
      const state = [same(first ? `{"v":1}` : null), same(null), same(first ? 0 : null)]
      const values = [keys, ...was, logs, next, zeros, ...state, bodies, zeros, [], [], [], [], []]
      const { rows } = await pool.query<{ won: number[] | null }>({ name, text, values })
      if (rows[0]?.won?.length !== size) throw new Error("the driver's appends conflict")
      ids = next
      offset += 1
    }
  }
  const lanes = Array.from({ length: LANES }, lane)
  await Promise.all(lanes.map((append) => append()))
  let count = 0
  const start = performance.now()
  const until = start + seconds * 1000
  const run = async (append: () => Promise<void>) => {
    for (; performance.now() < until; count += size) await append()
  }
  await Promise.all(lanes.map(run))
  return (count / (performance.now() - start)) * 1000
}
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const postgres = await startPostgres()
const pool = new Pool({
  connectionString: postgres.url(),
  max: LANES,
  options: "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_mergejoin=off -c jit=off"
})
const { log, close } = await openLog(postgresLog({ connection: postgres.url(), connections: CONNECTIONS }))
try {
  const found: { readonly port: number; readonly driver: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const driver = await throughDriver(pool, "throughline")
    const port = await throughPort(log)
    found.push({ port, driver })
    console.log(JSON.stringify({ round, portPerSecond: Math.round(port), driverPerSecond: Math.round(driver) }))
  }
  const port = median(found.map((round) => round.port))
  const driver = median(found.map((round) => round.driver))
  const ratio = Math.round((port / driver) * 1000) / 1000
  console.log(
    JSON.stringify({ portPerSecond: Math.round(port), driverPerSecond: Math.round(driver), ratio, threads, seconds })
  )
} finally {
  await close()
  await pool.end()
  await postgres.close()
}
