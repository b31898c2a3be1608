/**
 * The backend as a service: all that a host calls. `handle` for requests, `work` for jobs, `sweep` now and then,
 * `consume` where the host has no queue trigger of its own.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Event } from "../protocol/Event.ts"
import type { Fault } from "../protocol/Fault.ts"
import { Access, type Principal } from "../ports/Access.ts"
import { BlobStore } from "../ports/BlobStore.ts"
import { Gateway } from "../ports/Gateway.ts"
import { Ids } from "../ports/Ids.ts"
import { JobQueue } from "../ports/JobQueue.ts"
import type { LogError } from "../ports/LogError.ts"
import { ThreadLog, type ThreadKey } from "../ports/ThreadLog.ts"
import { consume } from "../agent/consume.ts"
import type { Agent } from "../agent/defineAgent.ts"
import { makeDraining } from "../agent/draining.ts"
import { makeHandedOut } from "../agent/handedOut.ts"
import { sweep, type Swept } from "../agent/sweep.ts"
import { work, type Worked } from "../agent/worker.ts"
import type { Counters } from "../writer/Counters.ts"
import { makeGroups } from "../writer/Groups.ts"
import { makeWriters, monotonicMillis } from "../writer/Writers.ts"
import type { Admit } from "./admit.ts"
import { drop } from "./drop.ts"
import { erase, type EraseOptions } from "./erase.ts"
import { handle } from "./handler.ts"
import { makeLimiter, type Limits } from "./limits.ts"
import { makeRedact } from "./redact.ts"
import { redacted } from "./redacted.ts"
import { revoke } from "./revoke.ts"
import type { ServerServices } from "./ServerServices.ts"
import type { ThreadName } from "./threadName.ts"
import { trim, type Trimmed, type TrimOptions } from "./trim.ts"

export interface BackendOptions {
  readonly agents: readonly Agent[]
  /** Origins of pages besides the backend's own, such as `https://app.example.com`. Default none. */
  readonly origins?: readonly string[]
  /**
   * Makes group names unguessable; at least 16 characters, the same in every process. Default: derived from the
   * gateway's key; required where the gateway has none (managed identity).
   */
  readonly secret?: string
  /** How long a grant connects, in milliseconds; default 5 minutes. */
  readonly grantMillis?: number
  /** Over how long clients spread when all reconnect at once; default 5,000. */
  readonly reconnectSpreadMillis?: number
  /** Runs once per event before it is appended: what it removes is in no log, frame or view. */
  readonly redact?: (event: Event, thread: ThreadKey) => Event
  /** What one principal may ask of this process; given kinds replace the defaults. `false`: no limits. */
  readonly limits?: Partial<Limits> | false
  /**
   * The application's quota: asked for every start that is authorized and well-formed, also when it is sent again.
   * `false`, or a fault of its own, refuses it.
   */
  readonly admit?: Admit
  /** Handed to every agent as `run.context`. */
  readonly context?: unknown
}
export interface BackendService {
  readonly handle: (request: Request) => Effect.Effect<Response>
  /** `job` as the queue delivered it. Fails when it should be delivered again. */
  readonly work: (
    job: unknown,
    options?: { readonly hostMillis?: number | undefined }
  ) => Effect.Effect<Worked, Fault | LogError>
  readonly sweep: Effect.Effect<Swept, LogError>
  /**
   * Never ends. Dies at once where the queue's host delivers jobs itself. When it is interrupted it takes no more jobs,
   * and its runs have 10 s to suspend at their next recorded call, or to end.
   */
  readonly consume: (options: { readonly concurrency: number }) => Effect.Effect<never>
  readonly counters: Readonly<Counters>
  /** Removes old entries; a snapshot keeps the view. Answers the first offset that is left. */
  readonly trim: (thread: ThreadName, options: TrimOptions) => Effect.Effect<Trimmed, Fault>
  /** Takes the content out of entries, notes and snapshot. `RUN_BUSY` while a run with content there is unfinished. */
  readonly erase: (thread: ThreadName, options: EraseOptions) => Effect.Effect<AtOffset, Fault>
  /** Removes the thread; another history begins. */
  readonly drop: (thread: ThreadName) => Effect.Effect<AtOffset, Fault>
  /** Ends the live frames of a principal whom `authorize` no longer lets read `thread`. */
  readonly revoke: (principal: Pick<Principal, "id" | "tenant">, thread: string) => Effect.Effect<AtOffset, Fault>
}
/** Done, and recorded in the entry at `offset`. */
export interface AtOffset {
  readonly ok: true
  readonly offset: number
}
export class Backend extends Context.Service<Backend, BackendService>()("throughline/Backend") {}

