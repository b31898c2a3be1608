/**
 * Keeping a thread's log short: entries that a snapshot covers are removed, the view stays whole.
 *
 * Whoever asks for what is gone gets `OFFSET_EXPIRED` and takes the view. Kept in any case: the newest entry, by
 * whose id readers prove that they are up to date, and everything since the oldest unfinished run was accepted,
 * because its next worker reads it.
 */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Recorded } from "../thread/command.ts"
import { decodeControl } from "../thread/decide.ts"
import { readView, snapshotOf } from "../writer/readView.ts"
import type { ServerServices } from "./ServerServices.ts"
import { namedThread, orFault, type ThreadName } from "./threadName.ts"

/** Keep the newest so many, or everything from an offset on. */
export type TrimOptions = { readonly keepEntries: number } | { readonly before: number }
export interface Trimmed {
  readonly ok: true
  /** The first offset that is still there. */
  readonly firstOffset: number
}

export const trim = (services: ServerServices, name: ThreadName, options: TrimOptions): Effect.Effect<Trimmed, Fault> =>
  Effect.gen(function* () {
    const { log } = services
    const thread = yield* namedThread(name)
    const asked = "before" in options ? options.before : options.keepEntries
    if (!Number.isSafeInteger(asked) || asked < 0)
      return yield* Effect.fail(fault("BAD_NUMBER", "keepEntries and before are integers from 0"))
    const head = yield* orFault(log.head(thread))
    let to = Math.min("before" in options ? asked - 1 : head.offset - asked, head.offset - 1)
    for (const run of decodeControl(head.control).runs) {
      const note = (yield* orFault(log.note(thread, `run/${run.id}`))) as unknown as Recorded | undefined
      to = Math.min(to, (note?.offset ?? 1) - 1)
    }
    if (to >= 1) {
      const { uncleared, view } = yield* orFault(readView(log, thread))
      // while something is being erased, only as far as an earlier snapshot goes
      if (uncleared.length === 0) yield* orFault(log.saveSnapshot(thread, snapshotOf(view)))
    }
    // also where there is nothing to do: the answer says how much is there
    return { ok: true, firstOffset: (yield* orFault(log.trim(thread, Math.max(0, to)))) + 1 }
  })
