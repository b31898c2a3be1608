/**
 * Folding what messages are made of: posted parts, streamed text and reasoning, tool calls, files, sources, data.
 *
 * Every function answers whether the event fits what came before it.
 */
import type {
  ContentErased,
  Custom,
  FileAdded,
  Id,
  MessagePosted,
  ReasoningDelta,
  ReasoningFinished,
  ReasoningStarted,
  Role,
  SourceCited,
  TextDelta,
  TextFinished,
  TextStarted,
  ToolCalled,
  ToolDelta,
  ToolFinished,
  ToolProgress,
  ToolStarted
} from "../protocol/Event.ts"
import type { Entry } from "../protocol/Entry.ts"
import type { Json } from "../protocol/Json.ts"
import type { ViewPart, ViewReasoning, ViewText, ViewTool } from "../protocol/View.ts"
import {
  addMessage,
  listOf,
  omit,
  ownMessage,
  ownPart,
  ownParts,
  pick,
  type Folding,
  type Place,
  type RunPlace
} from "./foldState.ts"

export const messagePosted = (
  folding: Folding,
  _: RunPlace | undefined,
  event: MessagePosted,
  { at, offset }: Entry
): boolean => {
  if (folding.messages.has(event.message)) return false
  const parts = event.parts.map((part, index) => {
    const id = part.type === "data" ? "" : `${index}`
    return { ...part, id, ...(part.type === "text" ? { state: "done" } : {}), offset } as ViewPart
  })
  addMessage(folding, { id: event.message, role: event.role, parts, ...pick(event, "run", "by", "name", "after"), at })
  const replaced = folding.messages.get(event.replaces!)
  if (replaced !== undefined) ownMessage(folding, replaced).replacedBy = event.message
  return true
}

interface InMessage {
  readonly run?: Id
  readonly message: Id
  readonly step?: Id
  readonly role?: Role
}
/** The message that a part goes into; the first part makes it. */
const messageOf = (folding: Folding, event: InMessage, { at }: Entry): number =>
  folding.messages.get(event.message) ??
  addMessage(folding, { id: event.message, role: event.role ?? "assistant", parts: [], ...pick(event, "run"), at })

/** What does not stream and has an id replaces its earlier value. */
const addPart = (folding: Folding, event: InMessage, entry: Entry, part: ViewPart): Place => {
  const message = messageOf(folding, event, entry)
  const parts = ownParts(folding, message)
  const isForeign = event.run !== ownMessage(folding, message).run
  const added = { ...part, ...pick(event, "step", ...(isForeign ? (["run"] as const) : [])) }
  const isSame = (old: ViewPart) =>
    old.type === part.type && old.id === part.id && (part.type !== "data" || part.name === (old as typeof part).name)
  const before = "state" in part || part.id === "" ? -1 : parts.findLastIndex(isSame)
  if (before < 0) return { message, part: parts.push(added) - 1 }
  parts[before] = { ...added, offset: parts[before]!.offset }
  return { message, part: before }
}

const begin = (
  folding: Folding,
  place: RunPlace,
  event: InMessage,
  entry: Entry,
  part: ViewText | ViewReasoning | ViewTool
): boolean => {
  const open = place.open![part.type]
  if (open.has(part.id)) return false
  open.set(part.id, addPart(folding, event, entry, part))
  return true
}
type OfText = TextStarted | TextDelta | TextFinished
type OfReasoning = ReasoningStarted | ReasoningDelta | ReasoningFinished
const kindOf = (event: OfText | OfReasoning) => (event.type.startsWith("text") ? "text" : "reasoning")

export const textStarted = (
  folding: Folding,
  place: RunPlace,
  event: TextStarted | ReasoningStarted,
  entry: Entry
): boolean =>
  begin(folding, place, event, entry, {
    type: kindOf(event),
    id: event.part,
    text: "",
    state: "streaming",
    ...pick(event as ReasoningStarted, "visible"),
    offset: entry.offset
  })
