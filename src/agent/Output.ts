/**
 * What a run says, as events: keeps track of the part that is open, so that the author only calls `text`.
 *
 * A text or reasoning part begins with its first delta and ends when a tool, a step or another part begins. While a resumed run
 * passes its recorded calls again it is silent. The first delta of a part never waits; later ones wait only when
 * the writer is full.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import type { Citation, Event, Id } from "../protocol/Event.ts"
import { fault } from "../protocol/Fault.ts"
import { checkEvent } from "../protocol/guard.ts"
import { assertJson, NotJson } from "../protocol/JsonValue.ts"
import { MAX_ENTRY_BYTES } from "../protocol/Limits.ts"
import type { Line } from "../writer/Line.ts"

/** A longer delta is cut, so that no single call fills an entry. */
const DELTA_UNITS = 16 * 1024
/** What an event's envelope adds to its text, roughly. */
const ENVELOPE_UNITS = 128
/** What one event may take of an entry, so that what ends an open part fits beside it. */
const MAX_SAID_BYTES = MAX_ENTRY_BYTES - 16 * 1024
const done = Promise.resolve()
/** No part of what a resumed run repeats: that a person's word was heard, and that the worker lives. */
const NOT_REPEATED = new Set<string>(["interrupt.applied", "run.heartbeat"])
/** What ends an open text or reasoning part; a status, a source or a file in between does not. */
const ENDS_PART = new Set<Event["type"]>([
  "text.started",
  "reasoning.started",
  "tool.started",
  "step.started",
  "step.finished",
  "run.suspended",
  "run.finished"
])

/** An event of this run, without `run`. */
export type Said = { readonly [K in Event["type"]]: Omit<Extract<Event, { readonly type: K }>, "run"> }[Event["type"]]

export interface Output {
  readonly text: (delta: string, citations?: readonly Citation[]) => Promise<void>
  readonly reasoning: (delta: string, visible: "full" | "summary" | "redacted") => Promise<void>
  /** Any other event. Throws `NotJson` at the call for what is not JSON, no event, or fits no entry. */
  readonly say: (...said: readonly Said[]) => void
  /** Events that end what is open; for whoever commits events of its own. */
  readonly closing: () => readonly Event[]
  /** The event of this run. Throws `NotJson`, naming the field, for what is no event. */
  readonly withRun: (said: Said) => Event
  /** Resolves when there is room for more. */
  readonly room: () => Promise<void>
  readonly inStep: <T>(step: Id, body: () => T) => T
  readonly step: () => Id | undefined
  silent: boolean
  /** When something was last said. */
  lastAt: number
}

/** UTF-16 units of the value's JSON. Throws `NotJson`, naming the path, for what is not JSON or fits no entry. */
export const sizeOf = (value: unknown, path: string): number => {
  assertJson(value, path)
  const text = JSON.stringify(value)
  if (text.length * 3 > MAX_SAID_BYTES && Buffer.byteLength(text) > MAX_SAID_BYTES) {
    const message = `${path} is larger than ${MAX_SAID_BYTES} bytes; store it and say a reference`
    throw new NotJson(fault("TOO_LARGE", message, { path, limit: MAX_SAID_BYTES }))
  }
  return text.length
}

export const makeOutput = (options: {
  readonly run: Id
  readonly message: Id
  readonly line: Line
  readonly nextId: () => Id
  readonly now: () => number
}): Output => {
  const { line, message, nextId, now, run } = options
  const steps = new AsyncLocalStorage<Id>()
  let open: { readonly kind: "text" | "reasoning"; readonly part: Id; readonly step: Id | undefined } | undefined
  let citations: readonly Citation[] = []

  const inMessage = () => {
    const step = steps.getStore()
    return step === undefined ? { run, message } : { run, message, step }
  }
  const closing = (): readonly Event[] => {
    if (open === undefined) return []
    const { kind, part } = open
    open = undefined
    if (kind === "reasoning") return [{ type: "reasoning.finished", run, part }]
    const cited = citations.length === 0 ? {} : { citations }
    citations = []
    return [{ type: "text.finished", run, part, ...cited }]
  }
  const offer = (events: readonly Event[], units: number) => {
    output.lastAt = now()
    line.offer(events, units)
  }
  const room = () => (line.full() ? line.drained() : done)

  const delta = (kind: "text" | "reasoning", text: string, start: () => Event): Promise<void> => {
    if (typeof text !== "string") throw new TypeError(`${kind}: expected a string, got ${typeof text}`)
    if (output.silent || text === "") return done
    if (open?.kind !== kind || open.step !== steps.getStore()) offer([...closing(), start()], ENVELOPE_UNITS)
    const { part } = open!
    const type = kind === "text" ? "text.delta" : "reasoning.delta"
    output.lastAt = now()
    if (text.length <= DELTA_UNITS) line.offerDelta(type, part, text)
    else {
      for (let at = 0; at < text.length; at += DELTA_UNITS) {
        line.offerDelta(type, part, text.slice(at, at + DELTA_UNITS))
      }
    }
    return room()
  }

  const output: Output = {
    silent: false,
    lastAt: now(),
    text: (text, cited) => {
      if (cited !== undefined) {
        assertJson(cited, "text: citations")
        output.withRun({ type: "text.finished", part: message, citations: cited })
      }
      const result = delta("text", text, () => {
        open = { kind: "text", part: nextId(), step: steps.getStore() }
        return { type: "text.started", ...inMessage(), part: open.part }
      })
      if (cited !== undefined && open?.kind === "text") citations = [...citations, ...cited]
      return result
    },
    reasoning: (text, visible) =>
      delta("reasoning", text, () => {
        open = { kind: "reasoning", part: nextId(), step: steps.getStore() }
        return { type: "reasoning.started", ...inMessage(), part: open.part, visible }
      }),
    say: (...said) => {
      const events: Event[] = []
      let units = 0
      for (const each of said) {
        units += sizeOf(each, each.type) + ENVELOPE_UNITS
        const event = output.withRun(each)
        if (output.silent && !NOT_REPEATED.has(each.type)) continue
        if (ENDS_PART.has(each.type)) events.push(...closing())
        events.push(event)
      }
      if (events.length > 0) offer(events, units)
    },
    closing,
    withRun: (said) => {
      const event = { ...said, run } as Event
      // what the log holds is what every client understands
      const checked = checkEvent(event)
      if (!checked.ok) throw new NotJson({ ...checked.fault, message: `${said.type}: ${checked.fault.message}` })
      return event
    },
    room,
    inStep: (step, body) => steps.run(step, body),
    step: () => steps.getStore()
  }
  return output
}
