/**
 * The browser's check of frames and entries: everything that order, history and the fold rely on.
 *
 * Lighter than `protocol/guard.ts`, which the backend runs on every event before it is appended: a gateway may
 * damage, mix up or repeat frames, but what is inside an event was checked, and the fold passes over what does
 * not fit. (The whole guard would be a third of the client's size.)
 */
import type { Entry, Frame } from "../protocol/Entry.ts"
import { MAX_ENTRY_BYTES, MAX_ID_LENGTH, PROTOCOL_VERSION } from "../protocol/Limits.ts"

const isId = (value: unknown) => typeof value === "string" && value !== "" && value.length <= MAX_ID_LENGTH
const isEvent = (value: unknown) => typeof (value as { type?: unknown } | null)?.type === "string"

/** Whether a parsed value is an entry or a head of this version. */
export const isFrame = (value: unknown): value is Frame => {
  const frame = value as Entry | null | undefined
  return (
    frame?.v === PROTOCOL_VERSION &&
    isId(frame.logId) &&
    isId(frame.thread) &&
    isId(frame.id) &&
    Number.isSafeInteger(frame.offset) &&
    frame.offset > 0 &&
    (!("events" in frame) ||
      (typeof frame.prev === "string" &&
        typeof frame.at === "string" &&
        Array.isArray(frame.events) &&
        frame.events.every(isEvent)))
  )
}
/** The frame in a text, or `undefined`. Never throws. */
export const readFrame = (text: string): Frame | undefined => {
  // Every UTF-16 unit is at least one byte, so this needs no encoding.
  if (text.length > MAX_ENTRY_BYTES) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isFrame(value) ? value : undefined
  } catch {
    return undefined
  }
}
