/**
 * How recorded calls are kept as notes: their keys and what they hold. Values are kept by `values.ts`. PROTOCOL.md#recorded-calls
 *
 * `begun/…`: the call began · `step/…`: its result · `chunk/…`: pieces of long ones · `ask/…`: a person's decision ·
 * `used/…`: an approval was used up · `parked/…`: calls that a suspended epoch stood in · `checkpoint/…`
 */
import type { Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { Note } from "../ports/ThreadLog.ts"
import type { Kept, Values } from "./values.ts"

/** Kinds of notes that a run which is taken again reads, each by the prefix `<kind>/<run>/`. */
export const NOTE_KINDS = ["begun", "step", "chunk", "ask", "parked", "checkpoint"] as const

/** What `begun/<run>/<key>` holds. */
export interface Begun {
  readonly id: Id
  readonly digest: string
  /** Number of the newest checkpoint before it. */
  readonly checkpoint?: number
  /** What an ask showed, but for the input. */
  readonly said?: string
}
/** UTF-16 units of a failure's message that are kept. */
export const MAX_MESSAGE_UNITS = 2_000
/** What `step/<run>/<key>` holds of a call that failed; `kept` is that of a `KeptFailure`. */
export interface Failed {
  readonly message: string
  readonly retryable: boolean
  readonly kept?: string
}
/** What `step/<run>/<key>` holds. */
export type Ended = Kept | { readonly error: Failed }
/** What `parked/<run>/<epoch>` holds. */
export interface Parked {
  readonly calls: readonly string[]
}
/** The value that `checkpoint/<run>/<n>` keeps. */
export interface Checkpoint {
  readonly value: Json
  /** How often calls were made by then, by what they are known by. */
  readonly counts: Readonly<Record<string, number>>
}

export const begunKey = (run: Id, key: string) => `begun/${run}/${key}`
export const stepKey = (run: Id, key: string) => `step/${run}/${key}`
export const parkedKey = (run: Id, epoch: number) => `parked/${run}/${epoch}`
export const usedKey = (run: Id, ask: Id) => `used/${run}/${ask}`
/** Sorts by number. */
export const checkpointKey = (run: Id, n: number) => `checkpoint/${run}/${String(n).padStart(8, "0")}`

/** Of 512 that a note's key may have, without what is in front of it: `chunk/`, the run, a count. */
export const MAX_KEY_LENGTH = 340

/** The notes that hold a call's result. */
export const resultNotes = async (
  values: Values,
  run: Id,
  key: string,
  output: Json | void
): Promise<readonly Note[]> => {
  const { kept, notes } = await values.keep(run, key, output)
  return [{ key: stepKey(run, key), value: kept as Json }, ...notes]
}
/** The key under which a checkpoint's value is kept. */
export const checkpointValueKey = (n: number) => `checkpoint#${n}`
