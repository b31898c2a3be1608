/**
 * From the AI SDK's `fullStream` to our events: one function per kind of part, all 28 of them.
 *
 * Pure. A part of a later version becomes a custom event at run time and breaks the build here. What watchers must
 * not see stays behind: `raw` parts, provider metadata, requests and responses.
 */
import type { FinishReason, LanguageModelUsage, ProviderMetadata, TextStreamPart, ToolSet } from "ai"
import type { Usage } from "../../../src/protocol/Event.ts"
import * as say from "./say.ts"
import type { Open, Step } from "./say.ts"

type Part = TextStreamPart<ToolSet>
type PartOf<T extends Part["type"]> = Extract<Part, { readonly type: T }>

/** How much of the reasoning a watcher gets to read, as far as providers say. */
const visibleOf = (metadata: ProviderMetadata | undefined): "full" | "summary" | "redacted" => {
  if (metadata === undefined) return "full"
  if (
    Object.values(metadata).some((fields) => typeof fields === "object" && fields !== null && "redactedData" in fields)
  )
    return "redacted"
  return "openai" in metadata || "azure" in metadata ? "summary" : "full"
}

/** Token counts in our words; counts that a provider does not give are left out. */
export const toUsage = (usage: LanguageModelUsage, model?: string): Usage =>
  say.compact({
    model,
    input: usage.inputTokens,
    output: usage.outputTokens,
    total: usage.totalTokens,
    reasoning: usage.outputTokenDetails?.reasoningTokens,
    cachedInput: usage.inputTokenDetails?.cacheReadTokens,
    cacheWrite: usage.inputTokenDetails?.cacheWriteTokens
  })

