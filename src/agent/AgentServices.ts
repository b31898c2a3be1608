/** What workers, sweepers and handlers of one backend share. Built once per process by `createBackend`. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { JobQueueService, Job } from "../ports/JobQueue.ts"
import type { ThreadLogService } from "../ports/ThreadLog.ts"
import type { Writers } from "../writer/Writers.ts"
import type { Agent } from "./defineAgent.ts"

export interface AgentServices {
  readonly agents: ReadonlyMap<string, Agent>
  readonly log: ThreadLogService
  readonly queue: JobQueueService
  readonly writers: Writers
  readonly nextId: () => string
  /** Milliseconds that never jump; only differences of them are used. */
  readonly now: () => number
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** Handed to every agent as `run.context`. */
  readonly context: unknown
}
export type { Job }
