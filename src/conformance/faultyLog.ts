/**
 * A log that fails the way real stores fail: answers get lost, requests arrive late or twice, reads time out.
 *
 * Wraps any log. Faults come from a script or, seeded and repeatable, by probability. What it never does is
 * break the log's own promises: what it answers as appended is appended.
 */
import * as Effect from "effect/Effect"
import { LogError, LogUnavailable } from "../ports/LogError.ts"
import type { Append, AppendResult, ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"

/**
 * - `unknown-before`: the request is lost · `unknown-after`: its answer is lost
 * - `late`: the answer is lost and the request is executed `lateMillis` later
 * - `duplicate`: executed and answered, and executed again `lateMillis` later
 * - `unavailable`: `LogUnavailable`; an append answers `Unknown` without being executed
 * - a number: milliseconds that the request takes longer
 */
export type LogFault = "unknown-before" | "unknown-after" | "late" | "duplicate" | "unavailable" | number
export type LogOperation = Exclude<keyof ThreadLogService, "name" | "durability">

export interface FaultyLogOptions {
  /** The fault of the n-th call (from 1) of this operation. Asked before the probabilities. */
  readonly script?: (operation: LogOperation, call: number) => LogFault | undefined
  /** Probability of each fault per call, 0 to 1; `delay` is of 0 to `delayMillis`. */
  readonly rates?: Partial<Record<Exclude<LogFault, number> | "delay", number>>
  readonly seed?: number
  /** Default 20. */
  readonly lateMillis?: number
  /** Default 20. */
  readonly delayMillis?: number
}

/** Mulberry32: uniform in [0, 1), the same for the same seed. */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}
const OF_APPENDS = ["unknown-before", "unknown-after", "late", "duplicate", "unavailable"] as const
const lost = (fault: LogFault) => new Error(`injected fault: ${fault}`)

export const faultyLog = (log: ThreadLogService, options: FaultyLogOptions): ThreadLogService => {
  const { script, rates = {}, seed = 1, lateMillis = 20, delayMillis = 20 } = options
  const next = random(seed)
  const calls = new Map<LogOperation, number>()

  const faultOf = (operation: LogOperation): LogFault | undefined => {
    const call = (calls.get(operation) ?? 0) + 1
    calls.set(operation, call)
    const scripted = script?.(operation, call)
    if (scripted !== undefined) return scripted
    for (const fault of operation === "append" ? OF_APPENDS : (["unavailable"] as const)) {
      const rate = rates[fault] ?? 0
      if (rate > 0 && next() < rate) return fault
    }
    return (rates.delay ?? 0) > 0 && next() < (rates.delay ?? 0) ? next() * delayMillis : undefined
  }
  const disturbed = <A>(operation: LogOperation, work: Effect.Effect<A, LogError>): Effect.Effect<A, LogError> =>
    Effect.suspend(() => {
      const fault = faultOf(operation)
      if (fault === undefined) return work
      if (typeof fault === "number") return Effect.andThen(Effect.sleep(fault), work)
      const error = new LogError({ operation, reason: new LogUnavailable({ cause: lost(fault) }) })
      return fault === "unknown-after" ? Effect.andThen(work, Effect.fail(error)) : Effect.fail(error)
    })
  const append = (thread: ThreadKey, request: Append): Effect.Effect<AppendResult, LogError> =>
    Effect.suspend(() => {
      const fault = faultOf("append")
      const work = log.append(thread, request)
      if (fault === undefined) return work
      if (typeof fault === "number") return Effect.andThen(Effect.sleep(fault), work)
      const unknown: AppendResult = { _tag: "Unknown", cause: lost(fault) }
      const later = Effect.forkDetach(Effect.delay(Effect.ignore(work), lateMillis))
      switch (fault) {
        case "unknown-after":
          return Effect.as(work, unknown)
        case "late":
          return Effect.as(later, unknown)
        case "duplicate":
          return Effect.tap(work, () => later)
        default:
          return Effect.succeed(unknown)
      }
    })
  return {
    name: `${log.name}, faulty`,
    durability: log.durability,
    append,
    knock: (thread, by) => disturbed("knock", log.knock(thread, by)),
    head: (thread) => disturbed("head", log.head(thread)),
    read: (thread, after, page) => disturbed("read", log.read(thread, after, page)),
    note: (thread, key) => disturbed("note", log.note(thread, key)),
    notes: (thread, prefix) => disturbed("notes", log.notes(thread, prefix)),
    due: (before, limit) => disturbed("due", log.due(before, limit)),
    snapshot: (thread) => disturbed("snapshot", log.snapshot(thread)),
    saveSnapshot: (thread, snapshot) => disturbed("saveSnapshot", log.saveSnapshot(thread, snapshot)),
    trim: (thread, offset) => disturbed("trim", log.trim(thread, offset)),
    erase: (thread, erase) => disturbed("erase", log.erase(thread, erase)),
    drop: (thread, logId) => disturbed("drop", log.drop(thread, logId))
  }
}
