/**
 * Faults as people read them: what happened, and what they can do now.
 */
import type { Fault } from "throughline/client"

export interface Trouble {
  readonly title: string
  readonly advice: string
  /** What the fault itself says, where that is more. */
  readonly detail?: string
}
const known: Readonly<Record<string, Trouble>> = {
  UNAUTHENTICATED: { title: "This page is no longer signed in", advice: "The server was restarted. Reload the page." },
  ORIGIN_REFUSED: {
    title: "This page was opened under another address",
    advice: "Open the address that the terminal shows."
  },
  NOT_FOUND: { title: "The server does not know this conversation", advice: "Begin a new conversation." },
  RUN_BUSY: { title: "Another question is still being answered", advice: "Wait for it, or stop it first." },
  RUN_TERMINAL: { title: "The run had already ended", advice: "Ask a new question." },
  TOO_LARGE: { title: "That is too long", advice: "Shorten it and send it again." },
  BAD_INPUT: { title: "The librarian cannot take this question", advice: "Ask in words, in at most 4,000 characters." },
  RATE_LIMITED: { title: "Too many requests", advice: "Wait a moment, then try again." },
  STORE_UNAVAILABLE: { title: "The server cannot reach its log", advice: "Nothing is lost. Try again in a moment." },
  STORE_FULL: { title: "The server has no room left", advice: "Free some disk space, then try again." },
  GATEWAY_UNAVAILABLE: { title: "The live connection is not available", advice: "Try again in a moment." },
  OUTCOME_UNKNOWN: { title: "The server did not answer in time", advice: "Try again; nothing will be done twice." },
  WORKER_LOST: { title: "The worker died and no other took over", advice: "Look at the terminal, then try again." },
  DEADLINE_EXCEEDED: { title: "The run took too long", advice: "Ask for less at once, then try again." },
  APPROVAL_EXPIRED: { title: "It came too late", advice: "Nothing was done. Ask for it again." },
  APPROVAL_MISMATCH: { title: "This is not what is asked any more", advice: "Nothing was done. Reload the page." },
  ASK_CLOSED: { title: "This is not asked any more", advice: "Nothing was done. Ask for it again." },
  FORBIDDEN: { title: "You may not do this", advice: "Somebody else has to." },
  AGENT_FAILED: { title: "The librarian failed", advice: "Try again. If it fails again, the terminal shows why." }
}

/** Where the fault's own message says more. */
const telling: ReadonlySet<string> = new Set(["AGENT_FAILED", "BAD_INPUT"])

/** Never empty; the fault's own message is added where it says more. */
export const troubleOf = (fault: Pick<Fault, "code" | "message">): Trouble => {
  const found = known[fault.code]
  if (found === undefined)
    return { title: fault.message, advice: "Try again. If it happens again, look at the terminal." }
  return telling.has(fault.code) ? { ...found, detail: fault.message } : found
}
