/**
 * What both mappings from the AI SDK share: the state of what is open, and how each fact is said in our words.
 *
 * Pure: state in, state and events out. Ids of text and reasoning are made here, because models repeat theirs in
 * every step; ids of calls are kept unless a model uses one twice.
 */
import { isId } from "../../../src/protocol/Id.ts"
import { jsonFault } from "../../../src/protocol/JsonValue.ts"
import { fault } from "../../../src/protocol/Fault.ts"
import type { Fault } from "../../../src/protocol/Fault.ts"
import type { FinishReason, Id, KnownEvent, ToolOutcome, Usage } from "../../../src/protocol/Event.ts"
import type { Json } from "../../../src/protocol/Json.ts"

type WithoutRun<E> = E extends unknown ? Omit<E, "run"> : never
/** An event of the run that is being written; the run's id is added by who appends it. */
export type Said = WithoutRun<KnownEvent>

interface Call {
  readonly call: Id
  readonly phase: "input" | "called" | "done"
}
export interface Open {
  /** The message that the run writes. */
  readonly message: Id
  /** Makes the ids of this stream different from those of any other in the run. */
  readonly scope: string
  /** When asks that the SDK opens expire, as it has no time of its own for them. */
  readonly askExpiresAt: string
  readonly made: number
  readonly step?: Id
  /** By `text:<their id>` or `reasoning:<their id>`. */
  readonly parts: ReadonlyMap<string, Id>
  /** By their call id. */
  readonly calls: ReadonlyMap<string, Call>
  readonly sources: ReadonlySet<string>
}
export type Step = readonly [Open, readonly Said[]]

export const open = (options: {
  readonly message: Id
  readonly scope: string
  readonly askExpiresAt: string
}): Open => ({
  ...options,
  made: 0,
  parts: new Map(),
  calls: new Map(),
  sources: new Set()
})
export const nothing = (state: Open): Step => [state, []]

/** Members that are `undefined` are left out. */
export const compact = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never

/** Any value as JSON: as it is if it can be, else as `JSON.stringify` would send it, else as text. */
export const toJson = (value: unknown): Json => {
  if (value === undefined) return null
  if (jsonFault(value) === undefined) return value as Json
  try {
    const text = JSON.stringify(value)
    const sent: unknown = text === undefined ? null : JSON.parse(text)
    return jsonFault(sent) === undefined ? (sent as Json) : text
  } catch {
    return String(value)
  }
}
/** What went wrong, for everyone who watches: the error's own message, without its stack. */
export const toFault = (error: unknown): Fault =>
  fault(
    "AGENT_FAILED",
    (error instanceof Error ? error.message : typeof error === "string" ? error : "the call failed").slice(0, 1000)
  )

const make = (state: Open, kind: string): readonly [Open, Id] => [
  { ...state, made: state.made + 1 },
  `${state.scope}.${kind}${state.made + 1}`
]
const place = (state: Open) => ({ message: state.message, ...(state.step === undefined ? {} : { step: state.step }) })

export const stepStarted = (state: Open, name: string): Step => {
  const [next, step] = make(state, "s")
  return [{ ...next, step }, [{ type: "step.started", step, name }]]
}
export const stepFinished = (
  state: Open,
  outcome: "completed" | "failed" | "discarded",
  details: { readonly reason?: FinishReason; readonly usage?: readonly Usage[] } = {}
): Step => {
  if (state.step === undefined) return nothing(state)
  const { step, ...rest } = state
  return [rest, [{ type: "step.finished", step, outcome, ...details }]]
}

type PartKind = "text" | "reasoning"
export const partStarted = (
  state: Open,
  kind: PartKind,
  theirs: string,
  visible: "full" | "summary" | "redacted" = "full"
): Step => {
  const [next, part] = make(state, kind === "text" ? "t" : "r")
  const parts = new Map(next.parts).set(`${kind}:${theirs}`, part)
  return [
    { ...next, parts },
    [
      kind === "text"
        ? { type: "text.started", ...place(state), part }
        : { type: "reasoning.started", ...place(state), part, visible }
    ]
  ]
}
export const partDelta = (state: Open, kind: PartKind, theirs: string, text: string): Step => {
  const part = state.parts.get(`${kind}:${theirs}`)
  const type = `${kind}.delta` as const
  if (part !== undefined) return [state, text === "" ? [] : [{ type, part, text }]]
  const [next, started] = partStarted(state, kind, theirs)
  return [next, [...started, { type, part: next.parts.get(`${kind}:${theirs}`)!, text }]]
}
export const partFinished = (
  state: Open,
  kind: PartKind,
  theirs: string,
  more: { readonly citations?: readonly { readonly source: Id }[] } = {}
): Step => {
  const part = state.parts.get(`${kind}:${theirs}`)
  if (part === undefined) return nothing(state)
  const parts = new Map(state.parts)
  parts.delete(`${kind}:${theirs}`)
  return [
    { ...state, parts },
    [kind === "text" ? { type: "text.finished", part, ...more } : { type: "reasoning.finished", part }]
  ]
}

