/**
 * Appends that are asked for in one turn of the event loop share one transaction, and so one write to the file.
 *
 * Each is compared and answered for itself: one that conflicts writes nothing and holds up no other. Only if the
 * transaction fails are they tried one by one, so that damage in one thread concerns that thread alone.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { LogError } from "../../../src/ports/LogError.ts"
import type { Append, AppendResult, ThreadKey, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { toLogError } from "./failures.ts"
import type { AppendRequest, Store } from "./store.ts"

interface Waiting extends AppendRequest {
  readonly resume: (answer: Effect.Effect<AppendResult, LogError>) => void
}
const ensureFollows = (thread: ThreadKey, { expected, entry, logId }: Append): void => {
  if (entry.offset === expected.offset + 1 && logId !== "" && (expected.logId === "" || logId === expected.logId))
    return
  throw new TypeError(`append to ${thread}: entry ${entry.offset} of log "${logId}" does not follow the expected head`)
}

/** `appended` hears how many were written. */
export const groupCommit = (store: Store, appended: (count: number) => void): ThreadLogService["append"] => {
  let waiting: Waiting[] = []

  const commit = (group: readonly Waiting[]): void => {
    try {
      const heads = store.appendAll(group)
      appended(group.length)
      for (const [n, { resume }] of group.entries()) {
        const head = heads[n]
        resume(Effect.succeed(head === undefined ? { _tag: "Conflict" } : { _tag: "Appended", head }))
      }
    } catch (cause) {
      const answer = failed(group[0]!, cause)
      // Waiting for another process's lock once is enough: the rest would wait as long.
      if (group.length === 1 || answer.busy) for (const { resume } of group) resume(answer.effect)
      else for (const one of group) commit([one])
    }
  }
  const flush = (): void => {
    const group = waiting
    waiting = []
    commit(group)
  }
  return (thread, append) =>
    Clock.clockWith((clock) => {
      ensureFollows(thread, append)
      return Effect.callback<AppendResult, LogError>((resume) => {
        if (waiting.length === 0) queueMicrotask(flush)
        waiting.push({ thread, append, now: clock.currentTimeMillisUnsafe(), resume })
      })
    })
}
const failed = ({ thread, append }: AppendRequest, cause: unknown) => {
  try {
    const error = toLogError("append", thread, cause, append.entry.offset)
    const busy = error.reason._tag === "LogUnavailable"
    const unknown: AppendResult = { _tag: "Unknown", cause: error }
    return { busy, effect: busy ? Effect.succeed(unknown) : Effect.fail(error) }
  } catch (defect) {
    return { busy: false, effect: Effect.die(defect) }
  }
}
