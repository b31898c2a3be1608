/**
 * Recorded calls: `tool`, `step` and `call` run once, whatever happens to workers. PROTOCOL.md#recorded-calls
 *
 * That a call begins is durable before its code runs, and its result is a note before the caller gets it. A run
 * that is taken again executes from its first line: a finished call answers its recorded result and appends
 * nothing; one that began and did not finish is `OutcomeUnknown`, unless it is declared idempotent. Calls are
 * known by name and count within the call that they are made in, because a finished one does not make them again.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import type { Event, Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import { assertJson } from "../protocol/JsonValue.ts"
import { MAX_NOTE_BYTES } from "../protocol/Limits.ts"
import type { Note } from "../ports/ThreadLog.ts"
import { digestOf } from "../writer/digest.ts"
import type { Line } from "../writer/Line.ts"
import { AgentError, OutcomeUnknown, ReplayDiverged, RunAborted } from "./RunAborted.ts"

/** What `begun/<run>/<key>` holds. */
interface Begun {
  readonly id: Id
  readonly digest: string
}
/** What `step/<run>/<key>` holds. */
type Ended =
  | { readonly output?: Json }
  | { readonly chunks: number }
  | { readonly error: { readonly message: string; readonly retryable: boolean } }

export interface RecordedCall {
  readonly kind: "tool" | "step" | "call"
  readonly name: string
  readonly key?: string | undefined
  readonly idempotent?: boolean | undefined
  readonly input: Json
  /** Events that show it begins; committed with the note. */
  readonly begin: (id: Id) => readonly Event[]
  readonly body: (id: Id, key: string) => Promise<Json | void>
  readonly end: (id: Id, ended: { readonly output: Json | void } | { readonly error: unknown }) => readonly Event[]
  /** Events for a call whose outcome nobody knows. */
  readonly unknown: (id: Id, key: string) => readonly Event[]
}
export interface RecordedCalls {
  readonly perform: (call: RecordedCall) => Promise<Json | void>
  /** The key that the next call of this kind and name has. Throws when an explicit one is used twice. */
  readonly keyOf: (kind: string, name: string, key: string | undefined) => string
  /** What a finished call of an earlier epoch answered; the call is passed then. */
  readonly recorded: (key: string) => { readonly output: Json | void } | undefined
  /** Whether calls of an earlier epoch are still to be passed. */
  readonly replaying: () => boolean
}
export const stepKey = (run: Id, key: string) => `step/${run}/${key}`
const chunkKey = (run: Id, key: string, n: number) => `chunk/${run}/${key}/${n}`
export const begunKey = (run: Id, key: string) => `begun/${run}/${key}`

