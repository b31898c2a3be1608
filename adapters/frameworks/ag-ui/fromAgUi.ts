/**
 * From AG-UI 1.0 to our events: one function per event type, all 31.
 *
 * Pure; the state holds what is open and what the shorthand chunks refer to. An event of a later version becomes a
 * custom event at run time and breaks the build here. Encrypted reasoning is not for watchers and is left out.
 */
import type { Id, KnownEvent, ToolOutcome } from "../../../src/protocol/Event.ts"
import { fault } from "../../../src/protocol/Fault.ts"
import { checkEvent } from "../../../src/protocol/guard.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { mayRun, only, parsed, partsOf, posted, runOf, usageOf, withEntry } from "./heard.ts"
import type { Heard, Step } from "./heard.ts"
import { compact, oursOf, PREFIX, STATE_DOC } from "./words.ts"
import type { AgUiEvent, AgUiOf, AgUiType } from "./words.ts"

export { heard } from "./heard.ts"
export type { Heard } from "./heard.ts"
export type { AgUiEvent } from "./words.ts"

/** Ends what the shorthand has open, unless it goes on. */
const endChunk = (state: Heard, next?: { readonly kind: string; readonly id: string | undefined }): Step => {
  const { chunk, ...rest } = state
  if (chunk === undefined || (next?.kind === chunk.kind && (next.id === undefined || next.id === chunk.id)))
    return only(state)
  if (chunk.kind === "tool") return MAP.TOOL_CALL_END(rest, { type: "TOOL_CALL_END", toolCallId: chunk.id })
  return only(rest, { type: `${chunk.kind}.finished`, run: state.run, part: chunk.id })
}
const both = (first: Step, second: (state: Heard) => Step): Step => {
  const [next, events] = second(first[0])
  return [next, [...first[1], ...events]]
}

