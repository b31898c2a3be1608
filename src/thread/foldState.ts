/**
 * What folding keeps beside the view: where things are, and what may still be changed in place.
 *
 * A view that was handed out never changes. What was copied since then is `fresh` and is changed in place, so a
 * delta costs the same however long the thread is.
 */
import type { Id } from "../protocol/Event.ts"
import type { View, ViewMessage, ViewPart, ViewRun } from "../protocol/View.ts"

export type Mutable<T> = { -readonly [K in keyof T]: T[K] }
/** Indexes in `view.messages` and in that message's `parts`. */
export interface Place {
  readonly message: number
  readonly part: number
}
export type Streamed = "text" | "reasoning" | "tool"
export interface RunPlace {
  /** Index in `view.runs`. */
  readonly at: number
  /** Parts that may still grow, by kind and id; `undefined` once the run is finished. */
  open: Record<Streamed, Map<Id, Place>> | undefined
}
export interface Folding {
  /** All but the messages. */
  readonly view: Mutable<Omit<View, "messages">>
  /** The messages, 64 to a page: a change copies one page and not the list, however long the thread is. */
  pages: readonly (readonly ViewMessage[])[]
  readonly fresh: Set<object>
  /** How many messages come before this one, by id. */
  messages: Map<Id, number>
  runs: Map<Id, RunPlace>
}

export const nothingOpen = (): NonNullable<RunPlace["open"]> => ({
  text: new Map(),
  reasoning: new Map(),
  tool: new Map()
})

export const listOf = (pages: Folding["pages"]): ViewMessage[] => ([] as ViewMessage[]).concat(...pages)
/** Takes these messages and finds everything again: at the beginning, and after parts left the view. */
export const setMessages = (folding: Folding, messages: readonly ViewMessage[]): void => {
  folding.pages = []
  folding.messages = new Map()
  for (const message of messages) addMessage(folding, message)
  folding.runs = new Map(
    folding.view.runs.map((run, at) => [run.id, { at, open: run.state === "finished" ? undefined : nothingOpen() }])
  )
  messages.forEach((message, at) => {
    message.parts.forEach((part, index) => {
      if (!("state" in part) || part.state === "done") return
      folding.runs.get((part.run ?? message.run)!)?.open?.[part.type].set(part.id, { message: at, part: index })
    })
  })
}

/** The value at `key`, copied first if it was handed out. */
export const own = <T extends object, K extends keyof T>(folding: Folding, holder: T, key: K): Mutable<T[K]> => {
  let value = holder[key] as object
  if (!folding.fresh.has(value)) {
    value = Array.isArray(value) ? value.slice() : { ...value }
    folding.fresh.add(value)
    holder[key] = value as T[K]
  }
  return value as Mutable<T[K]>
}
const ownPages = (folding: Folding) => own(folding, folding, "pages") as ViewMessage[][]
export const addMessage = (folding: Folding, message: ViewMessage): number => {
  const at = folding.messages.size
  const pages = ownPages(folding)
  if (pages.length === at >> 6) pages.push([])
  own(folding, pages, at >> 6).push(message)
  folding.messages.set(message.id, at)
  return at
}
export const ownMessage = (folding: Folding, at: number): Mutable<ViewMessage> =>
  own(folding, own(folding, ownPages(folding), at >> 6), at & 63)
export const ownParts = (folding: Folding, at: number): ViewPart[] =>
  own(folding, ownMessage(folding, at), "parts") as ViewPart[]
export const ownPart = <P extends ViewPart>(folding: Folding, place: Place): Mutable<P> =>
  own(folding, ownParts(folding, place.message), place.part) as Mutable<P>
export const ownRun = (folding: Folding, at: number): Mutable<ViewRun> =>
  own(folding, own(folding, folding.view, "runs") as ViewRun[], at)

/** The fields of `from` that are there. */
export const pick = <T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): Pick<T, K> => {
  const picked = {} as Pick<T, K>
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key]
  return picked
}