export const makeRecordedCalls = (options: {
  readonly run: Id
  readonly line: Line
  readonly nextId: () => Id
  /** Notes of earlier epochs: `begun/…`, `step/…` and `chunk/…` of this run. */
  readonly notes: readonly Note[]
  readonly onPassed: () => void
}): RecordedCalls => {
  const { line, nextId, run } = options
  const earlier = new Map(options.notes.map((note) => [note.key, note.value]))
  const counts = new Map<string, number>()
  const left = new Set([...earlier.keys()].filter((key) => key.startsWith("step/")))

  const inside = new AsyncLocalStorage<string>()
  const keyOf = (kind: string, name: string, key: string | undefined) => {
    const base = `${inside.getStore() ?? ""}${kind}:${name}${key === undefined ? "" : `:${key}`}`
    if (base.length > MAX_KEY_LENGTH)
      throw new TypeError(`${kind} "${name.slice(0, 64)}": its name and key are too long to be recorded`)
    const count = (counts.get(base) ?? 0) + 1
    counts.set(base, count)
    if (key === undefined) return `${base}#${count}`
    if (count > 1) throw new TypeError(`${kind} "${name}": the key "${key}" was used before in this run`)
    return base
  }
  const commit = async (events: readonly Event[], notes: readonly Note[]) => {
    const outcome = await line.commit(events, notes)
    if (!outcome.ok) throw new RunAborted(outcome.fault.code, outcome.fault.message)
  }
  /** With the calls that were made inside of it, which are not made again. */
  const passed = (key: string) => {
    const whole = stepKey(run, key)
    for (const other of left) if (other === whole || other.startsWith(`${whole}/`)) left.delete(other)
    if (left.size === 0) options.onPassed()
  }
  /** A call that no earlier epoch finished: whatever is recorded besides will not be asked for before it. */
  const beyond = () => {
    if (left.size === 0) return
    left.clear()
    options.onPassed()
  }
  const recorded = (key: string) => {
    const ended = earlier.get(stepKey(run, key)) as unknown as Ended | undefined
    if (ended === undefined) return undefined
    passed(key)
    if ("error" in ended) throw new AgentError(ended.error.message, { retryable: ended.error.retryable })
    return { output: outputOf(run, key, ended, earlier) }
  }

  return {
    keyOf,
    recorded,
    replaying: () => left.size > 0,
    perform: async (call) => {
      const key = keyOf(call.kind, call.name, call.key)
      const digest = digestOf(call.input)
      const begun = earlier.get(begunKey(run, key)) as unknown as Begun | undefined
      if (begun !== undefined && begun.digest !== digest) throw new ReplayDiverged(call.name)
      const before = recorded(key)
      if (before !== undefined) return before.output
      const id = begun?.id ?? nextId()
      const handed = `${run}/${key}`
      if (begun === undefined) {
        beyond()
        await commit(call.begin(id), [{ key: begunKey(run, key), value: { id, digest } }])
      } else {
        // what the earlier epoch showed of it has left the view, so it is shown to begin again
        const known = call.idempotent === true
        if (!known) beyond()
        await commit([...call.begin(id), ...(known ? [] : call.unknown(id, handed))], [])
        if (!known) throw new OutcomeUnknown(call.name, handed)
      }
      let output: Json | void
      try {
        output = await inside.run(`${key}/`, () => call.body(id, handed))
        assertRecordable(call, output)
      } catch (error) {
        const meant = error instanceof AgentError ? error : undefined
        const shown = { message: meant?.message.slice(0, 2_000) ?? "failed", retryable: meant?.retryable ?? false }
        await commit(call.end(id, { error }), [{ key: stepKey(run, key), value: { error: shown } }])
        throw error
      }
      await commit(call.end(id, { output }), resultNotes(run, key, output))
      return output
    }
  }
}

/** Of 512 that a note's key may have, without what is in front of it: `chunk/`, the run, a count. */
const MAX_KEY_LENGTH = 340
/** Units of one note of a long result: even if each became six bytes it fits. */
const CHUNK_UNITS = Math.floor(MAX_NOTE_BYTES / 6) - 64
const MAX_RESULT_UNITS = 90 * CHUNK_UNITS

/** The notes that hold a result: one, or one that counts the chunks of its JSON text. */
export const resultNotes = (run: Id, key: string, output: Json | void): readonly Note[] => {
  if (output === undefined) return [{ key: stepKey(run, key), value: {} }]
  const text = JSON.stringify(output)
  if (text.length <= CHUNK_UNITS) return [{ key: stepKey(run, key), value: { output } }]
  const chunks: Note[] = []
  for (let at = 0; at < text.length; at += CHUNK_UNITS) {
    chunks.push({ key: chunkKey(run, key, chunks.length), value: text.slice(at, at + CHUNK_UNITS) })
  }
  return [{ key: stepKey(run, key), value: { chunks: chunks.length } }, ...chunks]
}
const outputOf = (run: Id, key: string, ended: Ended, notes: ReadonlyMap<string, Json>): Json | void => {
  if ("chunks" in ended) {
    let text = ""
    for (let n = 0; n < ended.chunks; n++) text += notes.get(chunkKey(run, key, n)) as string
    return JSON.parse(text) as Json
  }
  return "output" in ended ? ended.output : undefined
}
const assertRecordable = (call: RecordedCall, output: Json | void) => {
  if (output === undefined) return
  assertJson(output, `${call.kind} "${call.name}": result`)
  const units = JSON.stringify(output).length
  if (units > MAX_RESULT_UNITS) {
    throw new AgentError(
      `the result of "${call.name}" has ${units} characters; at most ${MAX_RESULT_UNITS} are recorded: store it and return a reference`
    )
  }
}
