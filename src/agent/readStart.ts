/** What a taken run was asked to do, from the note `run/<id>` and the entry in which it was accepted; what it recorded. */
import * as Effect from "effect/Effect"
import type { RunAccepted } from "../protocol/Event.ts"
import type { Principal } from "../ports/Access.ts"
import type { ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"
import type { Recorded } from "../thread/command.ts"
import { parseEntry } from "../writer/readView.ts"
import { NOTE_KINDS } from "./recordedNotes.ts"

export interface RunStart {
  readonly accepted: RunAccepted
  readonly by: Principal
  /** Of the entry in which it was accepted. */
  readonly offset: number
}
/** `undefined` when the log no longer holds it: erased, or trimmed. */
export const readStart = Effect.fnUntraced(function* (log: ThreadLogService, thread: ThreadKey, run: string) {
  const note = yield* log.note(thread, `run/${run}`)
  if (note === undefined) return undefined
  const { offset, principal } = note as unknown as Recorded & { readonly principal?: Principal }
  const { entries } = yield* log
    .read(thread, offset - 1, { limit: 1, maxBytes: 1 })
    .pipe(
      Effect.catch((error) =>
        error.reason._tag === "OffsetExpired" ? Effect.succeed({ entries: [] }) : Effect.fail(error)
      )
    )
  const entry = entries[0]
  if (entry === undefined) return undefined
  const accepted = parseEntry(entry).events.find(
    (event): event is RunAccepted => event.type === "run.accepted" && (event as RunAccepted).run === run
  )
  if (accepted === undefined) return undefined
  return { accepted, by: principal ?? { id: accepted.by ?? "unknown" }, offset } satisfies RunStart as RunStart
})

/** What earlier epochs of the run recorded. */
export const readNotes = (log: ThreadLogService, thread: ThreadKey, run: string) =>
  Effect.map(
    Effect.forEach(NOTE_KINDS, (kind) => log.notes(thread, `${kind}/${run}/`), { concurrency: NOTE_KINDS.length }),
    (notes) => notes.flat()
  )
