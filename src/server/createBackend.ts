/**
 * The Promise face of the backend: ports as layers in, plain functions out.
 *
 * Nothing is built before the first call, so a cold function answers fast; the ports are built once per process.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { Failed } from "../protocol/Exchange.ts"
import { fault, type Fault } from "../protocol/Fault.ts"
import { Access, type Action, type AskedAbout, type Principal } from "../ports/Access.ts"
import type { BlobStore } from "../ports/BlobStore.ts"
import type { Gateway } from "../ports/Gateway.ts"
import type { JobQueue } from "../ports/JobQueue.ts"
import type { ThreadLog } from "../ports/ThreadLog.ts"
import type { Agent } from "../agent/defineAgent.ts"
import type { Swept } from "../agent/sweep.ts"
import type { Worked } from "../agent/worker.ts"
import type { Counters } from "../writer/Counters.ts"
import { refuse } from "./answer.ts"
import { Backend, layerBackend, type AtOffset, type BackendOptions } from "./Backend.ts"
import type { EraseOptions } from "./erase.ts"
import { makeRedact, redactError } from "./redact.ts"
import { redacted } from "./redacted.ts"
import type { ThreadName } from "./threadName.ts"
import type { Trimmed, TrimOptions } from "./trim.ts"

export interface CreateBackendOptions<A extends readonly Agent[]> extends BackendOptions {
  readonly agents: A
  /** Such as `sqliteLog({ file })`. */
  readonly log: Layer.Layer<ThreadLog, unknown>
  /** Such as `fileBlobs({ folder })`: for results of recorded calls that are too large for the log. Default: refused. */
  readonly blobs?: Layer.Layer<BlobStore, unknown>
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
  /** Removes old entries; a snapshot keeps the view. Answers the first offset that is left. */
  readonly trim: (thread: ThreadName, options: TrimOptions) => Promise<Trimmed | Failed>
  /** Takes the content out of entries, notes and snapshot. `RUN_BUSY` while a run with content there is unfinished. */
  readonly erase: (thread: ThreadName, options: EraseOptions) => Promise<AtOffset | Failed>
  /** Removes the thread; another history begins. */
  readonly drop: (thread: ThreadName) => Promise<AtOffset | Failed>
  /** Ends the live frames of a principal whom `authorize` no longer lets read `thread`. */
  readonly revoke: (principal: Pick<Principal, "id" | "tenant">, thread: string) => Promise<AtOffset | Failed>
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
  const ports = Layer.mergeAll(options.log, options.gateway, options.queue, access, options.blobs ?? Layer.empty)
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
  const redact = makeRedact([options.secret])
  /** What a host logs of a rejection has no secrets either. */
  const reject = (error: unknown): never => {
    throw redactError(error, redact)
  }
  const use = async <T, E>(call: (backend: Backend["Service"]) => Effect.Effect<T, E>) =>
    started().then((current) => current.runPromise(Backend.use(call)))
  /** For operators: a fault is an answer. */
  const tell = <T>(call: (backend: Backend["Service"]) => Effect.Effect<T, Fault>): Promise<T | Failed> =>
    use((backend) =>
      Effect.catch(call(backend) as Effect.Effect<T | Failed, Fault>, (error) =>
        Effect.succeed<Failed>({ ok: false, error })
      )
    ).catch(reject)
  const close = () => runtime.dispose()
  return {
    fetch: (request) =>
      use((backend) => backend.handle(request)).catch((error: unknown) => {
        Effect.runFork(redacted(redact)(Effect.logError("the backend could not start", error)))
        return refuse(fault("STORE_UNAVAILABLE", "the backend could not start; its log says why"))
      }),
    work: (job, workOptions) => {
      const hostMillis = workOptions?.deadline === undefined ? undefined : workOptions.deadline.getTime() - Date.now()
      return use((backend) => backend.work(job, { hostMillis })).catch(reject)
    },
    sweep: () => use((backend) => backend.sweep).catch(reject),
    consume: async ({ concurrency, signal }) => {
      const current = await started().catch(reject)
      const exit = await current.runPromiseExit(
        Backend.use((backend) => backend.consume({ concurrency })),
        { signal }
      )
      if (Exit.isFailure(exit) && !signal.aborted) await Effect.runPromise(Effect.failCause(exit.cause)).catch(reject)
    },
    ready: () => use(() => Effect.void).catch(reject),
    counters: () => use((backend) => Effect.succeed(backend.counters)).catch(reject),
    trim: (thread, trimOptions) => tell((backend) => backend.trim(thread, trimOptions)),
    erase: (thread, eraseOptions) => tell((backend) => backend.erase(thread, eraseOptions)),
    drop: (thread) => tell((backend) => backend.drop(thread)),
    revoke: (principal, thread) => tell((backend) => backend.revoke(principal, thread)),
    agents: options.agents,
    close,
    [Symbol.asyncDispose]: close
  }
}
