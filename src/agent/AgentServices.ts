/** What workers, sweepers and handlers of one backend share. Built once per process by `createBackend`. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { BlobStoreService } from "../ports/BlobStore.ts"
import type { JobQueueService, Job } from "../ports/JobQueue.ts"
import type { ThreadLogService } from "../ports/ThreadLog.ts"
import type { Writers } from "../writer/Writers.ts"
import type { Agent } from "./defineAgent.ts"
import type { HandedOut } from "./handedOut.ts"

export interface AgentServices {
  readonly agents: ReadonlyMap<string, Agent>
  readonly log: ThreadLogService
  /** For what is too large for the log's notes; absent: it is refused. */
  readonly blobs: BlobStoreService | undefined
  readonly queue: JobQueueService
  readonly writers: Writers
  readonly nextId: () => string
  /** Milliseconds that never jump; only differences of them are used. */
  readonly now: () => number
  /** With the backend's clock, loggers and tracer, which redact. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** The same, for code that awaits. */
  readonly perform: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  readonly handedOut: HandedOut
  /** Runs that this process works on hear when it is to let go of them. Answers how to stop listening. */
  readonly onDrain: (listener: () => void) => () => void
  /** Has every run suspend at its next recorded call, to go on in another process. For good. */
  readonly drain: () => void
  /** Handed to every agent as `run.context`. */
  readonly context: unknown
}
export type { Job }
