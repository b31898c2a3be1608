/** A run that this worker has taken: what `execute` needs to know of it, and how that ends. */
import type { Id, RunOutcome } from "../protocol/Event.ts"
import type { Note, ThreadKey } from "../ports/ThreadLog.ts"
import type { Hold } from "./hold.ts"
import type { RunStart } from "./readStart.ts"

export interface Taken {
  readonly thread: ThreadKey
  readonly run: Id
  readonly epoch: number
  readonly start: RunStart
  /** Notes of earlier epochs of this run. */
  readonly notes: readonly Note[]
  /** How long the host lets this process work; `undefined`: as long as it takes. */
  readonly hostMillis?: number | undefined
  /** Of a child run: its parent's signal, and the hold of the whole tree. */
  readonly parent?: { readonly signal: AbortSignal; readonly hold: Hold }
  /** Appended with the run's end, for the parent of a child run. */
  readonly notesAtEnd?: ((outcome: RunOutcome) => Promise<readonly Note[]>) | undefined
}
/** How the run ended; `fenced`: it goes on, or has ended, elsewhere; `suspended`: it waits, and holds nothing here. */
export type Executed = RunOutcome | "fenced" | "suspended"
