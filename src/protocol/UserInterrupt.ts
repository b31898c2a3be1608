/**
 * What a person sends to a run: cancel, steer, pause, resume, answer. PROTOCOL.md#interrupts
 *
 * The id is chosen by the sender and makes the interrupt idempotent: the same id gets the same verdict for
 * ever, the same id with another body is refused. Who sent it comes from the verified request, never from here.
 */
import type { Answer, Id, MessagePart } from "./Values.ts"

interface OfRun {
  readonly id: Id
  readonly run: Id
}
export interface Cancel extends OfRun {
  readonly kind: "cancel"
  readonly reason?: string
  /** How long the run may go on to finish tidily before it is ended; 0 to 60,000. */
  readonly graceMillis?: number
}
export interface Steer extends OfRun {
  readonly kind: "steer"
  readonly message: { readonly id: Id; readonly parts: readonly MessagePart[] }
  readonly when: "next-step" | "after-run"
}
export interface Pause extends OfRun {
  readonly kind: "pause"
}
export interface Resume extends OfRun {
  readonly kind: "resume"
}
export interface AnswerAsk extends OfRun {
  readonly kind: "answer"
  readonly ask: Id
  readonly answer: Extract<Answer, { readonly type: "approved" | "denied" | "answered" }>
  /** The digest of what the person was shown. */
  readonly digest?: string
}
export type UserInterrupt = Cancel | Steer | Pause | Resume | AnswerAsk
