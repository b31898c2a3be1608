/**
 * From a thread's history to the messages that a model of the AI SDK gets.
 *
 * Reasoning is left out: without the provider's own signatures, which are not in the log, providers refuse it. A
 * call without an outcome that a model understands is reported to it as one that failed.
 */
import type { ModelMessage, ToolCallPart, ToolResultPart } from "ai"
import type { HistoryMessage, HistoryPart } from "../../../src/agent/Run.ts"
import type { MessagePart, ToolOutcome } from "../../../src/protocol/Event.ts"

type Content = Extract<ModelMessage, { readonly role: "user" }>["content"]
type UserPart = Exclude<Content, string>[number]
type ToolOutput = ToolResultPart["output"]
type ToolPart = Extract<HistoryPart, { readonly type: "tool" }>

const textOf = (part: MessagePart): string =>
  part.type === "text" ? part.text : part.type === "data" ? `${part.name}: ${JSON.stringify(part.value)}` : part.url
/** A `data:` URL as the base64 in it, any other URL as a URL that the provider may fetch. */
const dataOf = (url: string): string | URL => {
  const match = /^data:[^,]*;base64,(.*)$/s.exec(url)
  return match === null ? new URL(url) : match[1]!
}
const userPart = (part: MessagePart): UserPart =>
  part.type === "file" && URL.canParse(part.url)
    ? {
        type: "file",
        data: dataOf(part.url),
        mediaType: part.mediaType,
        ...(part.name === undefined ? {} : { filename: part.name })
      }
    : { type: "text", text: textOf(part) }

const outputOf = (outcome: ToolOutcome): ToolOutput => {
  switch (outcome.type) {
    case "ok":
      return outcome.output === undefined && outcome.parts !== undefined
        ? { type: "text", value: outcome.parts.map(textOf).join("\n") }
        : typeof outcome.output === "string"
          ? { type: "text", value: outcome.output }
          : { type: "json", value: (outcome.output ?? null) as never }
    case "failed":
    case "invalid":
      return { type: "error-text", value: outcome.error.message }
    case "denied":
      return { type: "execution-denied", ...(outcome.reason === undefined ? {} : { reason: outcome.reason }) }
    case "cancelled":
      return { type: "error-text", value: "The call was cancelled." }
    case "unknown":
      return { type: "error-text", value: "Whether the call took effect is not known." }
  }
}
const isTool = (part: HistoryPart): part is ToolPart => part.type === "tool"

/** An assistant's message; a result follows the call it answers, and text after it begins a new message. */
const assistant = (message: HistoryMessage): ModelMessage[] => {
  const messages: ModelMessage[] = []
  let content: (ToolCallPart | UserPart)[] = []
  let calls: ToolPart[] = []
  const flush = (): void => {
    if (content.length > 0) messages.push({ role: "assistant", content: content as never })
    if (calls.length > 0) {
      const results = calls.map((part): ToolResultPart => ({
        type: "tool-result",
        toolCallId: part.call,
        toolName: part.name,
        output: outputOf(part.outcome)
      }))
      messages.push({ role: "tool", content: results })
    }
    content = []
    calls = []
  }
  for (const part of message.parts) {
    if (part.type === "reasoning") continue
    if (isTool(part)) {
      calls.push(part)
      content.push({ type: "tool-call", toolCallId: part.call, toolName: part.name, input: part.input })
      continue
    }
    if (calls.length > 0) flush()
    content.push(userPart(part))
  }
  flush()
  return messages
}

/** Oldest first, as `history()` answers. Messages with nothing that a model reads are left out. */
export const toModelMessages = (history: readonly HistoryMessage[]): ModelMessage[] =>
  history.flatMap((message): ModelMessage[] => {
    const parts = message.parts.filter(
      (part): part is MessagePart => part.type === "text" || part.type === "file" || part.type === "data"
    )
    switch (message.role) {
      case "assistant":
      case "tool":
        return assistant(message)
      case "user":
        return parts.length === 0 ? [] : [{ role: "user", content: parts.map(userPart) }]
      case "system":
      case "developer":
        return parts.length === 0 ? [] : [{ role: "system", content: parts.map(textOf).join("\n") }]
    }
  })