const MIN_SECRET_LENGTH = 16

const make = Effect.fnUntraced(function* (options: BackendOptions) {
  const gateway = yield* Gateway
  const quiet = redacted(makeRedact([options.secret, gateway.groupSecret]))
  return yield* quiet(build(options, gateway, quiet))
})
const build = Effect.fnUntraced(function* (
  options: BackendOptions,
  gateway: Gateway["Service"],
  quiet: ReturnType<typeof redacted>
) {
  const log = yield* ThreadLog
  const queue = yield* JobQueue
  const access = yield* Access
  const clock = yield* Clock.Clock
  const { next } = yield* Ids
  const secret = options.secret ?? gateway.groupSecret
  if (secret === undefined || secret.length < MIN_SECRET_LENGTH) {
    return yield* Effect.die(
      new TypeError(
        `createBackend: pass \`secret\` (at least ${MIN_SECRET_LENGTH} characters): group names are made with it`
      )
    )
  }
  const agents = new Map(options.agents.map((agent) => [agent.name, agent]))
  if (agents.size < options.agents.length)
    return yield* Effect.die(new TypeError("createBackend: two agents have the same name"))
  const writers = yield* makeWriters({ log, gateway, groups: makeGroups(secret), redact: options.redact })
  const draining = makeDraining()
  const context = yield* Effect.context<never>()
  const services: ServerServices = {
    ...draining,
    handedOut: makeHandedOut(),
    blobs: Option.getOrUndefined(yield* Effect.serviceOption(BlobStore)),
    agents,
    log,
    queue,
    gateway,
    access,
    writers,
    nextId: next,
    now: monotonicMillis(clock),
    fork: Effect.runForkWith(context),
    perform: Effect.runPromiseWith(context),
    context: options.context,
    origins: new Set(options.origins),
    grantMillis: options.grantMillis ?? 5 * 60_000,
    reconnectSpreadMillis: options.reconnectSpreadMillis ?? 5_000,
    limiter: makeLimiter(options.limits, () => clock.currentTimeMillisUnsafe()),
    admit: options.admit
  }
  return Backend.of({
    handle: (request) => quiet(handle(services, request)),
    work: (job, workOptions) => quiet(work(services, job, workOptions)),
    sweep: quiet(sweep(services)),
    consume: (consumeOptions) =>
      queue.receive === undefined
        ? Effect.die(
            new TypeError(`the queue "${queue.name}" is delivered by its host; call \`work\` from its trigger`)
          )
        : quiet(consume(services, queue.receive, consumeOptions)),
    counters: writers.counters,
    trim: (thread, trimOptions) => quiet(trim(services, thread, trimOptions)),
    erase: (thread, eraseOptions) => quiet(erase(services, thread, eraseOptions)),
    drop: (thread) => quiet(drop(services, thread)),
    revoke: (principal, thread) => quiet(revoke(services, principal, thread))
  })
})

/** Programming mistakes in `options` are defects, told when the layer is built. */
export const layerBackend = (
  options: BackendOptions
): Layer.Layer<Backend, never, ThreadLog | Gateway | JobQueue | Access> => Layer.effect(Backend, make(options))
