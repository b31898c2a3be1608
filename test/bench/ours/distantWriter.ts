/**
 * One backend at its own distance from a log that several write: every call to the log takes `lag` milliseconds there
 * and as many back.
 *
 * The gateway carries nothing, so that whoever is interrupted learns it from the log alone: the worst case.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createBackend, defineAgent, type BackendHandle } from "throughline"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { Gateway, ThreadLog, type ThreadLogService } from "throughline/effect"
import { startWorker } from "throughline/node"
import * as z from "zod"
import { answer } from "../child.ts"
import { clock } from "../workload.ts"

export interface Distance {
  readonly file: string
  readonly lag: number
}
const TOKENS_PER_SECOND = 200
const thread = "contended"
const appendedAt: number[] = []
const heardAt: Record<string, number> = {}
let backend: BackendHandle | undefined
let atWork: ReturnType<typeof Promise.withResolvers<void>> | undefined
let streaming = true

const distant = ({ file, lag }: Distance) => {
  const away = <A, E>(call: Effect.Effect<A, E>) => call.pipe(Effect.delay(lag), Effect.tap(Effect.sleep(lag)))
  const from = (log: ThreadLogService): ThreadLogService => ({
    ...log,
    append: (key, append) =>
      away(
        Effect.tap(log.append(key, append), (result) =>
          Effect.sync(() => result._tag === "Appended" && appendedAt.push(clock()))
        )
      ),
    knock: (key, by) => away(log.knock(key, by)),
    head: (key) => away(log.head(key)),
    read: (key, after, options) => away(log.read(key, after, options)),
    note: (key, note) => away(log.note(key, note)),
    notes: (key, prefix) => away(log.notes(key, prefix)),
    snapshot: (key) => away(log.snapshot(key)),
    saveSnapshot: (key, snapshot) => away(log.saveSnapshot(key, snapshot))
  })
  return Layer.effect(ThreadLog, Effect.map(ThreadLog, from)).pipe(Layer.provide(sqliteLog({ file })))
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
/** Talks at its pace and reads what people say, until the part is over. */
const streamer = defineAgent({
  name: "streamer",
  input: z.object({}),
  onBusy: "parallel",
  run: async (run) => {
    const begun = clock()
    let tokens = 0
    atWork?.resolve()
    while (streaming && !run.signal.aborted) {
      for (const due = ((clock() - begun) / 1_000) * TOKENS_PER_SECOND; tokens < due; tokens++) void run.text(" word")
      for (const { interrupt } of await run.steered()) heardAt[interrupt] = clock()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
})

/** Who has not landed by then has starved. */
const STARVED_MILLIS = 20_000
/** As a client does, sends the same id again when the log did not settle it in time. */
const post = async (route: string, body: unknown, until = clock() + STARVED_MILLIS): Promise<void> => {
  const url = `http://bench/threads/${thread}/${route}`
  const headers = { "content-type": "application/json" }
  const response = await backend?.fetch(new Request(url, { method: "POST", headers, body: JSON.stringify(body) }))
  const answered = (await response?.json()) as {
    readonly ok: boolean
    readonly error?: { readonly retryable: boolean }
  }
  if (answered.ok) return
  if (!answered.error?.retryable) throw new Error(JSON.stringify(answered))
  if (clock() < until) await post(route, body, until)
}

answer({
  open: async (distance: Distance) => {
    backend = createBackend({
      limits: false,
      agents: [streamer],
      log: distant(distance),
      gateway: silent,
      queue: memoryQueue(),
      secret: "no secret, only for the bench",
      authenticate: () => ({ id: "someone" }),
      authorize: () => true
    })
    await backend.ready()
  },
  /** Resolves when the agent is at work. */
  stream: async (run: string) => {
    atWork = Promise.withResolvers<void>()
    if (backend) startWorker(backend)
    await post("runs", { id: run, agent: "streamer", input: {} })
    await atWork.promise
  },
  /** Answers how long it took until the interrupt was durable and answered. */
  steer: async ({ id, run }: { readonly id: string; readonly run: string }) => {
    const message = { id: `message-${id}`, parts: [{ type: "text", text: "shorter, please" }] }
    const begun = clock()
    await post("interrupts", { kind: "steer", id, run, message, when: "next-step" })
    return { begun, millis: clock() - begun }
  },
  /** The same for a message that is for no run. */
  post: async (id: string) => {
    const begun = clock()
    await post("messages", { id, parts: [{ type: "text", text: "by the way" }] })
    return { begun, millis: clock() - begun }
  },
  heardAt: () => heardAt,
  appendedAt: () => appendedAt,
  end: () => void (streaming = false)
})
