/** The schemas of the events that make up messages and state: text, reasoning, tools, files, documents. PROTOCOL.md#events */
import * as Schema from "effect/Schema"
import { Count, Fraction, Id, Json, open, Positive } from "./open.ts"
import { base, ofRun } from "./RunEvent.ts"
import { Citation, MessagePart, PatchOperation, Role, ToolOutcome } from "./Value.ts"

const Text = Schema.optionalKey(Schema.String)
const inMessage = { ...ofRun, message: Id, step: Schema.optionalKey(Id) }
const mayBeOfRun = { ...base, run: Schema.optionalKey(Id) }

export const MessagePosted = open({
  type: Schema.Literal("message.posted"),
  ...mayBeOfRun,
  message: Id,
  role: Role,
  parts: Schema.Array(MessagePart),
  name: Text,
  after: Schema.optionalKey(Id),
  replaces: Schema.optionalKey(Id)
})

export const TextStarted = open({
  type: Schema.Literal("text.started"),
  ...inMessage,
  part: Id,
  role: Schema.optionalKey(Schema.Literals(["user", "assistant", "system", "developer"]))
})
export const TextDelta = open({ type: Schema.Literal("text.delta"), ...ofRun, part: Id, text: Schema.String })
export const TextFinished = open({
  type: Schema.Literal("text.finished"),
  ...ofRun,
  part: Id,
  citations: Schema.optionalKey(Schema.Array(Citation))
})

export const ReasoningStarted = open({
  type: Schema.Literal("reasoning.started"),
  ...inMessage,
  part: Id,
  visible: Schema.Literals(["full", "summary", "redacted"])
})
export const ReasoningDelta = open({ type: Schema.Literal("reasoning.delta"), ...ofRun, part: Id, text: Schema.String })
export const ReasoningFinished = open({ type: Schema.Literal("reasoning.finished"), ...ofRun, part: Id })

export const ToolStarted = open({
  type: Schema.Literal("tool.started"),
  ...inMessage,
  call: Id,
  name: Schema.String,
  title: Text,
  executor: Schema.Literals(["agent", "provider", "client"]),
  dynamic: Schema.optionalKey(Schema.Boolean),
  encoding: Schema.optionalKey(Schema.Literals(["json", "text"]))
})
export const ToolDelta = open({ type: Schema.Literal("tool.delta"), ...ofRun, call: Id, text: Schema.String })
export const ToolCalled = open({ type: Schema.Literal("tool.called"), ...ofRun, call: Id, input: Json, digest: Text })
export const ToolProgress = open({
  type: Schema.Literal("tool.progress"),
  ...ofRun,
  call: Id,
  label: Text,
  fraction: Schema.optionalKey(Fraction),
  output: Schema.optionalKey(Json),
  append: Text
})
export const ToolFinished = open({ type: Schema.Literal("tool.finished"), ...ofRun, call: Id, outcome: ToolOutcome })

export const StateSnapshot = open({
  type: Schema.Literal("state.snapshot"),
  ...mayBeOfRun,
  doc: Id,
  kind: Text,
  message: Schema.optionalKey(Id),
  value: Json
})
export const StateDelta = open({
  type: Schema.Literal("state.delta"),
  ...mayBeOfRun,
  doc: Id,
  patch: Schema.Array(PatchOperation)
})

export const FileAdded = open({
  type: Schema.Literal("file.added"),
  ...inMessage,
  file: Id,
  url: Schema.String,
  mediaType: Schema.String,
  name: Text,
  bytes: Schema.optionalKey(Count),
  sha256: Text,
  purpose: Schema.optionalKey(Schema.Literals(["output", "reasoning"]))
})
export const SourceCited = open({
  type: Schema.Literal("source.cited"),
  ...inMessage,
  source: Id,
  title: Text,
  url: Text,
  mediaType: Text,
  name: Text
})
export const Custom = open({
  type: Schema.Literal("custom"),
  ...mayBeOfRun,
  name: Schema.String,
  value: Json,
  id: Schema.optionalKey(Id),
  message: Schema.optionalKey(Id),
  transient: Schema.optionalKey(Schema.Boolean)
})
export const ContentErased = open({
  type: Schema.Literal("content.erased"),
  ...base,
  offsets: Schema.Array(Schema.Tuple([Positive, Positive])),
  reason: Text
})