export interface CallStart {
  readonly name: string
  readonly title?: string | undefined
  readonly providerExecuted?: boolean | undefined
  readonly dynamic?: boolean | undefined
  readonly encoding?: "json" | "text" | undefined
}
const setCall = (state: Open, theirs: string, call: Call): Open => ({
  ...state,
  calls: new Map(state.calls).set(theirs, call)
})
export const callStarted = (state: Open, theirs: string, start: CallStart): Step => {
  // A model that numbers its calls anew in every step uses an id again; the earlier call is another one.
  const isFree = isId(theirs) && !state.calls.has(theirs)
  const [next, made] = isFree ? ([state, theirs] as const) : make(state, "c")
  const { name, title, dynamic, encoding } = start
  const executor = start.providerExecuted === true ? "provider" : "agent"
  return [
    setCall(next, theirs, { call: made, phase: "input" }),
    [
      {
        type: "tool.started",
        ...place(state),
        call: made,
        name,
        executor,
        ...compact({ title, dynamic, encoding })
      } as Said
    ]
  ]
}
export const callDelta = (state: Open, theirs: string, text: string): Step => {
  const call = state.calls.get(theirs)
  return call === undefined || call.phase !== "input"
    ? nothing(state)
    : [state, [{ type: "tool.delta", call: call.call, text }]]
}
export const called = (state: Open, theirs: string, start: CallStart, input: unknown): Step => {
  const before = state.calls.get(theirs)
  const [next, started] = before?.phase === "input" ? nothing(state) : callStarted(state, theirs, start)
  const { call } = next.calls.get(theirs)!
  return [
    setCall(next, theirs, { call, phase: "called" }),
    [...started, { type: "tool.called", call, input: toJson(input) }]
  ]
}
export const callProgress = (state: Open, theirs: string, output: unknown): Step => {
  const call = state.calls.get(theirs)
  return call === undefined || call.phase === "done"
    ? nothing(state)
    : [state, [{ type: "tool.progress", call: call.call, output: toJson(output) }]]
}
/** Ends a call once; a result for a call of an earlier stream is said too, under its own id. */
export const callFinished = (state: Open, theirs: string, outcome: ToolOutcome): Step => {
  const before = state.calls.get(theirs)
  if (before?.phase === "done" || !isId(before?.call ?? theirs)) return nothing(state)
  const call = before?.call ?? theirs
  return [setCall(state, theirs, { call, phase: "done" }), [{ type: "tool.finished", call, outcome }]]
}
export const callOf = (state: Open, theirs: string): Id => state.calls.get(theirs)?.call ?? theirs

export interface SourceFields {
  readonly title?: string | undefined
  readonly url?: string | undefined
  readonly mediaType?: string | undefined
  readonly name?: string | undefined
}
export const sourceCited = (state: Open, source: Id, fields: SourceFields): Step =>
  state.sources.has(source) || !isId(source)
    ? nothing(state)
    : [
        { ...state, sources: new Set(state.sources).add(source) },
        [{ type: "source.cited", ...place(state), source, ...compact(fields) } as Said]
      ]
export const fileAdded = (state: Open, url: string, mediaType: string, purpose: "output" | "reasoning"): Step => {
  const [next, file] = make(state, "f")
  return [
    next,
    [{ type: "file.added", ...place(state), file, url, mediaType, ...(purpose === "reasoning" ? { purpose } : {}) }]
  ]
}

/** Ends everything that is open, as when the stream stops early: calls without an outcome count as cancelled. */
export const closeAll = (state: Open, reason: FinishReason): Step => {
  const events: Said[] = []
  for (const [key, part] of state.parts)
    events.push({ type: key.startsWith("text:") ? "text.finished" : "reasoning.finished", part })
  for (const { call, phase } of state.calls.values()) {
    if (phase !== "done") events.push({ type: "tool.finished", call, outcome: { type: "cancelled" } })
  }
  const calls = new Map([...state.calls].map(([theirs, { call }]) => [theirs, { call, phase: "done" } as const]))
  const [next, finished] = stepFinished({ ...state, parts: new Map(), calls }, "failed", { reason })
  return [next, [...events, ...finished]]
}
/** Does one after the other. */
export const both = (first: Step, second: (state: Open) => Step): Step => {
  const [next, events] = second(first[0])
  return [next, [...first[1], ...events]]
}
