/**
 * From our events to the AI SDK's UI message chunks: one function per type of event.
 *
 * Pure. For what the SDK has no word, the whole event travels as `data-throughline.<type>`, and `fromChunk.ts`
 * turns it back. The README lists what is said so, and what is lost.
 */
import type { UIMessageChunk } from "ai"
import type { EventType, Id, KnownEvent, SourceCited, ToolStarted, UnknownEvent } from "../../../src/protocol/Event.ts"
import { compact } from "./say.ts"

type Chunk = UIMessageChunk
type EventOf<T extends EventType> = Extract<KnownEvent, { readonly type: T }>

type SteerPart = Extract<Chunk, { readonly type: "steering-message" }>["parts"][number]
/** What later events refer to: what a call was named, what a source is, which asks are about calls. */
export interface Told {
  readonly message: Id
  readonly calls: ReadonlyMap<Id, ToolStarted>
  readonly sources: ReadonlyMap<Id, SourceCited>
  readonly approvals: ReadonlySet<Id>
  readonly steers: ReadonlyMap<Id, readonly SteerPart[]>
}
type Step = readonly [Told, readonly Chunk[]]
export const told = (message: Id): Told => ({
  message,
  calls: new Map(),
  sources: new Map(),
  approvals: new Set(),
  steers: new Map()
})

/** An event for which there is no word, whole. `id` makes a later one replace an earlier one. */
const noWord = (event: KnownEvent | UnknownEvent, id?: string): Chunk => {
  const { run: _, ...data } = event as UnknownEvent
  return { type: `data-throughline.${event.type}`, data, ...compact({ id }) } as Chunk
}
const only = (told: Told, ...chunks: readonly Chunk[]): Step => [told, chunks]
const isKind = (name: string): name is `${string}.${string}` =>
  /^[^.]+\..+$/.test(name) && !name.startsWith("throughline.")

type Source = NonNullable<Extract<Chunk, { readonly type: "text-end" }>["citations"]>[number]["source"]
const sdkSource = ({ source, url, title, mediaType, name }: SourceCited): Source =>
  url !== undefined
    ? { type: "source", sourceType: "url", id: source, url, ...compact({ title }) }
    : {
        type: "source",
        sourceType: "document",
        id: source,
        mediaType: mediaType ?? "text/plain",
        title: title ?? name ?? source,
        ...compact({ filename: name })
      }
const toolFields = ({ title, executor, dynamic }: ToolStarted) => ({
  ...compact({ title, dynamic }),
  ...(executor === "provider" ? { providerExecuted: true } : {})
})

