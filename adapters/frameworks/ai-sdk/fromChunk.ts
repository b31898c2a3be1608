/**
 * From the AI SDK's UI message chunks to our events: one function per kind of chunk, all 29 and `data-*`.
 *
 * Pure, and the inverse of `toChunk.ts`: what that writes for want of a word (`data-throughline.<type>`) becomes
 * the event again. A chunk of a later version becomes a custom event at run time and breaks the build here.
 */
import type { UIMessageChunk } from "ai"
import type { KnownEvent } from "../../../src/protocol/Event.ts"
import { checkEvent } from "../../../src/protocol/guard.ts"
import { textEnd } from "./map.ts"
import * as say from "./say.ts"
import type { CallStart, Open, Said, Step } from "./say.ts"

type Chunk = UIMessageChunk
type Fixed = Exclude<Chunk["type"], `data-${string}`>
type ChunkOf<T extends Fixed> = Extract<Chunk, { readonly type: T }>

/** Where our own words travel in chunks that have a place for more: `providerMetadata.throughline`. */
const ours = (chunk: { readonly providerMetadata?: unknown }): Readonly<Record<string, unknown>> =>
  ((chunk.providerMetadata as { readonly throughline?: Record<string, unknown> } | undefined)?.throughline ??
    {}) as never
const startOf = (chunk: {
  readonly toolName: string
  readonly title?: string
  readonly providerExecuted?: boolean
  readonly dynamic?: boolean
  readonly inputEncoding?: "json" | "text"
}): CallStart => ({
  name: chunk.toolName,
  title: chunk.title,
  providerExecuted: chunk.providerExecuted,
  dynamic: chunk.dynamic,
  encoding: chunk.inputEncoding
})
const metadata = (state: Open, value: unknown): Step =>
  value === undefined
    ? say.nothing(state)
    : [state, [{ type: "custom", name: "message-metadata", value: say.toJson(value), message: state.message }]]
const one = (state: Open, event: Said): Step => [state, [event]]

