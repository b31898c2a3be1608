/** Backends under virtual time: several processes on one store, one queue whose jobs the test hands out itself. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import * as z from "zod"
import { memoryStore } from "../../adapters/logs/memory/log.ts"
import type { Agent } from "../../src/agent/defineAgent.ts"
import type { Run } from "../../src/agent/Run.ts"
import { defineAgent } from "../../src/agent/defineAgent.ts"
import type { Worked } from "../../src/agent/worker.ts"
import { Access, type AccessService } from "../../src/ports/Access.ts"
import type { BlobStore } from "../../src/ports/BlobStore.ts"
import { Gateway } from "../../src/ports/Gateway.ts"
import { Ids } from "../../src/ports/Ids.ts"
import { JobQueue, QueueError, type Job } from "../../src/ports/JobQueue.ts"
import { ThreadLog, type ThreadLogService } from "../../src/ports/ThreadLog.ts"
import type { KnownEvent, RunOutcome } from "../../src/protocol/Event.ts"
import type { View } from "../../src/protocol/View.ts"
import { Backend, layerBackend, type BackendService } from "../../src/server/Backend.ts"
import { readView } from "../../src/writer/readView.ts"
import { eventsOf, flush, logOn, passUntil, recordingGateway, START, switched, type Switch } from "../writer/world.ts"

export interface Process extends Switch {
  readonly backend: BackendService
}
export const makeBackends = Effect.fnUntraced(function* (
  agents: readonly Agent[],
  options: {
    readonly processes?: number
    readonly subscribe?: boolean
    /** The gateway lets nobody listen, and does not say so. */
    readonly away?: boolean
    readonly blobs?: Layer.Layer<BlobStore>
    readonly log?: (log: ThreadLogService) => ThreadLogService
    readonly authorize?: AccessService["authorize"]
  } = {}
) {
  yield* TestClock.setTime(START)
  const store = memoryStore()
  const plain = yield* logOn(store)
  const recording = recordingGateway({
    subscribe: options.subscribe ?? true,
    away: options.away ?? false
  })
  const jobs: Job[] = []
  const queue = { lost: false }
  const principal = { id: "ann" }
  const ports = Layer.mergeAll(
    options.blobs ?? Layer.empty,
    Layer.succeed(Gateway, recording.gateway),
    Layer.succeed(
      Access,
      Access.of({
        authenticate: () => Effect.sync(() => ({ ...principal })),
        authorize: options.authorize ?? (() => Effect.succeed(true))
      })
    ),
    Layer.succeed(
      JobQueue,
      JobQueue.of({
        name: "by hand",
        enqueue: (job) =>
          Effect.suspend(() => {
            if (queue.lost) return Effect.fail(new QueueError({ operation: "enqueue", cause: new Error("lost") }))
            jobs.push(job)
            return Effect.void
          })
      })
    )
  )
  const processes: Process[] = []
  for (let n = 0; n < (options.processes ?? 2); n++) {
    const own = switched(options.log?.(plain) ?? plain)
    const layer = layerBackend({ agents }).pipe(Layer.provide(Layer.mergeAll(ports, Layer.succeed(ThreadLog, own.log))))
    // fresh: layers are shared by reference, and each process has its own
    const built = yield* Layer.build(Layer.fresh(layer))
    processes.push(Object.assign(own, { backend: Context.get(built, Backend) }))
  }
  const { next } = yield* Ids
  const server = processes[0]!.backend
  const post = (route: string, body: object, backend = server) =>
    Effect.flatMap(
      backend.handle(
        new Request(`http://test/threads/t1/${route}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body)
        })
      ),
      (response) => Effect.promise(() => response.json() as Promise<Answer>)
    )
  return {
    store,
    plain,
    jobs,
    queue,
    recording,
    processes,
    first: processes[0]!,
    second: processes[1]!,
    post,
    nextId: next,
    start: (run: string, agent: string, more: object = {}) => post("runs", { id: run, agent, input: {}, ...more }),
    interrupt: (body: object, backend = server) => post("interrupts", { id: next(), ...body }, backend),
    /** Sends as somebody else than ann. */
    as: <A>(by: string, request: () => Effect.Effect<A>) =>
      Effect.suspend(() => {
        const before = principal.id
        principal.id = by
        return Effect.ensuring(
          request(),
          Effect.sync(() => (principal.id = before))
        )
      }),
    /** Hands the oldest job to the process; the run goes on in the background. */
    work: (process: Process, job: Job | undefined = jobs.shift()) => Effect.forkChild(process.backend.work(job)),
    events: () => eventsOf(store),
    outcomes: (run: string): readonly RunOutcome[] =>
      eventsOf(store).flatMap((event) => (event.type === "run.finished" && event.run === run ? [event.outcome] : [])),
    view: (): Effect.Effect<View> => Effect.orDie(Effect.map(readView(plain, "main/t1"), ({ view }) => view))
  }
})
export interface Answer {
  readonly ok: boolean
  readonly offset?: number
  readonly verdict?: { readonly type: string }
  readonly error?: { readonly code: string; readonly message: string; readonly path?: string }
}
export type World = Effect.Success<ReturnType<typeof makeBackends>>

export const job = (run: string, epoch = 1): Job => ({ thread: "main/t1", run, epoch })
/** Waits, with virtual time, until the work is done. */
export const ended = (fiber: Fiber.Fiber<Worked, unknown>, atMost = 5_000) =>
  Effect.andThen(
    passUntil(() => fiber.pollUnsafe() !== undefined, atMost),
    Effect.orDie(Fiber.join(fiber))
  )
/** Something that a test lets happen. */
export const gate = () => {
  let open!: (value?: unknown) => void
  const passed = new Promise<unknown>((resolve) => (open = resolve))
  return { open, passed }
}
export const aborted = (run: Pick<Run, "signal">): Promise<void> =>
  new Promise((resolve) => {
    if (run.signal.aborted) resolve()
    run.signal.addEventListener("abort", () => resolve(), { once: true })
  })
/** An agent without input: what it does is its function. */
export const agentOf = (
  name: string,
  run: (run: Run) => Promise<unknown>,
  options: Partial<
    Pick<Parameters<typeof defineAgent>[0], "onBusy" | "onWorkerLost" | "deadline" | "asks" | "holdFor">
  > = {}
): Agent =>
  defineAgent({
    name,
    input: z.object({}),
    output: z.any(),
    ...options,
    run: (handle) => run(handle as unknown as Run)
  }) as Agent
export const typesOf = (events: readonly KnownEvent[], run?: string): readonly string[] =>
  events.filter((event) => run === undefined || ("run" in event && event.run === run)).map(({ type }) => type)
export { flush }
