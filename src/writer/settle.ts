/**
 * One append, until it is known whether it happened. PROTOCOL.md#unknown-outcome
 *
 * After `Unknown` and after every `Conflict` it looks whether the entry behind the expected head bears our own
 * id. Until that is settled the same append, byte for byte, is all that is sent.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Append, Head, ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"
import type { LogError } from "../ports/LogError.ts"
import type { Counters } from "./Counters.ts"

export type Settled =
  | { readonly won: true; readonly head: Head }
  /** Someone else was first, or knocked; `head` is what the log says now. */
  | { readonly won: false; readonly head: Head }

const RETRY_MIN_MILLIS = 20
const RETRY_MAX_MILLIS = 1_000

/** Waits longer each time, with jitter, so that many writers do not come back together. */
const pause = (attempt: number) =>
  Effect.flatMap(Random.next, (drawn) =>
    Effect.sleep(drawn * Math.min(RETRY_MAX_MILLIS, RETRY_MIN_MILLIS * 2 ** Math.min(attempt, 10)))
  )

/** Repeats a read for as long as the log does not answer. `giveUp` ends it early. */
export const persist = <A>(read: Effect.Effect<A, LogError>, giveUp: () => boolean): Effect.Effect<A, LogError> => {
  const attempt = (n: number): Effect.Effect<A, LogError> =>
    Effect.catch(read, (error) =>
      error.reason._tag === "LogUnavailable" && !giveUp()
        ? Effect.andThen(pause(n), attempt(n + 1))
        : Effect.fail(error)
    )
  return attempt(0)
}
const never = () => false

export const settleAppend = Effect.fnUntraced(function* (
  log: ThreadLogService,
  thread: ThreadKey,
  append: Append,
  counters: Counters
) {
  for (let attempt = 0; ; attempt++) {
    const result = yield* log.append(thread, append)
    if (result._tag === "Appended") {
      counters.appended++
      return { won: true, head: result.head } as Settled
    }
    if (result._tag === "Conflict") counters.conflicts++
    else counters.unknown++
    const { entries, head } = yield* persist(log.read(thread, append.expected.offset, { limit: 1, maxBytes: 1 }), never)
    if (head.logId === append.logId && entries[0]?.id === append.entry.id) {
      counters.appended++
      return { won: true, head } as Settled
    }
    // the head record has changed: no request that expects the old one can still succeed
    const changed =
      head.tag !== append.expected.tag || head.offset !== append.expected.offset || head.logId !== append.expected.logId
    if (changed) return { won: false, head } as Settled
    // a conflict under an unchanged head: a note of this append exists, so the caller decides anew
    if (result._tag === "Conflict") return { won: false, head } as Settled
    yield* pause(attempt)
  }
})
