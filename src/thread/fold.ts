/**
 * Folding entries to the view: the state that people look at. PROTOCOL.md#view
 *
 * Deterministic and total: events that do not fit what came before are counted in `dropped`, never thrown; events
 * of a later version are passed over. Entries are taken as they come: order is `order.ts`'s, shape is the guard's.
 */
import type { Entry } from "../protocol/Entry.ts"
import type { Id } from "../protocol/Event.ts"
import type { View, ViewMessage } from "../protocol/View.ts"
import {
  contentErased,
  custom,
  fileAdded,
  messagePosted,
  sourceCited,
  textDelta,
  textFinished,
  textStarted,
  toolChanged,
  toolStarted
} from "./foldMessage.ts"
import {
  askOpened,
  askResolved,
  interruptApplied,
  interruptReceived,
  runAccepted,
  runFinished,
  runStarted,
  runStatus,
  runSuspended,
  stepFinished,
  stepStarted
} from "./foldRun.ts"
import { stateDelta, stateSnapshot } from "./foldDocs.ts"
import { listOf, setMessages, type Folding, type RunPlace } from "./foldState.ts"

/** Grows when the same log would fold to another view, so that saved views are made anew. */
export const FOLD_VERSION = 1

export const emptyView: View = { logId: "", offset: 0, id: "", messages: [], runs: [], asks: [], state: {}, dropped: 0 }

export interface ViewFold {
  /** Folds one entry; the caller hands them over in order, each once. Never throws. */
  readonly apply: (entry: Entry) => void
  /** An immutable view; the same object until the next `apply`, and what did not change keeps its identity. */
  readonly view: View
  /** The last of `view.messages`, at a cost that does not grow with the thread. */
  readonly newest: ViewMessage | undefined
}

/** A view as plain data; only its list of messages is not made before somebody reads it. */
class FoldedView {
  #pages: Folding["pages"]
  #list: readonly ViewMessage[] | undefined
  constructor({ pages, view }: Folding) {
    this.#pages = pages
    // One getter for all, or each view would have a shape of its own.
    Object.defineProperty(Object.assign(this, view), "messages", FoldedView.#messages)
  }
  static #messages: PropertyDescriptor & ThisType<FoldedView> = {
    enumerable: true,
    get() {
      return (this.#list ??= listOf(this.#pages))
    }
  }
}

/** Begins with the empty view, or goes on from any view, such as a saved one. */
export const createFold = (view: View = emptyView): ViewFold => {
  const { messages, ...rest } = view
  const folding: Folding = { view: rest, pages: [], fresh: new Set(), messages: new Map(), runs: new Map() }
  setMessages(folding, messages)
  let handedOut: View | undefined = view
  return {
    apply: (entry) => {
      handedOut = undefined
      const { view } = folding
      view.logId = entry.logId
      view.offset = entry.offset
      view.id = entry.id
      for (const event of entry.events) {
        let fits = false
        try {
          fits = foldEvent(folding, event, entry)
        } catch {
          // a shape that no guard let through
        }
        if (!fits) view.dropped++
      }
    },
    get view() {
      folding.fresh.clear()
      return (handedOut ??= new FoldedView(folding) as unknown as View)
    },
    get newest() {
      folding.fresh.clear()
      return folding.pages.at(-1)?.at(-1)
    }
  }
}

/** Answers whether the event fits what came before it. */
type FoldOne = (folding: Folding, place: RunPlace, event: never, entry: Entry) => boolean
const FOLDS: ReadonlyMap<string, FoldOne> = new Map<string, FoldOne>(
  Object.entries({
    "run.accepted": runAccepted,
    "run.started": runStarted,
    "run.status": runStatus,
    "run.suspended": runSuspended,
    "run.finished": runFinished,
    "step.started": stepStarted,
    "step.finished": stepFinished,
    "message.posted": messagePosted,
    "text.started": textStarted,
    "text.delta": textDelta,
    "text.finished": textFinished,
    "reasoning.started": textStarted,
    "reasoning.delta": textDelta,
    "reasoning.finished": textFinished,
    "tool.started": toolStarted,
    "tool.delta": toolChanged,
    "tool.called": toolChanged,
    "tool.progress": toolChanged,
    "tool.finished": toolChanged,
    "file.added": fileAdded,
    "source.cited": sourceCited,
    "ask.opened": askOpened,
    "ask.resolved": askResolved,
    "state.snapshot": stateSnapshot,
    "state.delta": stateDelta,
    custom,
    "content.erased": contentErased,
    "interrupt.received": interruptReceived,
    "interrupt.applied": interruptApplied
  })
)
/** What may happen to a run before it is there, or after its end. */
const AT_ANY_TIME = new Set<FoldOne>([runAccepted, interruptReceived, interruptApplied])

const foldEvent = (folding: Folding, event: { readonly type: string; readonly run?: Id }, entry: Entry): boolean => {
  const { run, type } = event
  const place = folding.runs.get(run!) as RunPlace
  const fold = FOLDS.get(type)
  // an event of a later version is passed over
  if (!fold) return true
  // who needs a run and has none throws
  return (run === undefined || !!place?.open || AT_ANY_TIME.has(fold)) && fold(folding, place, event as never, entry)
}
