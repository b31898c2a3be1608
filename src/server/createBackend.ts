/**
 * The Promise face of the backend: ports as layers in, plain functions out.
 *
 * Nothing is built before the first call, so a cold function answers fast; the ports are built once per process.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { fault } from "../protocol/Fault.ts"
import { Access, type Action, type AskedAbout, type Principal } from "../ports/Access.ts"
import type { Gateway } from "../ports/Gateway.ts"
import type { JobQueue } from "../ports/JobQueue.ts"
import type { ThreadLog } from "../ports/ThreadLog.ts"
import type { Agent } from "../agent/defineAgent.ts"
import type { Swept } from "../agent/sweep.ts"
import type { Worked } from "../agent/worker.ts"
import type { Counters } from "../writer/Counters.ts"
import { refuse } from "./answer.ts"
import { Backend, layerBackend, type BackendOptions } from "./Backend.ts"

export interface CreateBackendOptions<A extends readonly Agent[]> extends BackendOptions {
  readonly agents: A
  /** Such as `sqliteLog({ file })`. */
  readonly log: Layer.Layer<ThreadLog, unknown>
  /** Such as `azureWebPubSub({ connectionString, hub })`. */
  readonly gateway: Layer.Layer<Gateway, unknown>
  /** Such as `sqliteQueue({ file })`. */
  readonly queue: Layer.Layer<JobQueue, unknown>
  /** `null` when the request does not say who sends it, or not validly. */
  readonly authenticate: (request: Request) => Promise<Principal | null> | Principal | null
  /** `thread` is the name within the principal's tenant. There is no default: "allow everyone" is `() => true`. */
  readonly authorize: (
    principal: Principal,
    action: Action,
    thread: string,
    /** For an `answer` to an open ask: what is asked. Answers to it are asked about once without, and once with it. */
    about?: AskedAbout
  ) => Promise<boolean> | boolean
}
export interface BackendHandle<A extends readonly Agent[] = readonly Agent[]> {
  /** Answers any request; never rejects. The path may have any prefix before `threads/` and `upstream/`. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Works on a job as the queue delivered it; rejects when it should be delivered again. */
  readonly work: (job: unknown, options?: { readonly deadline?: Date | undefined }) => Promise<Worked>
  /** Looks after late runs; call it every 15 s from anywhere. */
  readonly sweep: () => Promise<Swept>
  /** Works through the queue until `signal` aborts, sweeping now and then. */
  readonly consume: (options: { readonly concurrency: number; readonly signal: AbortSignal }) => Promise<void>
  /** Builds the ports now and says what is wrong with their settings. */
  readonly ready: () => Promise<void>
  readonly counters: () => Promise<Readonly<Counters>>
  readonly agents: A
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export const createBackend = <const A extends readonly Agent[]>(options: CreateBackendOptions<A>): BackendHandle<A> => {
  const { authenticate, authorize } = options
  const access = Layer.succeed(
    Access,
    Access.of({
      authenticate: (request) => Effect.promise(async () => authenticate(request)),
      authorize: (principal, action, thread, about) =>
        Effect.promise(async () => (await authorize(principal, action, thread, about)) === true)
    })
  )
  const ports = Layer.mergeAll(options.log, options.gateway, options.queue, access)
  const make = () => ManagedRuntime.make(Layer.provide(layerBackend(options), ports))
  let runtime = make()
  /** Builds the ports; a failed start is tried again by the next call. */
  const started = async () => {
    const current = runtime
    try {
      await current.context()
    } catch (error) {
      if (runtime === current) runtime = make()
      throw error
    }
    return current
  }
  const use = async <T, E>(call: (backend: Backend["Service"]) => Effect.Effect<T, E>) =>
    (await started()).runPromise(Backend.use(call))
  const close = () => runtime.dispose()
  return {
    fetch: (request) =>
      use((backend) => backend.handle(request)).catch((error: unknown) => {
        Effect.runFork(Effect.logError("the backend could not start", error))
        return refuse(fault("STORE_UNAVAILABLE", "the backend could not start; its log says why"))
      }),
    work: (job, workOptions) => {
      const hostMillis = workOptions?.deadline === undefined ? undefined : workOptions.deadline.getTime() - Date.now()
      return use((backend) => backend.work(job, { hostMillis }))
    },
    sweep: () => use((backend) => backend.sweep),
    consume: async ({ concurrency, signal }) => {
      const exit = await (
        await started()
      ).runPromiseExit(
        Backend.use((backend) => backend.consume({ concurrency })),
        { signal }
      )
      if (Exit.isFailure(exit) && !signal.aborted) await Effect.runPromise(Effect.failCause(exit.cause))
    },
    ready: () => use(() => Effect.void),
    counters: () => use((backend) => Effect.succeed(backend.counters)),
    agents: options.agents,
    close,
    [Symbol.asyncDispose]: close
  }
}