const MAP: { readonly [T in Fixed]: (state: Open, chunk: ChunkOf<T>) => Step } = {
  start: (state, chunk) =>
    say.both(one(state, { type: "run.started", epoch: 1 }), (next) => metadata(next, chunk.messageMetadata)),
  finish: (state, chunk) =>
    say.both(metadata(state, chunk.messageMetadata), (next) =>
      one(next, {
        type: "run.finished",
        outcome: { type: "completed", ...say.compact({ reason: chunk.finishReason }) }
      })
    ),
  abort: (state, chunk) =>
    say.both(say.closeAll(state, "interrupted"), (next) =>
      one(next, { type: "run.finished", outcome: { type: "cancelled", ...say.compact({ reason: chunk.reason }) } })
    ),
  error: (state, chunk) =>
    say.both(say.closeAll(state, "error"), (next) =>
      one(next, { type: "run.finished", outcome: { type: "failed", error: say.toFault(chunk.errorText) } })
    ),
  "message-metadata": (state, chunk) => metadata(state, chunk.messageMetadata),
  "start-step": (state) => say.stepStarted(state, "model"),
  "finish-step": (state) => say.stepFinished(state, "completed"),
  "reset-step": (state) => say.stepFinished(state, "discarded"),
  "text-start": (state, chunk) => say.partStarted(state, "text", chunk.id),
  "text-delta": (state, chunk) => say.partDelta(state, "text", chunk.id, chunk.delta),
  "text-end": (state, chunk) => textEnd(state, chunk.id, chunk.citations),
  "reasoning-start": (state, chunk) => {
    const { visible } = ours(chunk)
    return say.partStarted(
      state,
      "reasoning",
      chunk.id,
      visible === "summary" || visible === "redacted" ? visible : "full"
    )
  },
  "reasoning-delta": (state, chunk) => say.partDelta(state, "reasoning", chunk.id, chunk.delta),
  "reasoning-end": (state, chunk) => say.partFinished(state, "reasoning", chunk.id),
  "tool-input-start": (state, chunk) => say.callStarted(state, chunk.toolCallId, startOf(chunk)),
  "tool-input-delta": (state, chunk) => say.callDelta(state, chunk.toolCallId, chunk.inputTextDelta),
  "tool-input-available": (state, chunk) => say.called(state, chunk.toolCallId, startOf(chunk), chunk.input),
  "tool-input-error": (state, chunk) => {
    const isStarted = state.calls.get(chunk.toolCallId)?.phase === "input"
    return say.both(isStarted ? say.nothing(state) : say.callStarted(state, chunk.toolCallId, startOf(chunk)), (next) =>
      say.callFinished(next, chunk.toolCallId, {
        type: "invalid",
        input: say.toJson(chunk.input),
        error: say.toFault(chunk.errorText)
      })
    )
  },
  "tool-output-available": (state, chunk) =>
    chunk.preliminary === true
      ? say.callProgress(state, chunk.toolCallId, chunk.output)
      : say.callFinished(state, chunk.toolCallId, { type: "ok", output: say.toJson(chunk.output) }),
  "tool-output-error": (state, chunk) =>
    say.callFinished(state, chunk.toolCallId, { type: "failed", error: say.toFault(chunk.errorText) }),
  "tool-output-denied": (state, chunk) => say.callFinished(state, chunk.toolCallId, { type: "denied" }),
  "tool-approval-request": (state, chunk) =>
    one(state, {
      type: "ask.opened",
      ask: chunk.approvalId,
      kind: "approval",
      prompt: "Run this tool?",
      call: say.callOf(state, chunk.toolCallId),
      expiresAt: state.askExpiresAt,
      ...say.compact({ reason: chunk.reason })
    }),
  "tool-approval-response": (state, chunk) =>
    one(state, {
      type: "ask.resolved",
      ask: chunk.approvalId,
      answer: chunk.approved ? { type: "approved" } : { type: "denied", ...say.compact({ reason: chunk.reason }) },
      resolver: "person"
    }),
  "source-url": (state, chunk) => say.sourceCited(state, chunk.sourceId, { url: chunk.url, title: chunk.title }),
  "source-document": (state, chunk) =>
    say.sourceCited(state, chunk.sourceId, { title: chunk.title, mediaType: chunk.mediaType, name: chunk.filename }),
  file: (state, chunk) => say.fileAdded(state, chunk.url, chunk.mediaType, "output"),
  "reasoning-file": (state, chunk) => say.fileAdded(state, chunk.url, chunk.mediaType, "reasoning"),
  custom: (state, chunk) => one(state, { type: "custom", name: chunk.kind, value: null }),
  "steering-message": (state, chunk) =>
    one(state, {
      type: "interrupt.applied",
      interrupt: chunk.id,
      ...say.compact({ step: state.step }),
      outcome: { type: "applied" }
    } as Said)
}

/** `data-throughline.<type>` is one of our events, if it still is one; any other name is the application's. */
const data = (
  state: Open,
  chunk: { readonly type: string; readonly id?: string; readonly data?: unknown; readonly transient?: boolean }
): Step => {
  const name = chunk.type.slice("data-".length)
  if (name.startsWith("throughline.")) {
    const checked = checkEvent({ ...(chunk.data as object), run: "run" })
    if (checked.ok && `throughline.${checked.event.type}` === name) {
      const { run: _, ...event } = checked.event as KnownEvent & { readonly run?: string }
      return one(state, event as Said)
    }
  }
  return one(state, {
    type: "custom",
    name,
    value: say.toJson(chunk.data),
    ...say.compact({ id: chunk.id, transient: chunk.transient })
  } as Said)
}

/** What one chunk says. Never throws for a chunk it does not know: that is a custom event. */
export const fromChunk = (state: Open, chunk: Chunk): Step => {
  if (chunk.type.startsWith("data-")) return data(state, chunk as { readonly type: string })
  if (!Object.hasOwn(MAP, chunk.type))
    return one(state, { type: "custom", name: `ai-sdk.${chunk.type}`, value: say.toJson(chunk) })
  return (MAP[chunk.type as Fixed] as (state: Open, chunk: Chunk) => Step)(state, chunk)
}
