/** One run folded entry by entry, and the events that the fold's tests say most. */
import type { Event, KnownEvent } from "../../src/protocol/Event.ts"
import type { View } from "../../src/protocol/View.ts"
import { createFold } from "../../src/thread/fold.ts"
import { entryOf } from "./generate.ts"

/** Folds each argument as one entry. */
export const folding = () => {
  const fold = createFold()
  let offset = 0
  return {
    fold,
    add: (...events: readonly Event[]): View => {
      fold.apply(entryOf(++offset, events))
      return fold.view
    }
  }
}
export const ACCEPTED: Event = { type: "run.accepted", run: "r", agent: "writer", by: "ann", tags: { k: "v" } }
export const STARTED: Event = { type: "run.started", run: "r", epoch: 1 }
export const running = () => {
  const thread = folding()
  thread.add(ACCEPTED, STARTED)
  return thread
}
export const say = (part: string, text: string): Event => ({ type: "text.delta", run: "r", part, text })
export const begin = (part: string, more: object = {}): Event => ({
  type: "text.started",
  run: "r",
  part,
  message: "m",
  ...more
})
export const tool = (call: string, more: object = {}): Event => ({
  type: "tool.started",
  run: "r",
  call,
  message: "m",
  name: "search",
  executor: "agent",
  ...more
})
export const finished = (
  outcome: Extract<KnownEvent, { type: "run.finished" }>["outcome"] = { type: "completed" }
): Event => ({ type: "run.finished", run: "r", outcome })
export const partsOf = (view: View) => view.messages.flatMap((message) => message.parts)
