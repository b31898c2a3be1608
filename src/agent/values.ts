/**
 * How values of any size are kept beside the log: short ones in a note, long ones in pieces, and what is too large for
 * notes in the blob store, by reference.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import { assertJson } from "../protocol/JsonValue.ts"
import { MAX_NOTE_BYTES } from "../protocol/Limits.ts"
import { blobsOf } from "../ports/BlobStore.ts"
import type { Note, ThreadKey } from "../ports/ThreadLog.ts"
import { digestOf } from "../writer/digest.ts"
import type { AgentServices } from "./AgentServices.ts"
import { AgentError } from "./RunAborted.ts"

/** What a note holds of a value. */
export type Kept = { readonly output?: Json } | { readonly chunks: number } | { readonly blob: string }
export interface Values {
  /** Throws `NotJson` for what is not JSON, `AgentError` for what is too large. `what` names it there. */
  readonly assertFits: (value: Json | void, what: string) => void
  /** `key` is the value's own within its run. */
  readonly keep: (
    run: Id,
    key: string,
    value: Json | void
  ) => Promise<{ readonly kept: Kept; readonly notes: readonly Note[] }>
  /** `notes`: the run's, by key. */
  readonly read: (run: Id, key: string, kept: Kept, notes: ReadonlyMap<string, Json>) => Promise<Json | void>
}

/** Units of one note of a long value: even if each became six bytes it fits. */
const CHUNK_UNITS = Math.floor(MAX_NOTE_BYTES / 6) - 64
const MAX_NOTED_UNITS = 90 * CHUNK_UNITS
const chunkKey = (run: Id, key: string, n: number) => `chunk/${run}/${key}/${n}`
const RETRIES = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }))

export const makeValues = ({ blobs, perform }: Pick<AgentServices, "blobs" | "perform">, thread: ThreadKey): Values => {
  const limit = blobs === undefined ? MAX_NOTED_UNITS : blobs.maxBytes
  const put = async (run: Id, key: string, text: string): Promise<string> => {
    const bytes = new TextEncoder().encode(text)
    // a put replaces: with the hash in its key, a worker that lost the run cannot change what was recorded
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    const name = `${blobsOf(thread, run)}${digestOf(key)}-${sha256}`
    await perform(Effect.retry(blobs!.put(name, bytes, "application/json"), RETRIES))
    return name
  }
  return {
    assertFits: (value, what) => {
      if (value === undefined) return
      assertJson(value, what)
      const text = JSON.stringify(value)
      const size = text.length * 3 <= limit || blobs === undefined ? text.length : Buffer.byteLength(text)
      if (size <= limit) return
      const most = `at most ${limit} ${blobs === undefined ? "characters" : "bytes"} are recorded`
      throw new AgentError(`${what} has ${size}; ${most}: store it and return a reference`)
    },
    keep: async (run, key, value) => {
      if (value === undefined) return { kept: {}, notes: [] }
      const text = JSON.stringify(value)
      if (text.length <= CHUNK_UNITS) return { kept: { output: value }, notes: [] }
      if (text.length > MAX_NOTED_UNITS) return { kept: { blob: await put(run, key, text) }, notes: [] }
      const notes: Note[] = []
      for (let at = 0; at < text.length; at += CHUNK_UNITS)
        notes.push({ key: chunkKey(run, key, notes.length), value: text.slice(at, at + CHUNK_UNITS) })
      return { kept: { chunks: notes.length }, notes }
    },
    read: async (run, key, kept, notes) => {
      if ("blob" in kept) {
        const blob = blobs && (await perform(Effect.retry(blobs.get(kept.blob), RETRIES)))
        if (blob === undefined) throw new Error(`what "${key}" recorded is not in the blob store (any more)`)
        return JSON.parse(new TextDecoder().decode(blob.bytes)) as Json
      }
      if (!("chunks" in kept)) return kept.output
      let text = ""
      for (let n = 0; n < kept.chunks; n++) text += notes.get(chunkKey(run, key, n)) as string
      return JSON.parse(text) as Json
    }
  }
}
