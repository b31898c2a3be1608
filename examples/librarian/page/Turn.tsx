/**
 * One question and what became of it.
 */
import { memo, useCallback, useMemo, useRef, useState } from "react"
import type { Thread, ViewInterrupt, ViewRun, ViewSource, ViewText } from "throughline/client"
import { AskCard } from "./AskCard.tsx"
import { Calls, Reasoning, StatusLine } from "./Activity.tsx"
import { troubleOf } from "./faults.ts"
import { Icon } from "./Icon.tsx"
import { Markdown } from "./Markdown.tsx"
import { Sources } from "./Sources.tsx"
import type { Turn as TurnData } from "./turns.ts"
import { isActive, plural, reasonings, sources, texts, tools } from "./turns.ts"

interface TurnProps {
  readonly turn: TurnData
  readonly thread: Thread
  /** Asks for a note of this turn's answer. */
  readonly onKeep: (turn: TurnData) => void
  readonly onOpen: (source: ViewSource) => void
  readonly onRetry: (question: string) => void
}

export const Turn = memo(
  ({ turn, thread, onKeep, onOpen, onRetry }: TurnProps) => {
    const { run, parts, asks } = turn
    const cited = useMemo(() => sources(parts), [parts])
    // The same function however much is added: passages that are on the screen are not set again.
    const latest = useRef(parts)
    latest.current = parts
    const openById = useCallback(
      (id: string) => {
        const source = latest.current.find((part): part is ViewSource => part.type === "source" && part.id === id)
        if (source !== undefined) onOpen(source)
      },
      [onOpen]
    )
    const active = isActive(run)
    return (
      <article className="turn" aria-label={turn.question === "" ? "Run" : turn.question} aria-busy={active}>
        {turn.question !== "" && <h2 className="question">{turn.question}</h2>}
        {run !== undefined && <StatusLine run={run} />}
        <div className="activity">
          <Calls calls={tools(parts)} active={active} />
          <Reasoning parts={reasonings(parts)} />
        </div>
        {run !== undefined && <Steers run={run} />}
        <Answer parts={texts(parts)} active={active} onSource={openById} />
        {asks.map((ask) => (
          <AskCard key={ask.id} ask={ask} thread={thread} suspended={run?.state === "suspended"} />
        ))}
        {run?.outcome?.type === "failed" && <Failure run={run} onRetry={() => onRetry(turn.question)} />}
        {!active && <Sources sources={cited} onOpen={onOpen} />}
        {run?.outcome?.type === "completed" && cited.length > 0 && asks.length === 0 && (
          <button type="button" className="plain keep" onClick={() => onKeep(turn)}>
            <Icon name="note" />
            Save as note
          </button>
        )}
      </article>
    )
  },
  (before, after) =>
    before.thread === after.thread &&
    before.onKeep === after.onKeep &&
    before.onOpen === after.onOpen &&
    before.onRetry === after.onRetry &&
    same(before.turn, after.turn)
)
Turn.displayName = "Turn"

/** Parts and asks keep their identity in the view, so comparing them one by one is cheap and exact. */
const same = (before: TurnData, after: TurnData): boolean =>
  before.run === after.run &&
  before.question === after.question &&
  sameItems(before.parts, after.parts) &&
  sameItems(before.asks, after.asks)
const sameItems = (before: readonly unknown[], after: readonly unknown[]): boolean =>
  before.length === after.length && before.every((item, place) => item === after[place])

/** Of an answer of thousands of passages the first and the newest ones are shown; the rest is one click away. */
const SHOWN = 40

const Answer = ({
  parts,
  active,
  onSource
}: {
  readonly parts: readonly ViewText[]
  readonly active: boolean
  readonly onSource: (id: string) => void
}) => {
  const [more, setMore] = useState(0)
  if (parts.length === 0) return null
  const first = SHOWN + more
  const hidden = parts.length - first - SHOWN
  const set = (part: ViewText) => <Markdown key={part.id} text={part.text} onSource={onSource} />
  if (hidden <= 0)
    return (
      <div className="answer" data-active={active}>
        {parts.map(set)}
      </div>
    )
  return (
    <div className="answer" data-active={active}>
      {parts.slice(0, first).map(set)}
      <button type="button" className="between" onClick={() => setMore(more + SHOWN * 5)}>
        {plural(hidden, "passage")} in between. Show {hidden > SHOWN * 5 ? "more" : "them"}
      </button>
      {parts.slice(-SHOWN).map(set)}
    </div>
  )
}

const Failure = ({ run, onRetry }: { readonly run: ViewRun; readonly onRetry: () => void }) => {
  if (run.outcome?.type !== "failed") return null
  const trouble = troubleOf(run.outcome.error)
  return (
    <div className="trouble" role="alert">
      <p className="trouble-title">{trouble.title}</p>
      <p>{trouble.advice}</p>
      {trouble.detail !== undefined && <p className="faint">{trouble.detail}</p>}
      <button type="button" className="plain" onClick={onRetry}>
        Ask again
      </button>
    </div>
  )
}

const Steers = ({ run }: { readonly run: ViewRun }) => {
  const steers = run.interrupts.filter(({ kind }) => kind === "steer")
  if (steers.length === 0) return null
  return (
    <ul className="steers" aria-label="What you told the run">
      {steers.map((steer) => (
        <li key={steer.id} className="steer" data-state={steer.state}>
          <Icon name="steer" />
          <span className="steer-words">
            {(steer.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join(" ")}
          </span>
          <span className="steer-receipt">{receiptOf(steer, run)}</span>
        </li>
      ))}
    </ul>
  )
}
const receiptOf = (steer: ViewInterrupt, run: ViewRun): string => {
  switch (steer.state) {
    case "accepted":
      return "Sent, taken up at its next step"
    case "applied": {
      const step = run.steps.find(({ id }) => id === steer.step)
      return step === undefined ? "Taken up" : `Taken up after “${step.name}”`
    }
    case "too-late":
      return "Too late: the run had ended"
    case "refused":
      return `Refused${steer.reason === undefined ? "" : `: ${steer.reason}`}`
    default:
      return ""
  }
}
