/**
 * Appends that are asked for in one turn of the event loop, or while all lanes are busy, share one round trip.
 *
 * Each is compared and answered for itself: one that conflicts writes nothing and holds up no other. Only if the
 * server refuses the statement as a whole, and so wrote nothing, are they tried one by one. What may have been
 * written is never sent again.
 */
import * as Effect from "effect/Effect"
import { LogError, LogUnavailable } from "../../../src/ports/LogError.ts"
import type { Append, AppendResult, Head, ThreadKey, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import type { AppendRequest } from "./appends.ts"
import { isRace, isTimeout, PostgresFailure, toLogError } from "./failures.ts"

type Answer = Effect.Effect<AppendResult, LogError>
interface Waiting extends AppendRequest {
  readonly resume: (answer: Answer) => void
}
/** Bounds of one statement; a single append may be larger. */
const GROUP_APPENDS = 128
const GROUP_CHARS = 1024 * 1024
/** More are turned away: the store is slower than what is asked of it. */
const MAX_WAITING = 10_000

const CONFLICT: Answer = Effect.succeed({ _tag: "Conflict" })
const unknown = (cause: unknown): Answer => Effect.succeed({ _tag: "Unknown", cause })
const sizeOf = ({ append: { entry, notes } }: Waiting): number => entry.body.length + 256 * notes.length

const ensureFollows = (thread: ThreadKey, { expected, entry, logId }: Append): void => {
  if (entry.offset === expected.offset + 1 && logId !== "" && (expected.logId === "" || logId === expected.logId))
    return
  throw new TypeError(`append to ${thread}: entry ${entry.offset} of log "${logId}" does not follow the expected head`)
}
/** What one append alone is answered when its statement failed. */
const answerTo = ({ thread, append }: Waiting, cause: unknown): Answer => {
  if (isRace(cause)) return CONFLICT
  try {
    const error = toLogError("append", thread, cause, append.entry.offset)
    return error.reason._tag === "LogUnavailable" ? unknown(error) : Effect.fail(error)
  } catch (defect) {
    return Effect.die(defect)
  }
}
/** Whether the failure may be that of one append of the group. Nothing was written, or the answer would be unknown. */
const isOfOne = (cause: unknown): boolean => {
  if (isRace(cause)) return true
  try {
    const { reason } = toLogError("append", "", cause)
    return reason._tag === "LogCorrupt" || reason._tag === "RecordTooLarge"
  } catch {
    return false
  }
}

export const groupCommit = (
  appendAll: (requests: readonly AppendRequest[]) => Promise<readonly (Head | undefined)[]>,
  lanes: number
): ThreadLogService["append"] => {
  let waiting: Waiting[] = []
  let busy = 0
  let scheduled = false

  /** The next group: at most one append of each thread, for the later of two must see what the earlier did. */
  const take = (): readonly Waiting[] => {
    const group: Waiting[] = []
    const rest: Waiting[] = []
    const threads = new Set<ThreadKey>()
    let chars = 0
    for (const one of waiting) {
      const fits = group.length < GROUP_APPENDS && (group.length === 0 || chars + sizeOf(one) <= GROUP_CHARS)
      if (!fits || threads.has(one.thread)) rest.push(one)
      else {
        threads.add(one.thread)
        chars += sizeOf(one)
        group.push(one)
      }
    }
    waiting = rest
    return group
  }
  const commit = async (group: readonly Waiting[]): Promise<void> => {
    try {
      const heads = await appendAll(group)
      for (const [n, { resume }] of group.entries()) {
        const head = heads[n]
        resume(head === undefined ? CONFLICT : Effect.succeed({ _tag: "Appended", head }))
      }
    } catch (cause) {
      if (group.length > 1 && isOfOne(cause)) return void (await Promise.all(group.map((one) => commit([one]))))
      for (const one of group) one.resume(answerTo(one, cause))
      if (!isTimeout(cause)) return
      // They were not sent; each would wait as long and hear the same.
      const late = waiting
      waiting = []
      for (const one of late) one.resume(answerTo(one, cause))
    }
  }
  const send = (): void => {
    scheduled = false
    while (busy < lanes && waiting.length > 0) {
      busy += 1
      void commit(take()).finally(() => {
        busy -= 1
        send()
      })
    }
  }
  return (thread, append) =>
    Effect.callback<AppendResult, LogError>((resume) => {
      ensureFollows(thread, append)
      if (waiting.length >= MAX_WAITING) {
        const cause = new PostgresFailure(`${MAX_WAITING} appends wait already`, "")
        return resume(unknown(new LogError({ operation: "append", reason: new LogUnavailable({ cause }) })))
      }
      waiting.push({ thread, append, resume })
      if (scheduled || busy >= lanes) return
      scheduled = true
      queueMicrotask(send)
    })
}