const MAP: { readonly [T in AgUiType]: (state: Heard, event: AgUiOf<T>) => Step } = {
  RUN_STARTED: (state, event) => {
    const { epoch = 1, from } = oursOf(event)
    return only(state, { type: "run.started", run: state.run, epoch, ...compact({ from }) })
  },
  RUN_FINISHED: (state, event) => {
    const { run } = state
    const { outcome } = event
    const { reason } = oursOf(event)
    const usage = usageOf(event.usage)
    if (outcome?.type === "cancelled")
      return only(state, {
        type: "run.finished",
        run,
        outcome: { type: "cancelled", ...compact({ reason }) },
        ...usage
      })
    if (outcome?.type === "interrupt") {
      const asks = outcome.interrupts.map((ask): KnownEvent => ({
        type: "ask.opened",
        run,
        ask: ask.id,
        kind: ask.reason === "approval" || ask.reason === "choice" || ask.reason === "tool" ? ask.reason : "input",
        prompt: ask.message ?? ask.reason,
        expiresAt: ask.expiresAt ?? state.askExpiresAt,
        ...compact({ call: ask.toolCallId, schema: ask.responseSchema as Json | undefined })
      }))
      return only(state, ...asks, {
        type: "run.suspended",
        run,
        why: "asked",
        asks: outcome.interrupts.map(({ id }) => id)
      })
    }
    return only(state, {
      type: "run.finished",
      run,
      outcome: {
        type: "completed",
        ...compact({ result: event.result as Json | undefined, reason, calls: outcome?.pendingToolCallIds })
      },
      ...usage
    })
  },
  RUN_ERROR: (state, event) => {
    const error = oursOf(event)["error"] ?? {
      ...fault("AGENT_FAILED", event.message),
      ...compact({ code: event.code })
    }
    return only(state, {
      type: "run.finished",
      run: state.run,
      outcome: { type: "failed", error },
      ...usageOf(event.usage)
    })
  },
  STEP_STARTED: (state, event) => {
    const own = oursOf(event)
    const step = (own["step"] as Id | undefined) ?? `step.${state.made + 1}`
    const next = { ...state, made: state.made + 1, steps: [...state.steps, [event.stepName, step] as const] }
    return only(next, {
      type: "step.started",
      run: runOf(state, event),
      step,
      name: event.stepName,
      ...compact({ parent: own["parent"], agent: own["agent"] })
    } as KnownEvent)
  },
  STEP_FINISHED: (state, event) => {
    const own = oursOf(event)
    const found =
      own["step"] === undefined
        ? state.steps.findLast(([name]) => name === event.stepName)
        : state.steps.find(([, step]) => step === own["step"])
    if (found === undefined) return only(state)
    const next = { ...state, steps: state.steps.filter((open) => open !== found) }
    return only(next, {
      type: "step.finished",
      run: runOf(state, event),
      step: found[1],
      outcome: own["outcome"] ?? "completed",
      ...compact({ reason: own["reason"], usage: own["usage"] })
    } as KnownEvent)
  },
  TEXT_MESSAGE_START: (state, event) => {
    const own = oursOf(event)
    if (own["posted"] === true)
      return only({ ...state, posted: withEntry(state.posted, event.messageId, { start: event, text: "" }) })
    const role = own["message"] === undefined ? event.role : own["role"]
    return only(state, {
      type: "text.started",
      run: runOf(state, event),
      message: own["message"] ?? event.messageId,
      part: event.messageId,
      ...compact({ step: own["step"], role })
    } as KnownEvent)
  },
  TEXT_MESSAGE_CONTENT: (state, event) => {
    const whole = state.posted.get(event.messageId)
    return whole === undefined
      ? only(state, { type: "text.delta", run: runOf(state, event), part: event.messageId, text: event.delta })
      : only({
          ...state,
          posted: withEntry(state.posted, event.messageId, { ...whole, text: whole.text + event.delta })
        })
  },
  TEXT_MESSAGE_END: (state, event) => {
    const whole = state.posted.get(event.messageId)
    if (whole === undefined)
      return only(state, {
        type: "text.finished",
        run: runOf(state, event),
        part: event.messageId,
        ...compact({ citations: oursOf(event)["citations"] })
      } as KnownEvent)
    const { posted: _, ...own } = oursOf(whole.start)
    const rest = new Map(state.posted)
    rest.delete(event.messageId)
    const { role = "assistant", name } = whole.start
    return only({ ...state, posted: rest }, {
      type: "message.posted",
      message: event.messageId,
      role,
      parts: [{ type: "text", text: whole.text }],
      ...compact({ name }),
      ...own
    } as KnownEvent)
  },
  TEXT_MESSAGE_CHUNK: (state, event) =>
    both(endChunk(state, { kind: "text", id: event.messageId }), (next) => {
      const id = next.chunk?.id ?? event.messageId ?? next.message
      const started =
        next.chunk === undefined
          ? MAP.TEXT_MESSAGE_START(next, {
              type: "TEXT_MESSAGE_START",
              messageId: id,
              ...compact({ role: event.role, name: event.name, subagentRunId: event.subagentRunId })
            } as AgUiOf<"TEXT_MESSAGE_START">)
          : only(next)
      return both(started, (open) =>
        only(
          { ...open, chunk: { kind: "text", id } },
          ...(event.delta
            ? [{ type: "text.delta", run: runOf(state, event), part: id, text: event.delta } as const]
            : [])
        )
      )
    }),
  TOOL_CALL_START: (state, event) => {
    const own = oursOf(event)
    return only({ ...state, inputs: withEntry(state.inputs, event.toolCallId, { text: "", isWhole: false }) }, {
      type: "tool.started",
      run: runOf(state, event),
      message: event.parentMessageId ?? state.message,
      call: event.toolCallId,
      name: event.toolCallName,
      executor: own["executor"] ?? "agent",
      ...compact({ step: own["step"], title: own["title"], dynamic: own["dynamic"], encoding: own["encoding"] })
    } as KnownEvent)
  },
  TOOL_CALL_ARGS: (state, event) => {
    const isWhole = oursOf(event)["whole"] === true
    const text = (state.inputs.get(event.toolCallId)?.text ?? "") + event.delta
    const next = { ...state, inputs: withEntry(state.inputs, event.toolCallId, { text, isWhole }) }
    return isWhole
      ? only(next)
      : only(next, { type: "tool.delta", run: runOf(state, event), call: event.toolCallId, text: event.delta })
  },
  TOOL_CALL_END: (state, event) => {
    const own = oursOf(event)
    const text = state.inputs.get(event.toolCallId)?.text ?? ""
    const inputs = new Map(state.inputs)
    inputs.delete(event.toolCallId)
    if (own["abandoned"] === true) return only({ ...state, inputs })
    return only({ ...state, inputs }, {
      type: "tool.called",
      run: runOf(state, event),
      call: event.toolCallId,
      input: text === "" ? {} : parsed(text),
      ...compact({ digest: own["digest"] })
    } as KnownEvent)
  },
  TOOL_CALL_CHUNK: (state, event) =>
    both(endChunk(state, { kind: "tool", id: event.toolCallId }), (next) => {
      const id = next.chunk?.id ?? event.toolCallId ?? `call.${next.made}`
      const { parentMessageId, subagentRunId } = event
      const started =
        next.chunk === undefined
          ? MAP.TOOL_CALL_START(next, {
              type: "TOOL_CALL_START",
              toolCallId: id,
              toolCallName: event.toolCallName ?? "tool",
              ...compact({ parentMessageId, subagentRunId })
            } as AgUiOf<"TOOL_CALL_START">)
          : only(next)
      return both(started, (open) => {
        const chunked: Heard = { ...open, chunk: { kind: "tool", id } }
        return event.delta
          ? MAP.TOOL_CALL_ARGS(chunked, { type: "TOOL_CALL_ARGS", toolCallId: id, delta: event.delta })
          : only(chunked)
      })
    }),
  TOOL_CALL_RESULT: (state, event) => {
    const given = event.content
    const outcome =
      (oursOf(event)["outcome"] as ToolOutcome | undefined) ??
      (typeof given === "string" ? { type: "ok", output: given } : { type: "ok", parts: partsOf(given) })
    return only(state, { type: "tool.finished", run: runOf(state, event), call: event.toolCallId, outcome })
  },
  STATE_SNAPSHOT: (state, event) =>
    only(state, { type: "state.snapshot", ...mayRun(state, event), doc: STATE_DOC, value: event.snapshot as Json }),
  STATE_DELTA: (state, event) =>
    only(state, { type: "state.delta", ...mayRun(state, event), doc: STATE_DOC, patch: event.delta as never }),
  MESSAGES_SNAPSHOT: (state, event) => only(state, ...event.messages.flatMap((message) => posted(state, message))),
  ACTIVITY_SNAPSHOT: (state, event) => {
    const run = runOf(state, event)
    if (event.messageId === `${run}.status` && typeof event.content["label"] === "string")
      return only(state, { type: "run.status", run, ...event.content } as KnownEvent)
    if (event.activityType === "tool-progress" && typeof event.content["call"] === "string")
      return only(state, { type: "tool.progress", run, ...event.content } as KnownEvent)
    if (event.replace === false && state.docs.has(event.messageId)) return only(state)
    const own = oursOf(event)
    const isOurs = own["doc"] !== undefined
    const details = isOurs
      ? compact({ kind: own["kind"], message: own["message"] })
      : { kind: event.activityType, message: event.messageId }
    return only({ ...state, docs: new Set(state.docs).add(event.messageId) }, {
      type: "state.snapshot",
      ...mayRun(state, event),
      doc: event.messageId,
      ...details,
      value: event.content as Json
    } as KnownEvent)
  },
  ACTIVITY_DELTA: (state, event) =>
    only(state, { type: "state.delta", ...mayRun(state, event), doc: event.messageId, patch: event.patch as never }),
  REASONING_START: (state) => only(state),
  REASONING_END: (state) => only(state),
  REASONING_MESSAGE_START: (state, event) => {
    const own = oursOf(event)
    return only(state, {
      type: "reasoning.started",
      run: runOf(state, event),
      message: own["message"] ?? state.message,
      part: event.messageId,
      visible: own["visible"] ?? "full",
      ...compact({ step: own["step"] })
    } as KnownEvent)
  },
  REASONING_MESSAGE_CONTENT: (state, event) =>
    only(state, { type: "reasoning.delta", run: runOf(state, event), part: event.messageId, text: event.delta }),
  REASONING_MESSAGE_END: (state, event) =>
    only(state, { type: "reasoning.finished", run: runOf(state, event), part: event.messageId }),
  REASONING_MESSAGE_CHUNK: (state, event) =>
    both(endChunk(state, { kind: "reasoning", id: event.messageId }), (next) => {
      const id = next.chunk?.id ?? event.messageId ?? `${next.message}.reasoning`
      const started =
        next.chunk === undefined
          ? only(next, {
              type: "reasoning.started",
              run: runOf(state, event),
              message: next.message,
              part: id,
              visible: "full"
            })
          : only(next)
      return both(started, (open) =>
        only(
          { ...open, chunk: { kind: "reasoning", id } },
          ...(event.delta
            ? [{ type: "reasoning.delta", run: runOf(state, event), part: id, text: event.delta } as const]
            : [])
        )
      )
    }),
  REASONING_ENCRYPTED_VALUE: (state) => only(state),
  SUBAGENT_STARTED: (state, event) => {
    const own = oursOf(event)
    const run = event.subagentRunId
    const parent = own["parent"] ?? {
      run: event.parentSubagentRunId ?? state.run,
      ...compact({ call: event.parentToolCallId })
    }
    const accepted = { type: "run.accepted", run, agent: event.name, ...own, parent } as KnownEvent
    // AG-UI has one word for both; ours is followed by its own `run.started`.
    return own["parent"] === undefined
      ? only(state, accepted, { type: "run.started", run, epoch: 1 })
      : only(state, accepted)
  },
  SUBAGENT_FINISHED: (state, event) => {
    const run = event.subagentRunId
    const own = oursOf(event)
    if (event.outcome?.type === "suspended")
      return only(state, {
        type: "run.suspended",
        run,
        why: own["why"] ?? "asked",
        ...compact({ asks: event.outcome.interruptIds })
      } as KnownEvent)
    return only(state, {
      type: "run.finished",
      run,
      outcome: { type: "completed", ...compact({ result: event.result, reason: own["reason"], calls: own["calls"] }) },
      ...compact({ usage: own["usage"] })
    } as KnownEvent)
  },
  SUBAGENT_ERROR: (state, event) => {
    const own = oursOf(event)
    const outcome = own["outcome"] ?? {
      type: "failed",
      error: { ...fault("AGENT_FAILED", event.message), ...compact({ code: event.code }) }
    }
    return only(state, {
      type: "run.finished",
      run: event.subagentRunId,
      outcome,
      ...compact({ usage: own["usage"] })
    } as KnownEvent)
  },
  RAW: (state, event) =>
    only(state, {
      type: "custom",
      run: runOf(state, event),
      name: "ag-ui.raw",
      value: compact({ event: event.event as Json, source: event.source }) as Json,
      transient: true
    }),
  CUSTOM: (state, event) => {
    if (event.name.startsWith(PREFIX)) {
      const checked = checkEvent(event.value)
      if (checked.ok && PREFIX + checked.event.type === event.name) return only(state, checked.event as KnownEvent)
    }
    const { id, message, transient, by } = oursOf(event)
    return only(state, {
      type: "custom",
      ...mayRun(state, event),
      name: event.name,
      value: (event.value ?? null) as Json,
      ...compact({ id, message, transient, by })
    } as KnownEvent)
  }
}
const CHUNKS: Readonly<Record<string, string>> = {
  TEXT_MESSAGE_CHUNK: "text",
  TOOL_CALL_CHUNK: "tool",
  REASONING_MESSAGE_CHUNK: "reasoning"
}

/** What one AG-UI event says. Never throws for a type it does not know: that is a custom event. */
export const fromAgUi = (state: Heard, event: AgUiEvent): Step => {
  if (!Object.hasOwn(MAP, event.type))
    return only(state, {
      type: "custom",
      run: state.run,
      name: `ag-ui.${String((event as { type: unknown }).type)}`,
      value: event as Json
    })
  const handle = MAP[event.type] as (state: Heard, event: AgUiEvent) => Step
  return CHUNKS[event.type] === undefined ? both(endChunk(state), (next) => handle(next, event)) : handle(state, event)
}
