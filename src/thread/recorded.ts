/**
 * Idempotency by key: what a request with this id was told before. PROTOCOL.md#idempotency
 *
 * The same id gets the same answer for ever; the same id with another body is refused.
 */
import { fault } from "../protocol/Fault.ts"
import type { Json, JsonObject } from "../protocol/Json.ts"
import { MAX_NOTE_BYTES } from "../protocol/Limits.ts"
import type { CommandAnswer, DecideContext, Decision, Recorded } from "./command.ts"
import { erasedKey } from "./decideErase.ts"
import { answerAt, refuse } from "./transitions.ts"

/** The note of an interrupt keeps the interrupt, so that a worker that was away can still read it. */
export const recordOf = (digest: string, offset: number, answer: CommandAnswer, more: object = {}): Json => {
  const recorded: Recorded = { digest, offset, answer }
  return { ...recorded, ...more } as unknown as JsonObject
}

/** What the request with this key was told; `undefined` if it is new. */
export const answeredBefore = (key: string, digest: string, context: DecideContext): Decision | undefined => {
  const note = context.notes.get(key) ?? context.notes.get(erasedKey(key))
  if (note === undefined) return undefined
  const recorded = decodeRecorded(note)
  if (recorded === undefined) return refuse(fault("STORE_CORRUPT", `the record of ${key} cannot be read`))
  if (recorded.digest !== digest) return refuse(usedBefore(key))
  return answerAt(recorded.answer, recorded.offset)
}
export const usedBefore = (key: string) =>
  fault("DUPLICATE_DIFFERENT", `${key.slice(0, key.indexOf("/"))} id was used before with another body; take a new id`)

const decodeRecorded = (note: Json): Recorded | undefined => {
  if (typeof note !== "object" || note === null || Array.isArray(note)) return undefined
  const { answer, digest, offset } = note as JsonObject
  if (typeof digest !== "string" || typeof offset !== "number" || !Number.isInteger(offset)) return undefined
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return undefined
  if (typeof (answer as JsonObject)["type"] !== "string") return undefined
  return { digest, offset, answer: answer as unknown as CommandAnswer }
}

const encoder = new TextEncoder()
/** UTF-8 bytes of the JSON text; exact only where it could be over `limit`. */
export const jsonBytes = (value: unknown, limit: number): number => {
  const text = JSON.stringify(value)
  // a UTF-16 unit is at most three bytes
  return text.length * 3 <= limit ? text.length : encoder.encode(text).length
}
export const noteTooLarge = (value: Json) =>
  jsonBytes(value, MAX_NOTE_BYTES) > MAX_NOTE_BYTES
    ? fault("TOO_LARGE", `the request is larger than ${MAX_NOTE_BYTES} bytes`, { limit: MAX_NOTE_BYTES })
    : undefined
