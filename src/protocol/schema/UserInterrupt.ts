/** The schemas of what a person sends to a run. PROTOCOL.md#interrupts */
import * as Schema from "effect/Schema"
import { Id, open } from "./open.ts"
import { MessagePart, PersonsAnswer } from "./Value.ts"

const ofRun = { id: Id, run: Id }

/** PROTOCOL.md#cancel */
export const Cancel = open({
  kind: Schema.Literal("cancel"),
  ...ofRun,
  reason: Schema.optionalKey(Schema.String),
  graceMillis: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60_000 })))
})
/** PROTOCOL.md#steer */
export const Steer = open({
  kind: Schema.Literal("steer"),
  ...ofRun,
  message: open({ id: Id, parts: Schema.Array(MessagePart) }),
  when: Schema.Literals(["next-step", "after-run"])
})
export const Pause = open({ kind: Schema.Literal("pause"), ...ofRun })
export const Resume = open({ kind: Schema.Literal("resume"), ...ofRun })
/** PROTOCOL.md#asks */
export const AnswerAsk = open({
  kind: Schema.Literal("answer"),
  ...ofRun,
  ask: Id,
  answer: PersonsAnswer,
  digest: Schema.optionalKey(Schema.String)
})
export const UserInterrupt = Schema.Union([Cancel, Steer, Pause, Resume, AnswerAsk])
