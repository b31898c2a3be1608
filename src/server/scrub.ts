/**
 * Takes erased content out of a view whose entries were trimmed, so that it cannot be folded anew without it.
 *
 * Rather too much than too little: of every run that had content there goes whatever it had shown up to the end of
 * what is erased, its result, its asks' words and what people said to it.
 */
import type { Answer, Id } from "../protocol/Event.ts"
import type { View, ViewAsk, ViewRun } from "../protocol/View.ts"
import { outcomeWithoutContent } from "../thread/decideErase.ts"
import { createFold } from "../thread/fold.ts"

/** What had content in the erased entries. */
export interface Touched {
  /** With those that called them: a call's result is their note. */
  readonly runs: ReadonlySet<Id>
  /** State documents that were written there. */
  readonly docs: ReadonlySet<Id>
}
export const scrub = (view: View, { docs, runs }: Touched, from: number, to: number): View => {
  const offsets: [number, number][] = [[from, to]]
  for (const { parts, run } of view.messages)
    for (const { offset, run: ofPart = run } of parts)
      if (offset < from && ofPart !== undefined && runs.has(ofPart)) offsets.push([offset, offset])
  const fold = createFold(view)
  const { id, logId, offset } = view
  // at the view's own place, so that it stays where it was
  fold.apply({ v: 1, logId, thread: "", offset, id, prev: "", at: "", events: [{ type: "content.erased", offsets }] })
  const { messages, ...rest } = fold.view
  return {
    ...rest,
    messages,
    runs: view.runs.map((run) => (runs.has(run.id) ? withoutWords(run) : run)),
    asks: view.asks.map((ask) => (runs.has(ask.run) ? askWithoutWords(ask) : ask)),
    state: Object.fromEntries(Object.entries(view.state).map(([doc, value]) => [doc, docs.has(doc) ? null : value]))
  }
}
const withoutWords = (run: ViewRun): ViewRun => {
  const { detail: _d, label: _l, outcome, tags: _t, ...rest } = run
  return {
    ...rest,
    ...(outcome === undefined ? {} : { outcome: outcomeWithoutContent(outcome) }),
    steps: run.steps.map((step) => ({ ...step, name: "" })),
    interrupts: run.interrupts.map(({ parts: _, ...interrupt }) => interrupt)
  }
}
const askWithoutWords = ({ answer, by, expiresAt, id, kind, run }: ViewAsk): ViewAsk => {
  const given: Answer | undefined =
    answer?.type === "answered" ? { type: "answered", value: null } : answer && { type: answer.type }
  return { id, run, kind, prompt: "", expiresAt, ...(by && { by }), ...(given && { answer: given }) }
}
