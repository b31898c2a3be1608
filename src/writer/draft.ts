/**
 * From a batch of commands to one append: decide each in order against the control that the one before left, merge
 * what can be merged, redact, encode once. Pure but for the redaction, which is the application's.
 */
import type { Event } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import { MAX_ENTRY_BYTES, PROTOCOL_VERSION } from "../protocol/Limits.ts"
import type { Append, Head, Note, ThreadKey } from "../ports/ThreadLog.ts"
import { dueOf, type Control } from "../thread/control.ts"
import { decide } from "../thread/decide.ts"
import { mergeDeltas } from "../thread/merge.ts"
import type { Outcome, Waiting } from "./Pending.ts"

export interface Draft {
  readonly batch: readonly Waiting[]
  /** One for each of the batch; true once the draft is appended, or at once if it has no events. */
  readonly outcomes: readonly Outcome[]
  readonly events: readonly Event[]
  readonly notes: readonly Note[]
  readonly control: Control
  readonly offset: number
}

export const draftOf = (
  batch: readonly Waiting[],
  before: {
    readonly control: Control
    readonly offset: number
    readonly now: number
    readonly notes: ReadonlyMap<string, Json>
  }
): Draft => {
  const offset = before.offset + 1
  const events: Event[] = []
  const notes: Note[] = []
  const outcomes: Outcome[] = []
  let control = before.control
  let known = before.notes
  for (const { command } of batch) {
    const decision = decide(control, command, { now: before.now, offset, notes: known })
    if (decision.type === "refuse") outcomes.push({ ok: false, fault: decision.fault })
    else if (decision.type === "answer") outcomes.push({ ok: true, answer: decision.answer, offset: decision.offset })
    else {
      outcomes.push({ ok: true, answer: decision.answer, offset })
      for (const event of decision.events) events.push(event)
      control = decision.control
      if (decision.notes.length > 0) {
        // a repeat in the same batch must see what the first one wrote
        const grown = new Map(known)
        for (const note of decision.notes) grown.set(note.key, note.value)
        known = grown
        notes.push(...decision.notes)
      }
    }
  }
  return { batch, outcomes, events, notes, control, offset }
}

/** Answers `undefined` when the events do not fit an entry: only a single command can be that large. */
export const encodeAppend = (
  draft: Draft,
  head: Head,
  options: {
    readonly thread: ThreadKey
    readonly at: number
    readonly nextId: () => string
    readonly redact: ((event: Event, thread: ThreadKey) => Event) | undefined
  }
): Append | undefined => {
  const { at, nextId, redact, thread } = options
  const merged = mergeDeltas(draft.events)
  const logId = head.logId === "" ? nextId() : head.logId
  const id = nextId()
  const body = JSON.stringify({
    v: PROTOCOL_VERSION,
    logId,
    thread: nameOf(thread),
    offset: draft.offset,
    id,
    prev: head.id,
    at: timestamp(at),
    events: redact === undefined ? merged : merged.map((event) => redact(event, thread))
  })
  // a UTF-16 unit is at most three bytes, so most entries need no exact count
  if (body.length * 3 > MAX_ENTRY_BYTES && Buffer.byteLength(body) > MAX_ENTRY_BYTES) return undefined
  return {
    expected: head,
    logId,
    entry: { offset: draft.offset, id, body },
    // plain data throughout; stores keep it without looking
    control: draft.control as unknown as Json,
    due: dueOf(draft.control),
    notes: draft.notes
  }
}

/** The thread's name within its tenant, as frames carry it. */
export const nameOf = (thread: ThreadKey): string => thread.slice(thread.indexOf("/") + 1)
export const encodeHead = (thread: ThreadKey, head: Pick<Head, "logId" | "offset" | "id">): string =>
  JSON.stringify({ v: PROTOCOL_VERSION, logId: head.logId, thread: nameOf(thread), offset: head.offset, id: head.id })

let stampedAt = 0
let stamp = ""
/** RFC 3339; one `Date` per millisecond is enough. */
export const timestamp = (millis: number): string => {
  if (millis !== stampedAt) {
    stampedAt = millis
    stamp = new Date(millis).toISOString()
  }
  return stamp
}
