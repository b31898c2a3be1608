/**
 * One process of the backend: the real handler, workers and writers on a clock, ids, chance and I/O of its own.
 *
 * Killed, nothing of it goes on and a new one begins; frozen, it goes on later as if nothing had happened. What it had
 * sent is under way all the same.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import { Access } from "../../src/ports/Access.ts"
import { Gateway, type GatewayService } from "../../src/ports/Gateway.ts"
import { Ids } from "../../src/ports/Ids.ts"
import { JobQueue, type JobQueueService } from "../../src/ports/JobQueue.ts"
import { ThreadLog, type ThreadLogService } from "../../src/ports/ThreadLog.ts"
import type { Agent } from "../../src/agent/defineAgent.ts"
import { Backend, layerBackend, type BackendService } from "../../src/server/Backend.ts"
import type { SideEffect } from "../../src/conformance/historyRecords.ts"
import { inMicrotask, type Party, type World } from "./world.ts"

/** What a process reaches the others through. */
export interface Ports {
  readonly log: (io: Io) => ThreadLogService
  readonly gateway: (io: Io) => GatewayService
  readonly queue: (io: Io) => JobQueueService
}
/** How a process asks somebody else: what `send` begins answers once, if at all; the answer
 * is under way for `millis`. */
export interface Io {
  readonly party: Party
  readonly call: <A, E>(
    what: string,
    send: (answer: (exit: Exit.Exit<A, E>, millis: number) => void) => void
  ) => Effect.Effect<A, E>
}
export interface Process {
  readonly party: Party
  readonly backend: BackendService
  readonly fork: <A, E>(effect: Effect.Effect<A, E>, onExit?: (exit: Exit.Exit<A, E>) => void) => void
  /** What is lost with it: called when it is killed. */
  readonly onKill: Set<() => void>
}
/** What agents find as `run.context`. */
export interface Stage {
  /** Resolves after a time, or rejects with the signal's reason. */
  readonly sleep: (millis: number, signal?: AbortSignal) => Promise<void>
  /** A tool really did something. */
  readonly didRun: (effect: Omit<SideEffect, "thread" | "head">) => void
}

const SECRET = "a secret of the simulation's own"
const allowed = Access.of({
  authenticate: (request) =>
    Effect.succeed({ id: request.headers.get("authorization")?.slice("Bearer ".length) ?? "?" }),
  authorize: () => Effect.succeed(true)
})
/** A turn of a fiber is a microtask: it is over before the next thing happens. */
const scheduler = new Scheduler.MixedScheduler("async", (task) => {
  let cancelled = false
  inMicrotask(() => {
    if (!cancelled) task()
  })
  return () => {
    cancelled = true
  }
})
const ZERO = 0n

export const clockOf = (world: World, party: Party | undefined, skewMillis: () => number): Clock.Clock => {
  const millis = () => Math.floor(world.now() + skewMillis())
  const nanos = () => BigInt(Math.floor(world.now())) * 1_000_000n + ZERO
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const timer = world.after(party, Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(() => {
          timer.run = undefined
        })
      })
  } as Clock.Clock
}

export const startProcess = (options: {
  readonly world: World
  readonly name: string
  readonly agents: readonly Agent[]
  readonly ports: Ports
  readonly skewMillis: () => number
  /** Asked at each I/O; may kill the process before or after it is sent. */
  readonly boundary: (process: Process, when: "before" | "after") => void
  readonly didRun: Stage["didRun"]
}): Process => {
  const { boundary, name, ports, skewMillis, world } = options
  const party = world.party(name)
  const chance = world.chance(`process ${name}`)
  let ids = 0
  const context = Context.empty().pipe(
    Context.add(Clock.Clock, clockOf(world, party, skewMillis)),
    Context.add(Ids, { next: () => `${name}.${++ids}` }),
    Context.add(Random.Random, {
      nextDoubleUnsafe: chance.next,
      nextIntUnsafe: () => chance.int(Number.MAX_SAFE_INTEGER)
    }),
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Logger.CurrentLoggers, new Set())
  )
  const io: Io = {
    party,
    call: (what, send) =>
      Effect.callback((resume) => {
        if (party.state !== "dead") boundary(process, "before")
        if (party.state === "dead") return
        world.trace?.(`${name} → ${what}`)
        let answered = false
        send((exit, millis) => {
          if (answered) return
          answered = true
          world.after(party, millis, () => resume(exit))
        })
        boundary(process, "after")
      })
  }
  const stage: Stage = {
    didRun: (effect) => {
      // what a killed process would have done in this instant it did not do
      if (party.state !== "up") return
      world.trace?.(`${name} runs ${effect.run}/${effect.key} in epoch ${effect.epoch}`)
      options.didRun(effect)
    },
    sleep: (millis, signal) =>
      new Promise((resolve, reject) => {
        const abort = () => {
          timer.run = undefined
          reject(signal!.reason as Error)
        }
        const timer = world.after(party, millis, () => {
          signal?.removeEventListener("abort", abort)
          resolve()
        })
        if (signal?.aborted === true) abort()
        else signal?.addEventListener("abort", abort, { once: true })
      })
  }
  const layer = layerBackend({
    agents: options.agents,
    secret: SECRET,
    context: stage,
    reconnectSpreadMillis: 500
  }).pipe(
    Layer.provide(
      Layer.mergeAll(
        Layer.succeed(ThreadLog, ports.log(io)),
        Layer.succeed(Gateway, ports.gateway(io)),
        Layer.succeed(JobQueue, ports.queue(io)),
        Layer.succeed(Access, allowed)
      )
    )
  )
  const run = Effect.runForkWith(context)
  const scope = Scope.makeUnsafe()
  const built = run(Layer.buildWithScope(layer, scope)).pollUnsafe()
  if (built?._tag !== "Success") throw new Error(`process ${name} did not start at once`)
  const process: Process = {
    party,
    backend: Context.get(built.value, Backend),
    fork: (effect, onExit) => {
      const fiber = run(effect)
      if (onExit !== undefined) fiber.addObserver(onExit)
    },
    onKill: new Set()
  }
  return process
}
