/**
 * The shapes of the protocol as a table, for the guard: every event and every value inside one, field by field.
 *
 * A line reads as in PROTOCOL.md#events: `name:type`, `name?:type` for what may be absent, `type[]` for arrays,
 * `a|b` for one of these words; a type with a capital letter is another line. Plain text, because it is in the
 * browser. The Effect Schemas of the same shapes are in `schema/`; a property test holds the two together.
 */
import type { EventType } from "./Event.ts"

/** What every event may carry, and how one of an unknown type is checked. */
export const ANY_EVENT = "type:id by?:id meta?:object"
export const MAY_BE_OF_RUN = "run?:id"
const OF_RUN = "run:id"
const IN_MESSAGE = `${OF_RUN} message:id step?:id`

export const EVENTS: Readonly<Record<EventType, string>> = {
  "run.accepted": `${OF_RUN} agent:text input?:json message?:id parent?:Parent continues?:id replaces?:id tags?:object-of-text deadline?:time`,
  "run.started": `${OF_RUN} epoch:integer-from-1 from?:integer-from-0`,
  "run.status": `${OF_RUN} label:text detail?:text fraction?:number-0-to-1 level?:info|warning`,
  "run.heartbeat": `${OF_RUN} epoch:integer-from-1`,
  "run.suspended": `${OF_RUN} why:asked|paused|time-limit asks?:id[]`,
  "run.finished": `${OF_RUN} outcome:RunOutcome usage?:Usage[]`,
  "step.started": `${OF_RUN} step:id name:text parent?:id agent?:text`,
  "step.finished": `${OF_RUN} step:id outcome:completed|failed|discarded reason?:FinishReason usage?:Usage[]`,
  "message.posted": `${MAY_BE_OF_RUN} message:id role:Role parts:MessagePart[] name?:text after?:id replaces?:id`,
  "text.started": `${IN_MESSAGE} part:id role?:user|assistant|system|developer`,
  "text.delta": `${OF_RUN} part:id text:text`,
  "text.finished": `${OF_RUN} part:id citations?:Citation[]`,
  "reasoning.started": `${IN_MESSAGE} part:id visible:full|summary|redacted`,
  "reasoning.delta": `${OF_RUN} part:id text:text`,
  "reasoning.finished": `${OF_RUN} part:id`,
  "tool.started": `${IN_MESSAGE} call:id name:text title?:text executor:agent|provider|client dynamic?:boolean encoding?:json|text`,
  "tool.delta": `${OF_RUN} call:id text:text`,
  "tool.called": `${OF_RUN} call:id input:json digest?:text`,
  "tool.progress": `${OF_RUN} call:id label?:text fraction?:number-0-to-1 output?:json append?:text`,
  "tool.finished": `${OF_RUN} call:id outcome:ToolOutcome`,
  "ask.opened": `${OF_RUN} ask:id kind:approval|input|choice|tool prompt:text name?:text input?:json call?:id schema?:json options?:Option[] digest?:text expiresAt:time reason?:text answerableBy?:id[] fourEyes?:boolean`,
  "ask.resolved": `${OF_RUN} ask:id answer:Answer resolver:person|policy|system`,
  "interrupt.received": `${OF_RUN} interrupt:UserInterrupt verdict:Verdict`,
  "interrupt.applied": `${OF_RUN} interrupt:id step?:id outcome:Applied`,
  "state.snapshot": `${MAY_BE_OF_RUN} doc:id kind?:text message?:id value:json`,
  "state.delta": `${MAY_BE_OF_RUN} doc:id patch:PatchOperation[]`,
  "file.added": `${IN_MESSAGE} file:id url:text mediaType:text name?:text bytes?:integer-from-0 sha256?:text purpose?:output|reasoning`,
  "source.cited": `${IN_MESSAGE} source:id title?:text url?:text mediaType?:text name?:text`,
  custom: `${MAY_BE_OF_RUN} name:text value:json id?:id message?:id transient?:boolean`,
  "content.erased": "offsets:Range[] reason?:text"
}

/** Words that stand for a list of words, and objects of one shape. */
export const OBJECTS: Readonly<Record<string, string>> = {
  Fault:
    "code:text message:text retryable:boolean path?:text limit?:integer-from-0 expected?:text got?:text retryAfterMillis?:integer-from-0 head?:FaultHead",
  FaultHead: "logId:text offset:integer-from-0 id:text",
  Usage:
    "provider?:text model?:text input?:integer-from-0 output?:integer-from-0 total?:integer-from-0 reasoning?:integer-from-0 cachedInput?:integer-from-0 cacheWrite?:integer-from-0",
  Citation: "source:id start?:integer-from-0 end?:integer-from-0 quote?:text",
  Parent: "run:id call?:id",
  Option: "id:id label:text",
  SteerMessage: "id:id parts:MessagePart[]"
}
export const WORDS: Readonly<Record<string, string>> = {
  Role: "user|assistant|system|developer|tool",
  FinishReason: "stop|length|content-filter|tool-calls|error|interrupted|other"
}

/** Objects of several shapes: the field that tells which, and each shape by that field's word. */
export const UNIONS: Readonly<Record<string, readonly [tag: string, shapes: Readonly<Record<string, string>>]>> = {
  MessagePart: [
    "type",
    { text: "text:text", file: "url:text mediaType:text name?:text", data: "name:text value:json" }
  ],
  RunOutcome: [
    "type",
    { completed: "result?:json reason?:FinishReason calls?:id[]", cancelled: "reason?:text", failed: "error:Fault" }
  ],
  ToolOutcome: [
    "type",
    {
      ok: "output?:json parts?:MessagePart[]",
      failed: "error:Fault",
      invalid: "input:json error:Fault",
      denied: "reason?:text",
      cancelled: "",
      unknown: "key:text"
    }
  ],
  Answer: [
    "type",
    { approved: "input?:json", denied: "reason?:text", answered: "value:json", expired: "", withdrawn: "reason?:text" }
  ],
  PersonsAnswer: ["type", { approved: "input?:json", denied: "reason?:text", answered: "value:json" }],
  Verdict: ["type", { accepted: "", refused: "error:Fault" }],
  Applied: ["type", { applied: "", "too-late": "reason:finished|cancelled|failed|suspended|dropped" }],
  UserInterrupt: [
    "kind",
    {
      cancel: "id:id run:id reason?:text graceMillis?:integer-0-to-60000",
      steer: "id:id run:id message:SteerMessage when:next-step|after-run",
      pause: "id:id run:id",
      resume: "id:id run:id",
      answer: "id:id run:id ask:id answer:PersonsAnswer digest?:text"
    }
  ],
  PatchOperation: [
    "op",
    {
      add: "path:pointer value:json",
      replace: "path:pointer value:json",
      test: "path:pointer value:json",
      remove: "path:pointer",
      move: "from:pointer path:pointer",
      copy: "from:pointer path:pointer"
    }
  ]
}