export const toolStarted = (folding: Folding, place: RunPlace, event: ToolStarted, entry: Entry): boolean => {
  const part: ViewTool = {
    type: "tool",
    id: event.call,
    ...pick(event, "name", "title", "executor"),
    state: "input",
    offset: entry.offset
  }
  const before = place.open!.tool.get(event.call)
  if (!before) return begin(folding, place, event, entry, part)
  // a resumed run begins the call again that its earlier epoch did not finish
  const old = ownPart<ViewTool>(folding, before)
  ownParts(folding, before.message)[before.part] = { ...part, ...pick(old, "step", "run", "offset") }
  return true
}
export const textDelta = (folding: Folding, place: RunPlace, event: TextDelta | ReasoningDelta): boolean => {
  const at = place.open![kindOf(event)].get(event.part)
  if (!at) return false
  ownPart<ViewText | ViewReasoning>(folding, at).text += event.text
  return true
}
export const textFinished = (folding: Folding, place: RunPlace, event: TextFinished | ReasoningFinished): boolean => {
  const open = place.open![kindOf(event)]
  const at = open.get(event.part)
  if (!at) return false
  Object.assign(ownPart(folding, at), pick(event as TextFinished, "citations"), { state: "done" })
  return open.delete(event.part)
}

export const toolChanged = (
  folding: Folding,
  place: RunPlace,
  event: ToolDelta | ToolCalled | ToolProgress | ToolFinished
): boolean => {
  const open = place.open!.tool
  const at = open.get(event.call)
  if (!at) return false
  const tool = ownPart<ViewTool>(folding, at)
  const called = (input: Json) => {
    tool.state = "running"
    tool.input = input
    delete tool.rawInput
  }
  switch (event.type) {
    case "tool.delta":
      if (tool.state !== "input") return false
      tool.rawInput = (tool.rawInput ?? "") + event.text
      break
    case "tool.called":
      called(event.input)
      break
    case "tool.progress": {
      const shown = event.output ?? tool.output ?? ""
      if (event.append !== undefined && typeof shown !== "string") return false
      Object.assign(tool, pick(event, "label", "fraction", "output"))
      if (event.append !== undefined) tool.output = (shown as string) + event.append
      break
    }
    case "tool.finished": {
      const { outcome } = event
      if (outcome.type === "invalid") called(outcome.input)
      if (outcome.type === "ok") Object.assign(tool, pick(outcome, "output"))
      tool.state = "done"
      tool.outcome = outcome
      open.delete(event.call)
    }
  }
  return true
}

export const fileAdded = (folding: Folding, _: RunPlace, event: FileAdded | SourceCited, entry: Entry): boolean => {
  const which = event.type === "file.added" ? { type: "file", id: event.file } : { type: "source", id: event.source }
  const shown = pick(event as SourceCited, "title", "url", "mediaType", "name")
  addPart(folding, event, entry, { ...which, ...shown, offset: entry.offset } as ViewPart)
  return true
}
/** Only what belongs to a message is shown in the view; the rest is for those who listen to events. */
export const custom = (folding: Folding, _: RunPlace | undefined, event: Custom, entry: Entry): boolean => {
  const { id = "", message, name, value } = event
  if (event.transient === true || message === undefined) return true
  if (event.run === undefined && !folding.messages.has(message)) return false
  addPart(folding, { message, ...pick(event, "run") }, entry, { type: "data", id, name, value, offset: entry.offset })
  return true
}

/** Parts begun in the erased entries stay, empty: their ids may be referred to. */
export const contentErased = (folding: Folding, _: RunPlace | undefined, event: ContentErased): boolean => {
  listOf(folding.pages).forEach((message, at) => {
    message.parts.forEach((part, index) => {
      if (event.offsets.some(([from, to]) => from <= part.offset && part.offset <= to))
        ownParts(folding, at)[index] = emptied(part)
    })
  })
  return true
}
const emptied = (part: ViewPart): ViewPart => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return { ...omit(part as ViewText, "citations"), text: "" }
    case "tool":
      return omit(part, "title", "rawInput", "input", "label", "output", "outcome")
    case "file":
      return { ...omit(part, "name"), url: "" }
    case "source":
      return omit(part, "title", "url", "name")
    default:
      return { ...part, value: null }
  }
}
