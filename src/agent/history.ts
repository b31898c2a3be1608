/** What a model should know of the thread: its messages, as the view has them, without what is not said. */
import type { MessagePart } from "../protocol/Event.ts"
import type { View, ViewMessage, ViewPart } from "../protocol/View.ts"
import type { HistoryMessage, HistoryPart } from "./Run.ts"

/** Messages before `run`'s own words, its prompt included; replaced ones are left out. The newest `limit`. */
export const historyOf = (view: View, run: string, limit: number): readonly HistoryMessage[] =>
  view.messages
    .filter((message) => message.run !== run && message.replacedBy === undefined)
    .slice(-limit)
    .map(historyMessage)

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
        { type: "file", url: part.url, mediaType: part.mediaType, ...(part.name === undefined ? {} : { name: part.name }) }
      ]
    case "data":
      return [{ type: "data", name: part.name, value: part.value } satisfies MessagePart]
    case "source":
      return []
  }
}
