/** The schemas of the values inside events. PROTOCOL.md#events */
import * as Schema from "effect/Schema"
import { Fault } from "./Fault.ts"
import { Count, Id, Json, open } from "./open.ts"

const Text = Schema.optionalKey(Schema.String)

export const Role = Schema.Literals(["user", "assistant", "system", "developer", "tool"])
export const FinishReason = Schema.Literals([
  "stop",
  "length",
  "content-filter",
  "tool-calls",
  "error",
  "interrupted",
  "other"
])

export const Usage = open({
  provider: Text,
  model: Text,
  input: Schema.optionalKey(Count),
  output: Schema.optionalKey(Count),
  total: Schema.optionalKey(Count),
  reasoning: Schema.optionalKey(Count),
  cachedInput: Schema.optionalKey(Count),
  cacheWrite: Schema.optionalKey(Count)
})

export const MessagePart = Schema.Union([
  open({ type: Schema.Literal("text"), text: Schema.String }),
  open({ type: Schema.Literal("file"), url: Schema.String, mediaType: Schema.String, name: Text }),
  open({ type: Schema.Literal("data"), name: Schema.String, value: Json })
])

export const Citation = open({
  source: Id,
  start: Schema.optionalKey(Count),
  end: Schema.optionalKey(Count),
  quote: Text
})

export const RunOutcome = Schema.Union([
  open({
    type: Schema.Literal("completed"),
    result: Schema.optionalKey(Json),
    reason: Schema.optionalKey(FinishReason),
    calls: Schema.optionalKey(Schema.Array(Id))
  }),
  open({ type: Schema.Literal("cancelled"), reason: Text }),
  open({ type: Schema.Literal("failed"), error: Fault })
])

export const ToolOutcome = Schema.Union([
  open({
    type: Schema.Literal("ok"),
    output: Schema.optionalKey(Json),
    parts: Schema.optionalKey(Schema.Array(MessagePart))
  }),
  open({ type: Schema.Literal("failed"), error: Fault }),
  open({ type: Schema.Literal("invalid"), input: Json, error: Fault }),
  open({ type: Schema.Literal("denied"), reason: Text }),
  open({ type: Schema.Literal("cancelled") }),
  open({ type: Schema.Literal("unknown"), key: Schema.String })
])

const Approved = open({ type: Schema.Literal("approved"), input: Schema.optionalKey(Json) })
const Denied = open({ type: Schema.Literal("denied"), reason: Text })
const Answered = open({ type: Schema.Literal("answered"), value: Json })
/** What a person can answer. */
export const PersonsAnswer = Schema.Union([Approved, Denied, Answered])
export const Answer = Schema.Union([
  Approved,
  Denied,
  Answered,
  open({ type: Schema.Literal("expired") }),
  open({ type: Schema.Literal("withdrawn"), reason: Text })
])

export const Verdict = Schema.Union([
  open({ type: Schema.Literal("accepted") }),
  open({ type: Schema.Literal("refused"), error: Fault })
])

/** RFC 6901, and not one that reaches a prototype. */
export const Pointer = Schema.String.check(
  Schema.isPattern(/^(\/([^~/]|~[01])*)*$/, { expected: "a JSON Pointer" }),
  Schema.makeFilter((text: string) => !/\/(__proto__|constructor\/prototype)(\/|$)/.test(text), {
    expected: "a path that cannot reach a prototype"
  })
)
/** One operation of RFC 6902. */
export const PatchOperation = Schema.Union([
  open({ op: Schema.Literals(["add", "replace", "test"]), path: Pointer, value: Json }),
  open({ op: Schema.Literal("remove"), path: Pointer }),
  open({ op: Schema.Literals(["move", "copy"]), from: Pointer, path: Pointer })
])
