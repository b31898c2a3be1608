/** The schemas of requests and answers. PROTOCOL.md#requests */
import * as Schema from "effect/Schema"
import { Fault } from "./Fault.ts"
import { Count, Id, Json, open, TextByKey, ThreadName, Timestamp } from "./open.ts"
import { UserInterrupt } from "./UserInterrupt.ts"
import { MessagePart, Verdict } from "./Value.ts"

export const Failed = open({ ok: Schema.Literal(false), error: Fault })
const done = { ok: Schema.Literal(true), offset: Count }

export const PostMessage = open({
  id: Id,
  parts: Schema.Array(MessagePart),
  after: Schema.optionalKey(Id),
  replaces: Schema.optionalKey(Id),
  name: Schema.optionalKey(Schema.String)
})
export const PostMessageReceipt = Schema.Union([open({ ...done, message: Id }), Failed])

export const OnBusy = Schema.Literals(["reject", "queue", "replace", "parallel"])
export const StartRun = open({
  id: Id,
  agent: Schema.String,
  input: Schema.optionalKey(Json),
  message: Schema.optionalKey(PostMessage),
  onBusy: Schema.optionalKey(OnBusy),
  replaces: Schema.optionalKey(Id),
  continues: Schema.optionalKey(Id),
  tags: Schema.optionalKey(TextByKey)
})
export const StartRunReceipt = Schema.Union([open({ ...done, run: Id }), Failed])

export const InterruptReceipt = Schema.Union([open({ ...done, interrupt: Id, verdict: Verdict }), Failed])
export const SocketInterrupt = open({ thread: ThreadName, interrupt: UserInterrupt })

export const GrantRequest = open({ threads: Schema.optionalKey(Schema.Array(ThreadName)) })
export const Grant = open({
  gateway: Schema.String,
  url: Schema.String,
  token: Schema.optionalKey(Schema.String),
  groups: TextByKey,
  expiresAt: Timestamp,
  reconnectSpreadMillis: Count,
  upstream: Schema.Boolean
})
export const GrantReceipt = Schema.Union([open({ ok: Schema.Literal(true), grant: Grant }), Failed])

const IdOrEmpty = Schema.Union([Id, Schema.Literal("")])
export const EntriesPage = open({
  ok: Schema.Literal(true),
  logId: IdOrEmpty,
  head: open({ offset: Count, id: IdOrEmpty }),
  entries: Schema.Array(Schema.Unknown),
  more: Schema.Boolean
})
