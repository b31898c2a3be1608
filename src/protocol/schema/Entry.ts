/** The schemas of entries and frames. PROTOCOL.md#entry */
import * as Schema from "effect/Schema"
import { Event } from "./Event.ts"
import { Id, open, Positive, ThreadName, Timestamp } from "./open.ts"

const place = { v: Schema.Literal(1), logId: Id, thread: ThreadName, offset: Positive, id: Id }

export const Entry = open({
  ...place,
  prev: Schema.Union([Id, Schema.Literal("")]),
  at: Timestamp,
  events: Schema.Array(Event)
})
/** What has `events` is an entry, good or bad, and never a head. */
export const HeadFrame = open({ ...place, events: Schema.optionalKey(Schema.Never) })
export const Frame = Schema.Union([Entry, HeadFrame])