const MAP: { readonly [T in EventType]: (told: Told, event: EventOf<T>) => Step } = {
  "run.accepted": (told, event) => only(told, noWord(event)),
  "run.started": (told, event) =>
    event.epoch === 1 ? only(told, { type: "start", messageId: told.message }) : only(told, noWord(event)),
  "run.status": (told, event) => only(told, noWord(event, "status")),
  "run.heartbeat": (told) => only(told),
  "run.suspended": (told, event) =>
    event.why === "asked" ? only(told, { type: "finish", finishReason: "tool-calls" }) : only(told, noWord(event)),
  "run.finished": (told, { outcome }) =>
    only(
      told,
      outcome.type === "completed"
        ? { type: "finish", ...compact({ finishReason: outcome.reason }) }
        : outcome.type === "cancelled"
          ? { type: "abort", ...compact({ reason: outcome.reason }) }
          : { type: "error", errorText: outcome.error.message }
    ),
  "step.started": (told) => only(told, { type: "start-step" }),
  "step.finished": (told, event) => only(told, { type: event.outcome === "discarded" ? "reset-step" : "finish-step" }),
  "message.posted": (told, event) => only(told, noWord(event, event.message)),
  "text.started": (told, event) => only(told, { type: "text-start", id: event.part }),
  "text.delta": (told, event) => only(told, { type: "text-delta", id: event.part, delta: event.text }),
  "text.finished": (told, event) => {
    const citations = (event.citations ?? []).flatMap(({ source, start, end, quote }) => {
      const cited = told.sources.get(source)
      return cited === undefined
        ? []
        : [{ source: sdkSource(cited), ...compact({ startIndex: start, endIndex: end, citedText: quote }) }]
    })
    return only(told, { type: "text-end", id: event.part, ...(citations.length === 0 ? {} : { citations }) })
  },
  "reasoning.started": (told, { part, visible }) =>
    only(told, {
      type: "reasoning-start",
      id: part,
      ...(visible === "full" ? {} : { providerMetadata: { throughline: { visible } } })
    }),
  "reasoning.delta": (told, event) => only(told, { type: "reasoning-delta", id: event.part, delta: event.text }),
  "reasoning.finished": (told, event) => only(told, { type: "reasoning-end", id: event.part }),
  "tool.started": (told, event) => [
    { ...told, calls: new Map(told.calls).set(event.call, event) },
    [
      {
        type: "tool-input-start",
        toolCallId: event.call,
        toolName: event.name,
        ...compact({ inputEncoding: event.encoding }),
        ...toolFields(event)
      }
    ]
  ],
  "tool.delta": (told, event) =>
    only(told, { type: "tool-input-delta", toolCallId: event.call, inputTextDelta: event.text }),
  "tool.called": (told, event) => {
    const call = told.calls.get(event.call)
    return only(told, {
      type: "tool-input-available",
      toolCallId: event.call,
      toolName: call?.name ?? "tool",
      input: event.input,
      ...(call === undefined ? {} : toolFields(call))
    })
  },
  "tool.progress": (told, event) => {
    const { output, label, fraction, append } = event
    const isOutputAlone = output !== undefined && label === undefined && fraction === undefined && append === undefined
    return only(
      told,
      isOutputAlone
        ? { type: "tool-output-available", toolCallId: event.call, output, preliminary: true }
        : noWord(event, event.call)
    )
  },
  "tool.finished": (told, { call, outcome }) => {
    const failed = (errorText: string): Step => only(told, { type: "tool-output-error", toolCallId: call, errorText })
    switch (outcome.type) {
      case "ok":
        return only(told, {
          type: "tool-output-available",
          toolCallId: call,
          output: outcome.output ?? outcome.parts ?? null
        })
      case "failed":
        return failed(outcome.error.message)
      case "invalid":
        return only(told, {
          type: "tool-input-error",
          toolCallId: call,
          toolName: told.calls.get(call)?.name ?? "tool",
          input: outcome.input,
          errorText: outcome.error.message
        })
      case "denied":
        return only(told, { type: "tool-output-denied", toolCallId: call })
      case "cancelled":
        return failed("The call was cancelled.")
      case "unknown":
        return failed("Whether the call took effect is not known.")
    }
  },
  "ask.opened": (told, event) => {
    if (event.kind !== "approval" || event.call === undefined) return only(told, noWord(event, event.ask))
    const approval: Chunk = {
      type: "tool-approval-request",
      approvalId: event.ask,
      toolCallId: event.call,
      ...compact({ reason: event.reason })
    }
    return [{ ...told, approvals: new Set(told.approvals).add(event.ask) }, [approval]]
  },
  "ask.resolved": (told, event) => {
    if (!told.approvals.has(event.ask)) return only(told, noWord(event, event.ask))
    const { answer } = event
    const reason = answer.type === "denied" ? answer.reason : answer.type === "approved" ? undefined : answer.type
    return only(told, {
      type: "tool-approval-response",
      approvalId: event.ask,
      approved: answer.type === "approved",
      ...compact({ reason })
    })
  },
  "interrupt.received": (told, event) => {
    const { interrupt } = event
    if (interrupt.kind !== "steer" || event.verdict.type !== "accepted") return only(told, noWord(event, interrupt.id))
    const parts = interrupt.message.parts.flatMap((part): SteerPart[] =>
      part.type === "text"
        ? [{ type: "text", text: part.text }]
        : part.type === "file"
          ? [{ type: "file", url: part.url, mediaType: part.mediaType }]
          : []
    )
    return [{ ...told, steers: new Map(told.steers).set(interrupt.id, parts) }, [noWord(event, interrupt.id)]]
  },
  "interrupt.applied": (told, event) => {
    const parts = told.steers.get(event.interrupt)
    const isSteer = parts !== undefined && event.outcome.type === "applied"
    return only(
      told,
      isSteer ? { type: "steering-message", id: event.interrupt, parts: [...parts] } : noWord(event, event.interrupt)
    )
  },
  "state.snapshot": (told, event) => only(told, noWord(event, event.doc)),
  "state.delta": (told, event) => only(told, noWord(event)),
  "file.added": (told, event) =>
    only(told, {
      type: event.purpose === "reasoning" ? "reasoning-file" : "file",
      url: event.url,
      mediaType: event.mediaType
    }),
  "source.cited": (told, event) => {
    const source = sdkSource(event)
    const next = { ...told, sources: new Map(told.sources).set(event.source, event) }
    if (source.sourceType === "url")
      return only(next, {
        type: "source-url",
        sourceId: source.id,
        url: source.url,
        ...compact({ title: source.title })
      })
    return only(next, {
      type: "source-document",
      sourceId: source.id,
      mediaType: source.mediaType,
      title: source.title,
      ...compact({ filename: source.filename })
    })
  },
  custom: (told, event) =>
    only(
      told,
      event.name === "message-metadata"
        ? { type: "message-metadata", messageMetadata: event.value }
        : event.value === null && event.id === undefined && isKind(event.name)
          ? { type: "custom", kind: event.name }
          : ({
              type: `data-${event.name}`,
              data: event.value,
              ...compact({ id: event.id, transient: event.transient })
            } as Chunk)
    ),
  "content.erased": (told, event) => only(told, noWord(event))
}

/** The chunks of one event, in order; of an event of a later version the event itself. */
export const toChunk = (told: Told, event: KnownEvent | UnknownEvent): Step => {
  if (!Object.hasOwn(MAP, event.type)) return only(told, noWord(event))
  return (MAP[event.type as EventType] as (told: Told, event: KnownEvent | UnknownEvent) => Step)(told, event)
}
