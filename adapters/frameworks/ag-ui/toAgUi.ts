/**
 * From our events to AG-UI 1.0: one function per type of event.
 *
 * Pure; the state holds what is open, because AG-UI wants everything ended before a run's last event. Feed it the
 * events of one run and its children, in log order. A run that waits for people ends there and begins anew, as a
 * run of another id with `parentRunId`. The README lists what has no word.
 */
import { PROTOCOL_VERSION } from "@ag-ui/core"
import type { EventType, KnownEvent, UnknownEvent } from "../../../src/protocol/Event.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { child, contentOf, end, interruptOf, ofNoRun, only, usageOf, without, withEntry } from "./shown.ts"
import type { Shown, Step } from "./shown.ts"
import { compact, noWord, ours, STATE_DOC } from "./words.ts"
import type { AgUiEvent, AgUiOf, EventOf } from "./words.ts"

export { shown } from "./shown.ts"
export type { Shown } from "./shown.ts"
export type { AgUiEvent } from "./words.ts"

const runFinished = (state: Shown, event: EventOf<"run.finished">): Step => {
  const { outcome } = event
  const usage = compact({ usage: usageOf(event.usage) })
  if (event.run !== state.run) {
    const subagentRunId = event.run
    if (outcome.type === "completed") {
      return only(state, {
        type: "SUBAGENT_FINISHED",
        subagentRunId,
        ...compact({ result: outcome.result }),
        outcome: { type: "success" },
        ...ours({ reason: outcome.reason, calls: outcome.calls, usage: event.usage })
      })
    }
    const error =
      outcome.type === "failed"
        ? { message: outcome.error.message, code: outcome.error.code }
        : { message: outcome.reason ?? "cancelled", code: "CANCELLED" }
    return only(state, { type: "SUBAGENT_ERROR", subagentRunId, ...error, ...ours({ outcome, usage: event.usage }) })
  }
  if (outcome.type === "failed")
    return end(state, {
      type: "RUN_ERROR",
      message: outcome.error.message,
      code: outcome.error.code,
      ...usage,
      ...ours({ error: outcome.error })
    })
  const done = { type: "RUN_FINISHED", threadId: state.thread, runId: state.runId, ...usage } as const
  if (outcome.type === "cancelled")
    return end(state, { ...done, outcome: { type: "cancelled" }, ...ours({ reason: outcome.reason }) })
  const success = {
    type: "success" as const,
    ...(outcome.calls === undefined ? {} : { pendingToolCallIds: [...outcome.calls] })
  }
  return end(state, {
    ...done,
    ...compact({ result: outcome.result }),
    outcome: success,
    ...ours({ reason: outcome.reason })
  })
}
const isRecord = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const MAP: { readonly [T in EventType]: (state: Shown, event: EventOf<T>) => Step } = {
  "run.accepted": (state, event) => {
    const { run, agent, parent } = event
    if (parent === undefined || run === state.run) return only(state, noWord(event))
    const { input, message, continues, replaces, tags, deadline, by } = event
    const nested = parent.run === state.run ? {} : { parentSubagentRunId: parent.run }
    return only(state, {
      type: "SUBAGENT_STARTED",
      subagentRunId: run,
      name: agent,
      ...nested,
      ...compact({ parentToolCallId: parent.call }),
      ...ours({ parent, input, message, continues, replaces, tags, deadline, by })
    })
  },
  "run.started": (state, event) => {
    if (event.run !== state.run) return only(state, noWord(event))
    const runId = event.epoch === 1 ? event.run : `${event.run}.${event.epoch}`
    const parent = event.epoch === 1 ? {} : { parentRunId: state.runId }
    return only(
      { ...state, runId },
      {
        type: "RUN_STARTED",
        threadId: state.thread,
        runId,
        protocolVersion: PROTOCOL_VERSION,
        ...parent,
        ...ours({ run: event.run, epoch: event.epoch, from: event.from })
      }
    )
  },
  "run.status": (state, { run, label, detail, fraction, level }) =>
    only(state, {
      type: "ACTIVITY_SNAPSHOT",
      messageId: `${run}.status`,
      activityType: "status",
      content: compact({ label, detail, fraction, level }),
      replace: true,
      ...child(state, run)
    }),
  "run.heartbeat": (state) => only(state),
  "run.suspended": (state, event) => {
    const asks = (event.asks ?? []).flatMap((id) => state.asks.get(id) ?? [])
    if (event.run !== state.run)
      return only(state, {
        type: "SUBAGENT_FINISHED",
        subagentRunId: event.run,
        outcome: { type: "suspended", ...(event.asks === undefined ? {} : { interruptIds: [...event.asks] }) },
        ...ours({ why: event.why })
      })
    if (event.why !== "asked" || asks.length === 0) return only(state, noWord(event))
    return end(state, {
      type: "RUN_FINISHED",
      threadId: state.thread,
      runId: state.runId,
      outcome: { type: "interrupt", interrupts: asks.map(interruptOf) }
    })
  },
  "run.finished": runFinished,
  "step.started": (state, { run, step, name, parent, agent }) =>
    only(
      { ...state, steps: withEntry(state.steps, step, name) },
      { type: "STEP_STARTED", stepName: name, ...child(state, run), ...ours({ step, parent, agent }) }
    ),
  "step.finished": (state, event) => {
    const stepName = state.steps.get(event.step)
    if (stepName === undefined) return only(state, noWord(event))
    const { run, step, outcome, reason, usage } = event
    return only(
      { ...state, steps: without(state.steps, step) },
      { type: "STEP_FINISHED", stepName, ...child(state, run), ...ours({ step, outcome, reason, usage }) }
    )
  },
  "message.posted": (state, event) => {
    const [part] = event.parts
    const { message, role, name } = event
    if (event.parts.length !== 1 || part?.type !== "text" || part.text === "" || role === "tool")
      return only(state, noWord(event))
    const { by, run, after, replaces } = event
    return only(
      state,
      {
        type: "TEXT_MESSAGE_START",
        messageId: message,
        role,
        ...compact({ name }),
        ...ours({ posted: true, by, run, after, replaces })
      },
      { type: "TEXT_MESSAGE_CONTENT", messageId: message, delta: part.text },
      { type: "TEXT_MESSAGE_END", messageId: message }
    )
  },
  "text.started": (state, { run, message, part, step, role }) =>
    only(
      { ...state, texts: [...state.texts, part] },
      {
        type: "TEXT_MESSAGE_START",
        messageId: part,
        role: role ?? "assistant",
        ...child(state, run),
        ...ours({ message, step, role })
      }
    ),
  "text.delta": (state, { run, part, text }) =>
    text === ""
      ? only(state)
      : only(state, { type: "TEXT_MESSAGE_CONTENT", messageId: part, delta: text, ...child(state, run) }),
  "text.finished": (state, { run, part, citations }) =>
    only(
      { ...state, texts: state.texts.filter((open) => open !== part) },
      { type: "TEXT_MESSAGE_END", messageId: part, ...child(state, run), ...ours({ citations }) }
    ),
  "reasoning.started": (state, { run, part, message, step, visible }) =>
    only(
      { ...state, reasonings: [...state.reasonings, part] },
      { type: "REASONING_START", messageId: part, ...child(state, run) },
      {
        type: "REASONING_MESSAGE_START",
        messageId: part,
        role: "reasoning",
        ...child(state, run),
        ...ours({ message, step, visible })
      }
    ),
  "reasoning.delta": (state, { run, part, text }) =>
    text === ""
      ? only(state)
      : only(state, { type: "REASONING_MESSAGE_CONTENT", messageId: part, delta: text, ...child(state, run) }),
  "reasoning.finished": (state, { run, part }) =>
    only(
      { ...state, reasonings: state.reasonings.filter((open) => open !== part) },
      { type: "REASONING_MESSAGE_END", messageId: part, ...child(state, run) },
      { type: "REASONING_END", messageId: part, ...child(state, run) }
    ),
  "tool.started": (state, { run, call, name, message, step, title, executor, dynamic, encoding }) =>
    only(
      { ...state, inputs: withEntry(state.inputs, call, false) },
      {
        type: "TOOL_CALL_START",
        toolCallId: call,
        toolCallName: name,
        parentMessageId: message,
        ...child(state, run),
        ...ours({ step, title, executor, dynamic, encoding })
      }
    ),
  "tool.delta": (state, { run, call, text }) =>
    only(
      { ...state, inputs: withEntry(state.inputs, call, true) },
      { type: "TOOL_CALL_ARGS", toolCallId: call, delta: text, ...child(state, run) }
    ),
  "tool.called": (state, { run, call, input, digest }) => {
    const isSaid = state.inputs.get(call) === true
    const args: AgUiOf<"TOOL_CALL_ARGS"> = {
      type: "TOOL_CALL_ARGS",
      toolCallId: call,
      delta: JSON.stringify(input),
      ...child(state, run),
      ...ours({ whole: true })
    }
    const ended: AgUiEvent = { type: "TOOL_CALL_END", toolCallId: call, ...child(state, run), ...ours({ digest }) }
    return only({ ...state, inputs: without(state.inputs, call) }, ...(isSaid ? [] : [args]), ended)
  },
  "tool.progress": (state, { run, call, label, fraction, output, append }) =>
    only(state, {
      type: "ACTIVITY_SNAPSHOT",
      messageId: `${call}.progress`,
      activityType: "tool-progress",
      content: compact({ call, label, fraction, output, append }),
      replace: true,
      ...child(state, run)
    }),
  "tool.finished": (state, { run, call, outcome }) => {
    const ended: AgUiEvent = {
      type: "TOOL_CALL_END",
      toolCallId: call,
      ...child(state, run),
      ...ours({ abandoned: true })
    }
    const result: AgUiEvent = {
      type: "TOOL_CALL_RESULT",
      messageId: `${call}.result`,
      toolCallId: call,
      content: contentOf(outcome),
      role: "tool",
      ...child(state, run),
      ...ours({ outcome })
    }
    return only({ ...state, inputs: without(state.inputs, call) }, ...(state.inputs.has(call) ? [ended] : []), result)
  },
  "ask.opened": (state, event) => only({ ...state, asks: withEntry(state.asks, event.ask, event) }, noWord(event)),
  "ask.resolved": (state, event) => only({ ...state, asks: without(state.asks, event.ask) }, noWord(event)),
  "interrupt.received": (state, event) => only(state, noWord(event)),
  "interrupt.applied": (state, event) => only(state, noWord(event)),
  "state.snapshot": (state, event) => {
    const { run, doc, kind, message, value } = event
    if (doc === STATE_DOC && kind === undefined && message === undefined)
      return only(state, { type: "STATE_SNAPSHOT", snapshot: value, ...child(state, run), ...ours(ofNoRun(run)) })
    if (!isRecord(value)) return only(state, noWord(event))
    const activityType = kind ?? "state"
    return only(
      { ...state, docs: withEntry(state.docs, doc, activityType) },
      {
        type: "ACTIVITY_SNAPSHOT",
        messageId: doc,
        activityType,
        content: { ...value },
        replace: true,
        ...child(state, run),
        ...ours({ ...ofNoRun(run), kind, message, doc })
      }
    )
  },
  "state.delta": (state, event) => {
    const { run, doc } = event
    const patch = event.patch as AgUiOf<"STATE_DELTA">["delta"]
    if (doc === STATE_DOC)
      return only(state, { type: "STATE_DELTA", delta: patch, ...child(state, run), ...ours(ofNoRun(run)) })
    const activityType = state.docs.get(doc)
    return only(
      state,
      activityType === undefined
        ? noWord(event)
        : { type: "ACTIVITY_DELTA", messageId: doc, activityType, patch, ...child(state, run), ...ours(ofNoRun(run)) }
    )
  },
  "file.added": (state, event) => only(state, noWord(event)),
  "source.cited": (state, event) => only(state, noWord(event)),
  custom: (state, event) => {
    const { name, value, run, id, message, transient, by } = event
    return only(state, {
      type: "CUSTOM",
      name,
      value,
      ...child(state, run),
      ...ours({ ...ofNoRun(run), id, message, transient, by })
    })
  },
  "content.erased": (state, event) => only(state, noWord(event))
}

/** The AG-UI events of one event, in order; of an event of a later version the event itself, as `CUSTOM`. */
export const toAgUi = (state: Shown, event: KnownEvent | UnknownEvent): Step => {
  if (!Object.hasOwn(MAP, event.type)) return only(state, noWord(event))
  return (MAP[event.type as EventType] as (state: Shown, event: KnownEvent | UnknownEvent) => Step)(state, event)
}
