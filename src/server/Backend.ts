/**
 * The backend as a service: all that a host calls. `handle` for requests, `work` for jobs, `sweep` now and then,
 * `consume` where the host has no queue trigger of its own.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Event } from "../protocol/Event.ts"
import type { Fault } from "../protocol/Fault.ts"
import { Access } from "../ports/Access.ts"
import { Gateway } from "../ports/Gateway.ts"
import { Ids } from "../ports/Ids.ts"
import { JobQueue } from "../ports/JobQueue.ts"
import type { LogError } from "../ports/LogError.ts"
import { ThreadLog, type ThreadKey } from "../ports/ThreadLog.ts"
import { consume } from "../agent/consume.ts"
import type { Agent } from "../agent/defineAgent.ts"
import { makeDraining } from "../agent/draining.ts"
import { sweep, type Swept } from "../agent/sweep.ts"
import { work, type Worked } from "../agent/worker.ts"
import type { Counters } from "../writer/Counters.ts"
import { makeGroups } from "../writer/Groups.ts"
import { makeWriters, monotonicMillis } from "../writer/Writers.ts"
import { handle } from "./handler.ts"
import type { ServerServices } from "./ServerServices.ts"

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
}
export class Backend extends Context.Service<Backend, BackendService>()("throughline/Backend") {}

const MIN_SECRET_LENGTH = 16

const make = Effect.fnUntraced(function* (options: BackendOptions) {
  const log = yield* ThreadLog
  const gateway = yield* Gateway
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
  const services: ServerServices = {
    ...draining,
    agents,
    log,
    queue,
    gateway,
    access,
    writers,
    nextId: next,
    now: monotonicMillis(clock),
    fork: Effect.runForkWith(yield* Effect.context<never>()),
    context: options.context,
    origins: new Set(options.origins),
    grantMillis: options.grantMillis ?? 5 * 60_000,
    reconnectSpreadMillis: options.reconnectSpreadMillis ?? 5_000
  }
  return Backend.of({
    handle: (request) => handle(services, request),
    work: (job, workOptions) => work(services, job, workOptions),
    sweep: sweep(services),
    consume: (consumeOptions) =>
      queue.receive === undefined
        ? Effect.die(
            new TypeError(`the queue "${queue.name}" is delivered by its host; call \`work\` from its trigger`)
          )
        : consume(services, queue.receive, consumeOptions),
    counters: writers.counters
  })
})

/** Programming mistakes in `options` are defects, told when the layer is built. */
export const layerBackend = (
  options: BackendOptions
): Layer.Layer<Backend, never, ThreadLog | Gateway | JobQueue | Access> => Layer.effect(Backend, make(options))
