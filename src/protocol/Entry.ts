/**
 * Entries and frames: what the log holds and what a gateway carries. PROTOCOL.md#entry
 *
 * A frame is the JSON text of an entry, exactly as it was appended, or of a head ("there is more, fetch it").
 */
import type { Id, KnownEvent, Timestamp, UnknownEvent } from "./Event.ts"

export interface EntryOf<E> {
  readonly v: 1
  /** Which history: a new id means that the log was replaced. */
  readonly logId: Id
  readonly thread: string
  /** 1, 2, 3, … without holes. */
  readonly offset: number
  readonly id: Id
  /** The id of the entry before; `""` at offset 1. */
  readonly prev: Id | ""
  readonly at: Timestamp
  readonly events: readonly E[]
}
export type Entry = EntryOf<KnownEvent | UnknownEvent>

export interface HeadFrame {
  readonly v: 1
  readonly logId: Id
  readonly thread: string
  readonly offset: number
  readonly id: Id
}
export type Frame = Entry | HeadFrame
export const isEntry = (frame: Frame): frame is Entry => "events" in frame

/** A place in a log: enough to say where one is and whether it is still the same history. */
export interface Position {
  readonly logId: Id
  readonly offset: number
  readonly id: Id
}
