/** What a model should know of the thread: its messages, as the view has them, without what is not said. */
import type { MessagePart } from "../protocol/Event.ts"
import type { View, ViewMessage, ViewPart } from "../protocol/View.ts"
import type { HistoryMessage, HistoryPart } from "./Run.ts"

/**
 * Messages before `run`, its prompt last; replaced ones are left out. The newest `limit`.
 *
 * What was said before is decided by where the run was accepted: a run that waited in the queue knows the answers
 * of those before it, and no run knows the prompts and answers of those behind it.
 */
export const historyOf = (
  view: View,
  run: { readonly id: string; readonly offset: number; readonly prompt: string | undefined },
  limit: number
): readonly HistoryMessage[] => {
  const own = view.runs.findIndex(({ id }) => id === run.id)
  const later = new Set(view.runs.slice(own < 0 ? view.runs.length : own).map(({ id }) => id))
  const before = view.messages.filter((message) => {
    if (message.replacedBy !== undefined || message.id === run.prompt) return false
    return message.run === undefined ? (message.parts[0]?.offset ?? 0) <= run.offset : !later.has(message.run)
  })
  const prompt = view.messages.filter((message) => message.id === run.prompt)
  return limit <= 0 ? [] : [...before, ...prompt].slice(-limit).map(historyMessage)
}

const historyMessage = (message: ViewMessage): HistoryMessage => ({
  id: message.id,
  role: message.role,
  parts: message.parts.flatMap(historyPart),
  at: message.at,
  ...(message.by === undefined ? {} : { by: message.by }),
  ...(message.run === undefined ? {} : { run: message.run })
})

const historyPart = (part: ViewPart): readonly HistoryPart[] => {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [{ type: "text", text: part.text }]
    case "reasoning":
      return part.visible === "redacted" || part.text === "" ? [] : [{ type: "reasoning", text: part.text }]
    case "tool":
      if (part.input === undefined || part.outcome === undefined) return []
      return [{ type: "tool", call: part.id, name: part.name, input: part.input, outcome: part.outcome }]
    case "file":
      return [
        {
          type: "file",
          url: part.url,
          mediaType: part.mediaType,
          ...(part.name === undefined ? {} : { name: part.name })
        }
      ]
    case "data":
      return [{ type: "data", name: part.name, value: part.value } satisfies MessagePart]
    case "source":
      return []
  }
}
