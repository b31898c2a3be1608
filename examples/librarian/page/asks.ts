/**
 * Asks as the page shows them: the note that would be written, and who decided what. Pure.
 */
import type { Json, ViewAsk } from "throughline/client"

export interface NoteInput {
  readonly path: string
  readonly text: string
  readonly before: string | null
}
const field = (value: Json | undefined, name: string): Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })[name]
    : undefined

/** `undefined` for an ask that is not about a note. */
export const noteOf = (input: Json | undefined): NoteInput | undefined => {
  const [path, text, before] = [field(input, "path"), field(input, "text"), field(input, "before")]
  if (typeof path !== "string" || typeof text !== "string") return undefined
  return { path, text, before: typeof before === "string" ? before : null }
}
export const isOpen = (ask: ViewAsk): boolean => ask.answer === undefined

/** One sentence: who decided what. */
export const decisionOf = (ask: ViewAsk): string => {
  const who = ask.by === undefined ? "It" : ask.by === "you" ? "You" : ask.by
  const asked = noteOf(ask.input)?.path ?? ask.name ?? "it"
  switch (ask.answer?.type) {
    case "approved": {
      const path = noteOf(ask.answer.input)?.path
      return path === undefined ? `${who} approved ${asked}` : `${who} changed ${path} and approved it`
    }
    case "denied": {
      const reason = ask.answer.reason?.trim() ?? ""
      return `${who} refused ${asked}${reason === "" ? "" : `: “${reason}”`}`
    }
    case "answered":
      return `${who} answered`
    case "expired":
      return `Nobody decided about ${asked} in time, which counts as refused`
    case "withdrawn":
      return `${asked} is no longer asked: the run ended`
    default:
      return ask.prompt
  }
}

/** Today's time, or the day with it. */
export const untilWhen = (expiresAt: string, now: Date = new Date()): string => {
  const until = new Date(expiresAt)
  const time = until.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
  return until.toDateString() === now.toDateString()
    ? time
    : `${until.toLocaleDateString([], { day: "numeric", month: "long" })}, ${time}`
}
