/**
 * Runs an agent with no gateway, server or queue: the real log, writer and worker in this process's memory.
 *
 * What the agent said is what would have been published. Interrupts go the way that a person's would go.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { Entry } from "../protocol/Entry.ts"
import type { KnownEvent, MessagePart, Role, RunOutcome } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"
import type { View } from "../protocol/View.ts"
import { Access, type Principal } from "../ports/Access.ts"
import { Gateway } from "../ports/Gateway.ts"
import { ThreadLog } from "../ports/ThreadLog.ts"
import { Ids } from "../ports/Ids.ts"
import type { Agent } from "../agent/defineAgent.ts"
import { Backend, layerBackend } from "../server/Backend.ts"
import { encodeAppend } from "../writer/draft.ts"
import { readView } from "../writer/readView.ts"
import { emptyControl } from "../thread/control.ts"
import { memoryLog } from "../../adapters/logs/memory/log.ts"
import { memoryQueue } from "../../adapters/queues/memory/queue.ts"

/** An interrupt without what the test need not choose. */
type Sent = UserInterrupt extends infer I ? (I extends UserInterrupt ? Omit<I, "id" | "run"> : never) : never

export interface TestAgentOptions<Input> {
  readonly input: Input
  /** Messages that the thread holds before the run. */
  readonly history?: readonly { readonly role: Role; readonly text?: string; readonly parts?: readonly MessagePart[] }[]
  readonly by?: Principal
  readonly tags?: Readonly<Record<string, string>>
  readonly context?: unknown
  /** Called with each event once it is in the log; what it answers is sent to the run. */
  readonly interruptAt?: (event: KnownEvent) => Sent | undefined
}
export interface TestedRun<Output> {
  /** Everything in the log from the run's acceptance on, in order. */
  readonly events: readonly KnownEvent[]
  readonly outcome: RunOutcome
  /** What the run returned; `undefined` unless it completed. */
  readonly result: Output | undefined
  readonly view: View
  /** The text parts of the run's answer, joined. */
  readonly text: string
}
const THREAD = "main/test"

export const testAgent = <I, O>(agent: Agent<I, O>, options: TestAgentOptions<I>): Promise<TestedRun<O>> => {
  const onFrame: { current: (frame: string) => void } = { current: () => {} }
  const gateway = Gateway.of({
    name: "test",
    groupSecret: "no gateway, no groups to guess",
    capabilities: {
      maxFrameBytes: 1024 * 1024,
      order: "connection",
      delivery: "at-most-once",
      recovery: false,
      upstream: false,
      serverSubscribe: false,
      revoke: false,
      presence: false,
      manyGroups: true,
      auth: "none"
    },
    publish: (_group, frame) => Effect.sync(() => onFrame.current(frame)),
    grant: () => Effect.die(new Error("testAgent has no gateway to connect to"))
  })
  const by = options.by ?? { id: "tester" }
  const access = Access.of({ authenticate: () => Effect.succeed(by), authorize: () => Effect.succeed(true) })
  const ports = Layer.mergeAll(
    memoryLog(),
    memoryQueue(),
    Layer.succeed(Gateway, gateway),
    Layer.succeed(Access, access)
  )
  const layer = Layer.provideMerge(
    layerBackend({ agents: [agent as Agent], ...(options.context === undefined ? {} : { context: options.context }) }),
    ports
  )

  const program = Effect.gen(function* () {
    const backend = yield* Backend
    const log = yield* ThreadLog
    const { next } = yield* Ids
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const run = next()
    const post = (route: string, body: unknown) =>
      Effect.flatMap(
        backend.handle(
          new Request(`http://test/threads/test/${route}`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body)
          })
        ),
        (response) =>
          Effect.promise(() => response.json() as Promise<{ readonly ok: boolean; readonly error?: unknown }>)
      )
    if (options.history !== undefined && options.history.length > 0) yield* seed(options.history, next)
    const before = (yield* log.head(THREAD)).offset
    onFrame.current = (frame) => {
      const { events } = JSON.parse(frame) as Partial<Entry>
      for (const event of events ?? []) {
        const sent = options.interruptAt?.(event as KnownEvent)
        if (sent !== undefined) fork(post("interrupts", { ...sent, id: next(), run }))
      }
    }
    const started = yield* post("runs", { id: run, agent: agent.name, input: options.input, tags: options.tags })
    if (!started.ok)
      return yield* Effect.die(Object.assign(new Error("the run was not accepted"), { fault: started.error }))
    yield* backend.work({ thread: THREAD, run, epoch: 1 })
    const { entries } = yield* log.read(THREAD, before, { limit: 1_000_000, maxBytes: Number.MAX_SAFE_INTEGER })
    const events = entries.flatMap((entry) => (JSON.parse(entry.body) as Entry).events) as readonly KnownEvent[]
    const { view } = yield* readView(log, THREAD)
    const end = events.find((event) => event.type === "run.finished" && event.run === run)
    if (end?.type !== "run.finished") return yield* Effect.die(new Error("the run did not end"))
    const parts = view.messages.filter((message) => message.run === run).flatMap((message) => message.parts)
    return {
      events,
      outcome: end.outcome,
      result: end.outcome.type === "completed" ? (end.outcome.result as O) : undefined,
      view,
      text: parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")
    } satisfies TestedRun<O>
  })
  return Effect.runPromiseExit(Effect.provide(program, layer)).then((exit) =>
    Exit.isSuccess(exit) ? exit.value : Effect.runPromise(Effect.failCause(exit.cause))
  )
}

const seed = Effect.fnUntraced(function* (
  history: NonNullable<TestAgentOptions<Json>["history"]>,
  nextId: () => string
) {
  const log = yield* ThreadLog
  const head = yield* log.head(THREAD)
  const events = history.map(({ parts, role, text }) => ({
    type: "message.posted" as const,
    message: nextId(),
    role,
    parts: parts ?? [{ type: "text" as const, text: text ?? "" }]
  }))
  const draft = { batch: [], outcomes: [], events, notes: [], control: emptyControl, offset: 1 }
  const append = encodeAppend(draft, head, { thread: THREAD, at: head.now, nextId, redact: undefined })
  if (append === undefined) return yield* Effect.die(new TypeError("history does not fit one entry"))
  return yield* log.append(THREAD, append)
})
