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
import type { ViewData, ViewFile, ViewPart, ViewReasoning, ViewText, ViewTool } from "../protocol/View.ts"
import {
  addMessage,
  listOf,
  ownMessage,
  ownPart,
  ownParts,
  pick,
  type Folding,
  type Place,
  type RunPlace,
  type Streamed
} from "./foldState.ts"

export const messagePosted = (
  folding: Folding,
  _: RunPlace | undefined,
  { type: _type, message: id, replaces, meta, ...event }: MessagePosted,
  { at, offset }: Entry
): boolean => {
  if (folding.messages.has(id)) return false
  const parts = event.parts.map(
    (part, index) =>
      ({
        ...part,
        id: part.type === "data" ? "" : `${index}`,
        ...(part.type === "text" && { state: "done" }),
        offset
      }) as ViewPart
  )
  addMessage(folding, { ...event, id, parts, at })
  const replaced = folding.messages.get(replaces!)
  if (replaced !== undefined) ownMessage(folding, replaced).replacedBy = id
  return true
}

interface InMessage {
  readonly type: string
  readonly run?: Id
  readonly message: Id
  readonly role?: Role
}
/**
 * Adds `part` with all that the event says of it to its message, which the first part makes. What does not stream and
 * has an id replaces its earlier value; `known` is where the part is already.
 */
const addPart = (
  folding: Folding,
  { type: _type, run, message: id, role = "assistant", ...shown }: InMessage,
  { at, offset }: Entry,
  part: Pick<ViewPart, "type" | "id"> & { readonly name?: string; readonly state?: string; readonly text?: string },
  known?: Place
): Place => {
  const ofRun = run === undefined ? {} : { run }
  const message =
    known?.message ?? folding.messages.get(id) ?? addMessage(folding, { id, role, parts: [], ...ofRun, at })
  const parts = ownParts(folding, message)
  const isSame = (old: ViewPart) =>
    old.type === part.type && old.id === part.id && (part.type !== "data" || part.name === (old as ViewData).name)
  const before = known?.part ?? (part.state || part.id === "" ? -1 : parts.findLastIndex(isSame))
  const index = before < 0 ? parts.length : before
  parts[index] = {
    ...shown,
    ...part,
    ...(run !== ownMessage(folding, message).run && ofRun),
    offset: parts[index]?.offset ?? offset
  } as ViewPart
  return { message, part: index }
}

const begin = (
  folding: Folding,
  place: RunPlace,
  event: InMessage,
  entry: Entry,
  part: { readonly type: Streamed; readonly id: Id; readonly state: string; readonly text?: string }
): boolean => {
  const open = place.open![part.type]
  const before = open.get(part.id)
  // a resumed run begins the call again that its earlier epoch did not finish
  if (before && part.type !== "tool") return false
  open.set(part.id, addPart(folding, event, entry, part, before))
  return true
}
type OfText = TextStarted | TextDelta | TextFinished
type OfReasoning = ReasoningStarted | ReasoningDelta | ReasoningFinished
const kindOf = (event: Pick<OfText | OfReasoning, "type">) => (event.type.startsWith("text") ? "text" : "reasoning")

export const textStarted = (
  folding: Folding,
  place: RunPlace,
  { part: id, ...event }: TextStarted | ReasoningStarted,
  entry: Entry
): boolean => begin(folding, place, event, entry, { type: kindOf(event), id, text: "", state: "streaming" })
export const toolStarted = (
  folding: Folding,
  place: RunPlace,
  { call: id, ...event }: ToolStarted,
  entry: Entry
): boolean => begin(folding, place, event, entry, { type: "tool", id, state: "input" })
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
  switch (event.type) {
    case "tool.delta":
      if (tool.state !== "input") return false
      tool.rawInput = (tool.rawInput ?? "") + event.text
      break
    case "tool.called":
      tool.state = "running"
      tool.input = event.input
      break
    case "tool.progress": {
      const { append } = event
      const shown = event.output ?? tool.output ?? ""
      if (append !== undefined && typeof shown !== "string") return false
      const output = append !== undefined && { output: (shown as string) + append }
      Object.assign(tool, pick(event, "label", "fraction", "output"), output)
      break
    }
    case "tool.finished": {
      const { outcome } = event
      const known: Partial<Pick<ViewTool, "input" | "output">> = outcome as object
      Object.assign(tool, pick(known, "input", "output"), { state: "done", outcome })
      open.delete(event.call)
    }
  }
  if (tool.input !== undefined) delete tool.rawInput
  return true
}

export const fileAdded = (folding: Folding, _: RunPlace, { file: id, ...event }: FileAdded, entry: Entry): boolean =>
  !!addPart(folding, event, entry, { type: "file", id })
export const sourceCited = (
  folding: Folding,
  _: RunPlace,
  { source: id, ...event }: SourceCited,
  entry: Entry
): boolean => !!addPart(folding, event, entry, { type: "source", id })
/** Only what belongs to a message is shown in the view; the rest is for those who listen to events. */
export const custom = (
  folding: Folding,
  _: RunPlace | undefined,
  { id = "", transient, message, ...event }: Custom,
  entry: Entry
): boolean => {
  if (transient === true || message === undefined) return true
  if (event.run === undefined && !folding.messages.has(message)) return false
  return !!addPart(folding, { ...event, message }, entry, { type: "data", id, name: event.name })
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
/** Unknown fields are content, too. */
const emptied = (part: ViewPart): ViewPart => {
  const { type } = part
  const kept = pick(
    part as ViewTool & ViewReasoning & ViewFile,
    ...(["id", "run", "step", "offset", "state", "visible", "executor", "mediaType"] as const),
    ...(type === "tool" || type === "data" ? (["name"] as const) : [])
  )
  return { ...kept, type, ...EMPTY[type] } as ViewPart
}
const EMPTY: Partial<Record<ViewPart["type"], object>> = {
  text: { text: "" },
  reasoning: { text: "" },
  file: { url: "" },
  data: { value: null }
}