const MAP: { readonly [T in Part["type"]]: (state: Open, part: PartOf<T>) => Step } = {
  start: (state) => [state, [{ type: "run.started", epoch: 1 }]],
  finish: (state, part) => [
    state,
    [
      {
        type: "run.finished",
        outcome: { type: "completed", reason: part.finishReason },
        usage: [toUsage(part.totalUsage)]
      }
    ]
  ],
  abort: (state, part) =>
    say.both(say.closeAll(state, "interrupted"), (next) => [
      next,
      [{ type: "run.finished", outcome: { type: "cancelled", ...say.compact({ reason: part.reason }) } }]
    ]),
  error: (state, part) =>
    say.both(say.closeAll(state, "error"), (next) => [
      next,
      [{ type: "run.finished", outcome: { type: "failed", error: say.toFault(part.error) } }]
    ]),
  raw: say.nothing,
  ping: say.nothing,
  "start-step": (state) => say.stepStarted(state, "model"),
  "finish-step": (state, part) =>
    say.stepFinished(state, part.finishReason === "error" ? "failed" : "completed", {
      reason: part.finishReason satisfies FinishReason,
      usage: [toUsage(part.usage, part.response.modelId)]
    }),
  "text-start": (state, part) => say.partStarted(state, "text", part.id),
  "text-delta": (state, part) => say.partDelta(state, "text", part.id, part.text),
  "text-end": (state, part) => textEnd(state, part.id, part.citations),
  "reasoning-start": (state, part) => say.partStarted(state, "reasoning", part.id, visibleOf(part.providerMetadata)),
  "reasoning-delta": (state, part) => say.partDelta(state, "reasoning", part.id, part.text),
  "reasoning-end": (state, part) => say.partFinished(state, "reasoning", part.id),
  "reasoning-file": (state, part) => say.fileAdded(state, dataUrl(part.file), part.file.mediaType, "reasoning"),
  file: (state, part) => say.fileAdded(state, dataUrl(part.file), part.file.mediaType, "output"),
  source: (state, part) => sourceOf(state, part),
  custom: (state, part) => [state, [{ type: "custom", name: part.kind, value: null }]],
  "tool-input-start": (state, part) =>
    say.callStarted(state, part.id, {
      name: part.toolName,
      title: part.title,
      providerExecuted: part.providerExecuted,
      dynamic: part.dynamic,
      encoding: part.inputEncoding
    }),
  "tool-input-delta": (state, part) => say.callDelta(state, part.id, part.delta),
  "tool-input-end": say.nothing,
  "tool-call": (state, part) => {
    const start = {
      name: part.toolName,
      title: part.title,
      providerExecuted: part.providerExecuted,
      dynamic: part.dynamic
    }
    if (part.invalid !== true) return say.called(state, part.toolCallId, start, part.input)
    const isStarted = state.calls.get(part.toolCallId)?.phase === "input"
    return say.both(isStarted ? say.nothing(state) : say.callStarted(state, part.toolCallId, start), (next) =>
      say.callFinished(next, part.toolCallId, {
        type: "invalid",
        input: say.toJson(part.input),
        error: say.toFault(part.error)
      })
    )
  },
  "tool-result": (state, part) =>
    part.preliminary === true
      ? say.callProgress(state, part.toolCallId, part.output)
      : say.callFinished(state, part.toolCallId, { type: "ok", output: say.toJson(part.output) }),
  "tool-error": (state, part) =>
    say.callFinished(state, part.toolCallId, { type: "failed", error: say.toFault(part.error) }),
  "tool-output-denied": (state, part) => say.callFinished(state, part.toolCallId, { type: "denied" }),
  "tool-approval-request": (state, part) => [
    state,
    [
      {
        type: "ask.opened",
        ask: part.approvalId,
        kind: "approval",
        prompt: `Run ${part.toolCall.toolName}?`,
        call: say.callOf(state, part.toolCall.toolCallId),
        expiresAt: state.askExpiresAt,
        ...say.compact({ reason: part.reason })
      }
    ]
  ],
  "tool-approval-response": (state, part) => [
    state,
    [
      {
        type: "ask.resolved",
        ask: part.approvalId,
        answer: part.approved ? { type: "approved" } : { type: "denied", ...say.compact({ reason: part.reason }) },
        resolver: "policy"
      }
    ]
  ],
  "steering-message": (state, part) => [
    state,
    [
      {
        type: "interrupt.applied",
        interrupt: part.id,
        ...(state.step === undefined ? {} : { step: state.step }),
        outcome: { type: "applied" }
      }
    ]
  ]
}

type SdkSource = PartOf<"source">
const sourceOf = (
  state: Open,
  source: Pick<SdkSource, "id" | "sourceType"> & Partial<Record<"url" | "title" | "mediaType" | "filename", string>>
): Step =>
  say.sourceCited(state, source.id, {
    title: source.title,
    url: source.url,
    mediaType: source.mediaType,
    name: source.filename
  })

/** Ends a text; sources that only its citations name are cited first. Shared with `fromChunk.ts`. */
export const textEnd = (state: Open, id: string, citations: PartOf<"text-end">["citations"]): Step => {
  if (citations === undefined || citations.length === 0) return say.partFinished(state, "text", id)
  const cited = citations.reduce<Step>(
    (step, citation) => say.both(step, (next) => sourceOf(next, citation.source)),
    say.nothing(state)
  )
  const ours = citations.map((citation) => ({
    source: citation.source.id,
    ...say.compact({ start: citation.startIndex, end: citation.endIndex, quote: citation.citedText })
  }))
  return say.both(cited, (next) => say.partFinished(next, "text", id, { citations: ours }))
}
const dataUrl = (file: PartOf<"file">["file"]): string => `data:${file.mediaType};base64,${file.base64}`

/** What one part says. Never throws for a part it does not know: that is a custom event. */
export const fromPart = (state: Open, part: Part): Step => {
  if (!Object.hasOwn(MAP, part.type))
    return [
      state,
      [{ type: "custom", name: `ai-sdk.${String((part as { type: unknown }).type)}`, value: say.toJson(part) }]
    ]
  return (MAP[part.type] as (state: Open, part: Part) => Step)(state, part)
}
