/**
 * Three backends on one log, each at its own distance from it; two stream into one thread, the third interrupts.
 *
 * The gateway carries nothing: whoever is interrupted has to learn it from the log alone, the worst case.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createBackend, defineAgent } from "throughline"
import { memoryLog, memoryStore } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { Gateway, ThreadLog, type ThreadLogService } from "throughline/effect"
import { startWorker } from "throughline/node"
import * as z from "zod"
import { answer } from "../child.ts"

export interface Contention {
  /** The longest that a writer went without an append while all three wrote, by its one-way lag. */
  readonly longestGapMillis: Readonly<Record<number, number>>
  /** From the request to its receipt, one for each interrupt. */
  readonly interruptMillis: readonly number[]
}
const store = memoryStore()
const lastAppend = new Map<number, number>()
const longest = new Map<number, number>()
let measuring = false

const noted = (lag: number) => {
  const now = performance.now()
  if (measuring) longest.set(lag, Math.max(longest.get(lag) ?? 0, now - (lastAppend.get(lag) ?? now)))
  lastAppend.set(lag, now)
}
/** The shared log as it looks from `lag` milliseconds away. */
const distant = (lag: number) => {
  const away = <A, E>(call: Effect.Effect<A, E>) => Effect.delay(call, lag).pipe(Effect.tap(() => Effect.sleep(lag)))
  const from = (log: ThreadLogService): ThreadLogService => ({
    ...log,
    append: (thread, append) =>
      away(log.append(thread, append)).pipe(
        Effect.tap((result) => Effect.sync(() => result._tag === "Appended" && noted(lag)))
      ),
    knock: (thread, by) => away(log.knock(thread, by)),
    head: (thread) => away(log.head(thread)),
    read: (thread, after, options) => away(log.read(thread, after, options)),
    note: (thread, key) => away(log.note(thread, key)),
    notes: (thread, prefix) => away(log.notes(thread, prefix))
  })
  return Layer.effect(ThreadLog, Effect.map(ThreadLog, from)).pipe(Layer.provide(memoryLog({ store })))
}
const silent = Layer.succeed(
  Gateway,
  Gateway.of({
    name: "silent",
    capabilities: {
      maxFrameBytes: 1_000_000,
      order: "none",
      delivery: "at-most-once",
      recovery: false,
      upstream: false,
      serverSubscribe: false,
      revoke: false,
      presence: false,
      manyGroups: true,
      auth: "none"
    },
    publish: () => Effect.void,
    grant: () => Effect.succeed({ url: "ws://127.0.0.1:1", expiresAt: Date.now() + 60_000 })
  })
)
const streamer = (lag: number) =>
  defineAgent({
    name: `streamer-${lag}`,
    input: z.object({}),
    onBusy: "parallel",
    run: async (run) => {
      const talking = setInterval(() => void run.text(" word"), 5)
      // What people say is read, so that there is always room for one more.
      while (!run.signal.aborted) {
        await run.steered()
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      clearInterval(talking)
    }
  })
const backendAt = (lag: number) => {
  const backend = createBackend({
    agents: [2, 5].map(streamer),
    log: distant(lag),
    gateway: silent,
    queue: memoryQueue(),
    secret: "no secret, only for the bench",
    authenticate: () => ({ id: "someone" }),
    authorize: () => true
  })
  const post = async (route: string, body: unknown) => {
    const headers = { "content-type": "application/json" }
    const url = `http://bench/threads/contended/${route}`
    const response = await backend.fetch(new Request(url, { method: "POST", headers, body: JSON.stringify(body) }))
    const answered = (await response.json()) as { readonly ok: boolean }
    if (!answered.ok) throw new Error(JSON.stringify(answered))
  }
  return { backend, post }
}

answer({
  measure: async ({ interrupts }: { readonly interrupts: number }): Promise<Contention> => {
    const [near, middle, far] = [2, 5, 30].map(backendAt)
    if (!near || !middle || !far) throw new Error("three backends")
    startWorker(near.backend)
    startWorker(middle.backend)
    await near.post("runs", { id: "run-2", agent: "streamer-2", input: {} })
    await middle.post("runs", { id: "run-5", agent: "streamer-5", input: {} })
    await new Promise((resolve) => setTimeout(resolve, 500))

    measuring = true
    const interruptMillis: number[] = []
    for (let number = 0; number < interrupts; number++) {
      await new Promise((resolve) => setTimeout(resolve, 200 * Math.random()))
      const message = { id: `said-${number}`, parts: [{ type: "text", text: "shorter, please" }] }
      const begun = performance.now()
      await far.post("interrupts", { kind: "steer", id: crypto.randomUUID(), run: "run-2", message, when: "next-step" })
      interruptMillis.push(performance.now() - begun)
    }
    measuring = false
    return { interruptMillis, longestGapMillis: { 2: longest.get(2) ?? 0, 5: longest.get(5) ?? 0 } }
  }
})
