/**
 * The view as the page shows it: turns, each a question with the run that answers it. Pure.
 */
import type {
  View,
  ViewAsk,
  ViewMessage,
  ViewPart,
  ViewReasoning,
  ViewRun,
  ViewSource,
  ViewText,
  ViewTool
} from "throughline/client"

export interface Turn {
  /** The question's message, or the run where it was started without one. */
  readonly id: string
  readonly question: string
  readonly run: ViewRun | undefined
  readonly parts: readonly ViewPart[]
  readonly asks: readonly ViewAsk[]
}

/** Oldest first. A run belongs to the question that was posted in the same entry, else to the newest one before it. */
export const turnsOf = (view: Pick<View, "messages" | "runs" | "asks">): Turn[] => {
  const asksOf = (run: ViewRun): ViewAsk[] => view.asks.filter((ask) => ask.run === run.id)
  const byRun = new Map<string, ViewPart[]>()
  const asked: ViewMessage[] = []
  for (const message of view.messages) {
    if (message.replacedBy !== undefined) continue
    if (message.run !== undefined && message.role !== "user") {
      const parts = byRun.get(message.run)
      if (parts === undefined) byRun.set(message.run, [...message.parts])
      else parts.push(...message.parts)
    } else if (message.role === "user") asked.push(message)
  }
  const turns: Turn[] = []
  const runs = [...view.runs.filter((run) => run.parent === undefined)]
  for (const [place, message] of asked.entries()) {
    const until = asked[place + 1]?.at
    const mine: ViewRun[] = []
    while (runs[0] !== undefined && (until === undefined || runs[0].acceptedAt < until))
      mine.push(runs.shift() as ViewRun)
    if (mine.length === 0)
      turns.push({ id: message.id, question: questionOf(message), run: undefined, parts: [], asks: [] })
    for (const [index, run] of mine.entries()) {
      turns.push({
        id: index === 0 ? message.id : run.id,
        question: questionOf(message),
        run,
        parts: byRun.get(run.id) ?? [],
        asks: asksOf(run)
      })
    }
  }
  for (const run of runs)
    turns.push({ id: run.id, question: "", run, parts: byRun.get(run.id) ?? [], asks: asksOf(run) })
  return turns
}

const questionOf = (message: ViewMessage): string =>
  message.parts.map((part) => (part.type === "text" ? part.text : "")).join("\n")

export const isActive = (run: ViewRun | undefined): boolean => run !== undefined && run.state !== "finished"
/** The run that Stop and a steer go to: the newest unfinished one. */
export const activeRun = (view: Pick<View, "runs">): ViewRun | undefined =>
  view.runs.findLast((run) => isActive(run) && run.parent === undefined)

export const texts = (parts: readonly ViewPart[]): ViewText[] => parts.filter((part) => part.type === "text")
export const tools = (parts: readonly ViewPart[]): ViewTool[] => parts.filter((part) => part.type === "tool")
export const reasonings = (parts: readonly ViewPart[]): ViewReasoning[] =>
  parts.filter((part) => part.type === "reasoning")
/** Each once, in the order in which they were first cited. */
export const sources = (parts: readonly ViewPart[]): ViewSource[] => [
  ...new Map(parts.flatMap((part) => (part.type === "source" ? [[part.url ?? part.id, part] as const] : []))).values()
]
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`
