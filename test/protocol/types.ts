/**
 * Holds the schemas' types and the plain types together: each must be assignable to the other. Checked by the
 * compiler; nothing here runs.
 */
import type * as Entry from "../../src/protocol/Entry.ts"
import type * as Event from "../../src/protocol/Event.ts"
import type * as Exchange from "../../src/protocol/Exchange.ts"
import type * as Fault from "../../src/protocol/Fault.ts"
import type * as Interrupt from "../../src/protocol/UserInterrupt.ts"
import type * as EntrySchema from "../../src/protocol/schema/Entry.ts"
import type * as EventSchema from "../../src/protocol/schema/Event.ts"
import type * as ExchangeSchema from "../../src/protocol/schema/Exchange.ts"
import type * as FaultSchema from "../../src/protocol/schema/Fault.ts"
import type * as InterruptSchema from "../../src/protocol/schema/UserInterrupt.ts"
import type * as ValueSchema from "../../src/protocol/schema/Value.ts"

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : "the plain type is wider") : "the schema is wider"
type Named<Schemas, Plain> = {
  [K in keyof Schemas & keyof Plain]: Schemas[K] extends { readonly Type: infer T } ? Same<T, Plain[K]> : "not a schema"
}
type AllTrue<T> = [T[keyof T]] extends [true] ? true : { [K in keyof T as T[K] extends true ? never : K]: T[K] }

type EventTypes = {
  [T in Event.EventType]: Same<
    (typeof EventSchema.EventByType)[T]["Type"],
    Extract<Event.KnownEvent, { readonly type: T }>
  >
}
export const events: AllTrue<EventTypes> = true
export const union: Same<typeof EventSchema.KnownEvent.Type, Event.KnownEvent> = true

interface Values {
  readonly Role: Event.Role
  readonly FinishReason: Event.FinishReason
  readonly Usage: Event.Usage
  readonly MessagePart: Event.MessagePart
  readonly Citation: Event.Citation
  readonly RunOutcome: Event.RunOutcome
  readonly ToolOutcome: Event.ToolOutcome
  readonly Answer: Event.Answer
  readonly Verdict: Event.Verdict
  readonly PatchOperation: Event.PatchOperation
}
export const values: AllTrue<Named<typeof ValueSchema, Values>> = true

interface Interrupts {
  readonly Cancel: Interrupt.Cancel
  readonly Steer: Interrupt.Steer
  readonly Pause: Interrupt.Pause
  readonly Resume: Interrupt.Resume
  readonly AnswerAsk: Interrupt.AnswerAsk
  readonly UserInterrupt: Interrupt.UserInterrupt
}
export const interrupts: AllTrue<Named<typeof InterruptSchema, Interrupts>> = true

interface Exchanges {
  readonly Failed: Exchange.Failed
  readonly PostMessage: Exchange.PostMessage
  readonly PostMessageReceipt: Exchange.PostMessageReceipt
  readonly StartRun: Exchange.StartRun
  readonly StartRunReceipt: Exchange.StartRunReceipt
  readonly OnBusy: Exchange.OnBusy
  readonly InterruptReceipt: Exchange.InterruptReceipt
  readonly SocketInterrupt: Exchange.SocketInterrupt
  readonly GrantRequest: Exchange.GrantRequest
  readonly Grant: Exchange.Grant
  readonly GrantReceipt: Exchange.GrantReceipt
  readonly EntriesPage: Exchange.EntriesPage
}
export const exchanges: AllTrue<Named<typeof ExchangeSchema, Exchanges>> = true

export const fault: Same<typeof FaultSchema.Fault.Type, Fault.Fault> = true
export const entry: Same<typeof EntrySchema.Entry.Type, Entry.Entry> = true
export const head: Same<Omit<typeof EntrySchema.HeadFrame.Type, "events">, Entry.HeadFrame> = true
