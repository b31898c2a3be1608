/**
 * What both AG-UI mappings share: the events as plain words, and where our own fields travel.
 *
 * `metadata.throughline` carries what an AG-UI event has no field for; a `CUSTOM` event named `throughline.<type>`
 * carries an event for which AG-UI has no word. Both survive AG-UI's client without a warning.
 */
import type { Event } from "@ag-ui/core"
import type { KnownEvent, UnknownEvent } from "../../../src/protocol/Event.ts"

type Plain<E> = E extends { readonly type: infer T extends string }
  ? Omit<E, "type"> & { readonly type: `${T}` }
  : never
/** An AG-UI event with its type as text instead of the enum, which is the same on the wire. */
export type AgUiEvent = Plain<Event>
export type AgUiType = AgUiEvent["type"]
export type AgUiOf<T extends AgUiType> = Extract<AgUiEvent, { readonly type: T }>
type EventOf<T extends KnownEvent["type"]> = Extract<KnownEvent, { readonly type: T }>
export type { EventOf }

/** The document that AG-UI calls the state; other documents are activities. */
export const STATE_DOC = "state"
export const PREFIX = "throughline."

export const compact = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never

/** Our fields beside theirs; nothing when there are none. */
export const ours = (fields: object): { readonly metadata?: { readonly throughline: object } } => {
  const kept = compact(fields)
  return Object.keys(kept).length === 0 ? {} : { metadata: { throughline: kept } }
}
// oxlint-disable-next-line typescript/no-explicit-any -- read from another program; what comes of it is checked before it is appended
export const oursOf = (event: { readonly metadata?: unknown }): Readonly<Record<string, any>> =>
  (event.metadata as { readonly throughline?: Record<string, unknown> } | undefined)?.throughline ?? {}

/** An event without a word, whole. */
export const noWord = (event: KnownEvent | UnknownEvent): AgUiEvent => ({
  type: "CUSTOM",
  name: PREFIX + event.type,
  value: event
})
