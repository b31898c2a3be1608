/**
 * How many appends a second pass through the port, beside the same script sent by the bare client.
 *
 * Prints a JSON line of the CPU each took, and one of their rates and the ratio. Both write ~300-byte entries to `THREADS` threads at once, each
 * thread's next when its last was acknowledged. Many short rounds in turn, and medians, so that what else the machine
 * does falls on both alike. Arguments: seconds of each round, rounds (default 0.5, 15).
 */
import { createHash } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createClient } from "redis"
import { redisLog } from "../../../adapters/logs/redis/log.ts"
import { APPEND } from "../../../adapters/logs/redis/scripts.ts"
import { following } from "../../../src/conformance/logCase.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { startRedis } from "../redis.ts"

const [seconds = 0.5, rounds = 15] = process.argv.slice(2).map(Number)
const THREADS = 256
const BODY = JSON.stringify({ type: "text.delta", delta: "x".repeat(270) })
const CONTROL = { v: 1, runs: [] }
const threads = Array.from({ length: THREADS }, (_, n) => n)
let made = 0

interface Figure {
  readonly appendsPerSecond: number
  readonly cpuMicros: number
}
/** Runs `work`, which answers how many it appended. */
const measure = async (work: (until: number) => Promise<number>): Promise<Figure> => {
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const count = await work(begin + seconds * 1000)
  const millis = performance.now() - begin
  const { system, user } = process.cpuUsage(cpu)
  return { appendsPerSecond: (count * 1000) / millis, cpuMicros: (system + user) / count }
}

const throughPort = (log: ThreadLogService): Promise<Figure> =>
  measure(async (until) => {
    const round = (made += 1)
    let count = 0
    const one = Effect.fnUntraced(function* (thread: number) {
      const name = `bench/port-${round}-${thread}`
      let head = yield* log.head(name)
      while (performance.now() < until) {
        const id = `${name}-${head.offset + 1}`
        const control = head.offset === 0 ? CONTROL : head.control
        const result = yield* log.append(name, following(head, { id, logId: "log", body: BODY, control }))
        if (result._tag !== "Appended") return yield* Effect.die(new Error(`append: ${result._tag}`))
        head = result.head
        count += 1
      }
    })
    await Effect.runPromise(Effect.forEach(threads, one, { concurrency: "unbounded", discard: true }))
    return count
  })

/** What a program without the port would send: the script, with texts that it need not make or check. */
const bare = (client: { sendCommand(args: readonly string[]): Promise<unknown> }): Promise<Figure> =>
  measure(async (until) => {
    const round = (made += 1)
    let count = 0
    const sum = createHash("sha1").update(BODY).digest("hex").slice(0, 8)
    const one = async (thread: number): Promise<void> => {
      const name = `bench/bare-${round}-${thread}`
      const key = (kind: string) => `bare:{${thread % 64}}:${kind}:${name}`
      const keys = [key("head"), key("entries"), key("notes"), key("note-keys"), `bare:{${thread % 64}}:due`]
      for (let before = 0; performance.now() < until; before++, count++) {
        const [offset, id] = [`${before + 1}`, `${name}-${before + 1}`]
        const expected = [`${before}`, before === 0 ? "" : "log", `${before}`, before === 0 ? "" : `${name}-${before}`]
        const head = ["log", offset, id, offset, sum]
        const state = before === 0 ? [JSON.stringify(CONTROL), "", sum] : ["", "", ""]
        const entry = `${sum}="${id}"\n${BODY}`
        const args = ["EVALSHA", APPEND.sha, "5", ...keys, ...expected, ...head, entry, name, ...state]
        if (Number(await client.sendCommand(args)) <= 0) throw new Error("append: conflict")
      }
    }
    await Promise.all(threads.map(one))
    return count
  })
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const server = await startRedis("--appendonly", "yes", "--appendfsync", "everysec")
const client = await createClient({
  url: server.url,
  RESP: 2,
  maintNotifications: "disabled",
  commandOptions: { timeout: 0 }
}).connect()
try {
  await client.sendCommand(["SCRIPT", "LOAD", APPEND.source])
  const port: Figure[] = []
  const raw: Figure[] = []
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const log = Context.get(yield* Layer.build(redisLog({ url: server.url })), ThreadLog)
        for (let n = 0; n <= rounds; n++) {
          const [a, b] = [yield* Effect.promise(() => throughPort(log)), yield* Effect.promise(() => bare(client))]
          // The first round warms both up. Each round begins with an empty server.
          if (n > 0) {
            port.push(a)
            raw.push(b)
          }
          yield* Effect.promise(() => client.flushAll())
        }
      })
    )
  )
  const rate = (figures: readonly Figure[]) => Math.round(median(figures.map((figure) => figure.appendsPerSecond)))
  const cpu = (figures: readonly Figure[]) => Math.round(median(figures.map((figure) => figure.cpuMicros)))
  // Pair by pair, because the machine's speed drifts.
  const ratios = port.map(({ appendsPerSecond }, n) => appendsPerSecond / (raw[n]?.appendsPerSecond ?? Number.NaN))
  const about = { threads: THREADS, bodyBytes: BODY.length, rounds, seconds }
  console.log(JSON.stringify({ portCpuMicros: cpu(port), driverCpuMicros: cpu(raw), ...about }))
  const ratio = Math.round(median(ratios) * 1000) / 1000
  console.log(JSON.stringify({ portPerSecond: rate(port), driverPerSecond: rate(raw), ratio }))
} finally {
  client.destroy()
  await server.close()
}
