/**
 * What `toAgUi.ts` remembers of what it has shown, and how it writes the values inside events.
 */
import type { AskOpened, Id, ToolOutcome, Usage } from "../../../src/protocol/Event.ts"
import { compact } from "./words.ts"
import type { AgUiEvent } from "./words.ts"

/** What is open in AG-UI's eyes. */
export interface Shown {
  readonly thread: string
  /** The run that the stream is about; events of other runs are those of subagents. */
  readonly run: Id
  /** What AG-UI calls the run now: a new id after every pause for people. */
  readonly runId: string
  readonly texts: readonly Id[]
  readonly reasonings: readonly Id[]
  /** Calls whose input is not ended, and whether any of it was said. */
  readonly inputs: ReadonlyMap<Id, boolean>
  readonly steps: ReadonlyMap<Id, string>
  readonly asks: ReadonlyMap<Id, AskOpened>
  /** Kinds of the documents that are activities. */
  readonly docs: ReadonlyMap<Id, string>
}
export type Step = readonly [Shown, readonly AgUiEvent[]]
export const shown = (thread: string, run: Id): Shown => ({
  thread,
  run,
  runId: run,
  texts: [],
  reasonings: [],
  inputs: new Map(),
  steps: new Map(),
  asks: new Map(),
  docs: new Map()
})

export const withEntry = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> =>
  new Map(map).set(key, value)
export const without = <K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> =>
  new Map([...map].filter(([other]) => other !== key))
export const only = (state: Shown, ...events: readonly AgUiEvent[]): Step => [state, events]
export const child = (state: Shown, run: Id | undefined): { readonly subagentRunId?: string } =>
  run === undefined || run === state.run ? {} : { subagentRunId: run }

/** AG-UI's events are all of a run; ours may be of none. */
export const ofNoRun = (run: Id | undefined): { readonly run?: null } => (run === undefined ? { run: null } : {})

export const usageOf = (usage: readonly Usage[] | undefined) =>
  usage?.map(({ provider, model, input, output, total, reasoning, cachedInput, cacheWrite }) =>
    compact({
      provider,
      model,
      inputTokens: input,
      outputTokens: output,
      totalTokens: total,
      reasoningTokens: reasoning,
      cachedInputTokens: cachedInput,
      cacheWriteInputTokens: cacheWrite
    })
  )
export const interruptOf = (ask: AskOpened) =>
  compact({
    id: ask.ask,
    reason: ask.kind,
    message: ask.prompt,
    toolCallId: ask.call,
    responseSchema: ask.schema as Record<string, unknown> | undefined,
    expiresAt: ask.expiresAt
  })
export const contentOf = (outcome: ToolOutcome): string => {
  switch (outcome.type) {
    case "ok":
      return typeof outcome.output === "string"
        ? outcome.output
        : JSON.stringify(outcome.output ?? outcome.parts ?? null)
    case "failed":
    case "invalid":
      return outcome.error.message
    default:
      return outcome.type
  }
}

/** Ends everything that is open. */
const closed = (state: Shown): Step => [
  { ...state, texts: [], reasonings: [], inputs: new Map(), steps: new Map() },
  [
    ...state.texts.map((messageId): AgUiEvent => ({ type: "TEXT_MESSAGE_END", messageId })),
    ...state.reasonings.flatMap((messageId): AgUiEvent[] => [
      { type: "REASONING_MESSAGE_END", messageId },
      { type: "REASONING_END", messageId }
    ]),
    ...[...state.inputs.keys()].map((toolCallId): AgUiEvent => ({ type: "TOOL_CALL_END", toolCallId })),
    ...[...state.steps.values()].map((stepName): AgUiEvent => ({ type: "STEP_FINISHED", stepName }))
  ]
]
export const end = (state: Shown, last: AgUiEvent): Step => {
  const [next, events] = closed(state)
  return [next, [...events, last]]
}
