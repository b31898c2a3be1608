/**
 * What `fromAgUi.ts` remembers of a stream, and how it reads the values inside events.
 */
import type { Id, KnownEvent, MessagePart, Usage } from "../../../src/protocol/Event.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { compact, oursOf } from "./words.ts"
import type { AgUiOf } from "./words.ts"

export interface Heard {
  readonly run: Id
  /** The message that calls without a parent belong to. */
  readonly message: Id
  /** When asks without an expiry of their own expire. */
  readonly askExpiresAt: string
  readonly made: number
  /** Names of open steps, newest last, with our ids. */
  readonly steps: readonly (readonly [name: string, step: Id])[]
  /** Input of open calls, as it was said; whole where it was said at once. */
  readonly inputs: ReadonlyMap<string, { readonly text: string; readonly isWhole: boolean }>
  /** Text of messages that are posted whole. */
  readonly posted: ReadonlyMap<string, { readonly start: AgUiOf<"TEXT_MESSAGE_START">; readonly text: string }>
  /** What the shorthand chunks have open. */
  readonly chunk?: { readonly kind: "text" | "reasoning" | "tool"; readonly id: string }
  readonly docs: ReadonlySet<string>
}
export type Step = readonly [Heard, readonly KnownEvent[]]
export const heard = (options: { readonly run: Id; readonly message: Id; readonly askExpiresAt: string }): Heard => ({
  ...options,
  made: 0,
  steps: [],
  inputs: new Map(),
  posted: new Map(),
  docs: new Set()
})
export const only = (state: Heard, ...events: readonly KnownEvent[]): Step => [state, events]
export const runOf = (state: Heard, event: { readonly subagentRunId?: string | undefined }): Id =>
  event.subagentRunId ?? state.run
export const mayRun = (
  state: Heard,
  event: { readonly subagentRunId?: string | undefined; readonly metadata?: unknown }
): { readonly run?: Id } => (oursOf(event)["run"] === null ? {} : { run: runOf(state, event) })
export const withEntry = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> =>
  new Map(map).set(key, value)

export const usageOf = (usage: AgUiOf<"RUN_FINISHED">["usage"]): { readonly usage?: readonly Usage[] } =>
  usage === undefined
    ? {}
    : {
        usage: usage.map(
          (count) =>
            compact({
              provider: count.provider,
              model: count.model,
              input: count.inputTokens,
              output: count.outputTokens,
              total: count.totalTokens,
              reasoning: count.reasoningTokens,
              cachedInput: count.cachedInputTokens,
              cacheWrite: count.cacheWriteInputTokens
            }) as Usage
        )
      }
type Content = AgUiOf<"TOOL_CALL_RESULT">["content"]
export const partsOf = (content: Content): readonly MessagePart[] =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((part): MessagePart => {
        if (part.type === "text") return { type: "text", text: part.text }
        const source = part.source as { readonly type: string; readonly value?: string; readonly mimeType?: string }
        const mediaType = source.mimeType ?? "application/octet-stream"
        return source.type === "file"
          ? { type: "data", name: part.type, value: source as Json }
          : {
              type: "file",
              mediaType,
              url: source.type === "data" ? `data:${mediaType};base64,${source.value}` : (source.value ?? "")
            }
      })
export const parsed = (text: string): Json => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}
/** Several messages at once: each as if it had been posted. */
export const posted = (
  state: Heard,
  message: AgUiOf<"MESSAGES_SNAPSHOT">["messages"][number]
): readonly KnownEvent[] => {
  if (message.role === "activity" || message.role === "reasoning") return []
  const content = message.content as Content | undefined
  const parts = content === undefined || content === "" ? [] : partsOf(content)
  return [{ type: "message.posted", run: state.run, message: message.id, role: message.role, parts }]
}
