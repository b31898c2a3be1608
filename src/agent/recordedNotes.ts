/**
 * How recorded calls are kept as notes: their keys, what they hold, and long values in pieces. PROTOCOL.md#recorded-calls
 *
 * `begun/…`: the call began · `step/…`: its result · `chunk/…`: pieces of long ones · `ask/…`: a person's decision ·
 * `used/…`: an approval was used up · `parked/…`: calls that a suspended epoch stood in · `checkpoint/…`
 */
import type { Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import { MAX_NOTE_BYTES } from "../protocol/Limits.ts"
import type { Note } from "../ports/ThreadLog.ts"

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
export type Kept = { readonly output?: Json } | { readonly chunks: number }
/** What `step/<run>/<key>` holds. */
export type Ended = Kept | { readonly error: { readonly message: string; readonly retryable: boolean } }
/** What `parked/<run>/<epoch>` holds. */
export interface Parked {
  readonly calls: readonly string[]
}
/** What `checkpoint/<run>/<n>` holds, besides its value. */
export interface Checkpoint {
  readonly counts: Readonly<Record<string, number>>
}

export const begunKey = (run: Id, key: string) => `begun/${run}/${key}`
export const stepKey = (run: Id, key: string) => `step/${run}/${key}`
export const parkedKey = (run: Id, epoch: number) => `parked/${run}/${epoch}`
export const usedKey = (run: Id, ask: Id) => `used/${run}/${ask}`
/** Sorts by number. */
export const checkpointKey = (run: Id, n: number) => `checkpoint/${run}/${String(n).padStart(8, "0")}`
const chunkKey = (run: Id, key: string, n: number) => `chunk/${run}/${key}/${n}`

/** Of 512 that a note's key may have, without what is in front of it: `chunk/`, the run, a count. */
export const MAX_KEY_LENGTH = 340
/** Units of one note of a long value: even if each became six bytes it fits. */
const CHUNK_UNITS = Math.floor(MAX_NOTE_BYTES / 6) - 64
export const MAX_VALUE_UNITS = 90 * CHUNK_UNITS

/** What a note holds of a value, and the notes with its pieces where it is long. */
const keep = (run: Id, key: string, output: Json | void): { readonly kept: Kept; readonly chunks: readonly Note[] } => {
  if (output === undefined) return { kept: {}, chunks: [] }
  const text = JSON.stringify(output)
  if (text.length <= CHUNK_UNITS) return { kept: { output }, chunks: [] }
  const chunks: Note[] = []
  for (let at = 0; at < text.length; at += CHUNK_UNITS)
    chunks.push({ key: chunkKey(run, key, chunks.length), value: text.slice(at, at + CHUNK_UNITS) })
  return { kept: { chunks: chunks.length }, chunks }
}
export const valueOf = (run: Id, key: string, kept: Kept, notes: ReadonlyMap<string, Json>): Json | void => {
  if (!("chunks" in kept)) return kept.output
  let text = ""
  for (let n = 0; n < kept.chunks; n++) text += notes.get(chunkKey(run, key, n)) as string
  return JSON.parse(text) as Json
}
/** The notes that hold a call's result. */
export const resultNotes = (run: Id, key: string, output: Json | void): readonly Note[] => {
  const { chunks, kept } = keep(run, key, output)
  return [{ key: stepKey(run, key), value: kept as Json }, ...chunks]
}
const ofCheckpoint = (n: number) => `checkpoint#${n}`
export const checkpointNotes = (run: Id, n: number, value: Json, counts: Checkpoint["counts"]): readonly Note[] => {
  const { chunks, kept } = keep(run, ofCheckpoint(n), value)
  return [{ key: checkpointKey(run, n), value: { ...kept, counts } as Json }, ...chunks]
}
export const checkpointValue = (run: Id, n: number, kept: Kept, notes: ReadonlyMap<string, Json>): Json =>
  valueOf(run, ofCheckpoint(n), kept, notes) ?? null
