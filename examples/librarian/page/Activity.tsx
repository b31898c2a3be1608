/**
 * What a run does, beside what it says: its status line, its calls as rows that open, its reasons.
 */
import { memo } from "react"
import type { Json, ViewReasoning, ViewRun, ViewTool } from "throughline/client"
import { Icon } from "./Icon.tsx"
import type { IconName } from "./Icon.tsx"
import { Markdown } from "./Markdown.tsx"
import { isActive, plural } from "./turns.ts"

/** The line under the question: what happens now, or how it ended, with the share that is done. */
export const StatusLine = ({ run }: { readonly run: ViewRun }) => {
  const active = isActive(run)
  const label =
    run.state === "waiting"
      ? "Waiting for a worker…"
      : run.state === "suspended"
        ? suspendedWords[run.suspended ?? "time-limit"]
        : (run.label ?? "Working…")
  if (!active && run.outcome?.type === "failed") return null
  const ended =
    run.outcome?.type === "cancelled" ? "Stopped. What was found until then stays here." : (run.label ?? "Done")
  return (
    <div className="status" data-active={active} data-outcome={run.outcome?.type}>
      <span className="status-mark" aria-hidden="true">
        {active ? (
          <span className="pulse" data-still={run.state === "suspended"} />
        ) : (
          <Icon name={run.outcome?.type === "cancelled" ? "stop" : "done"} />
        )}
      </span>
      <span className="status-text">
        <span className="status-label">{active ? label : ended}</span>
        {active && run.detail !== undefined && <span className="status-detail">{run.detail}</span>}
      </span>
      {active && run.fraction !== undefined && (
        <progress className="status-progress" max={1} value={run.fraction} aria-label="Progress of the run" />
      )}
    </div>
  )
}

const suspendedWords = { asked: "Waiting for you", paused: "Paused", "time-limit": "Goes on in a moment…" } as const

export const Reasoning = ({ parts }: { readonly parts: readonly ViewReasoning[] }) => {
  if (parts.length === 0) return null
  return (
    <details className="reasoning">
      <summary>
        <Icon name="thought" />
        <span>Why these sections</span>
        <Icon name="chevron" />
      </summary>
      {parts.map((part) => (
        <Markdown key={part.id} text={part.text} />
      ))}
    </details>
  )
}

/** More rows than this stay folded away: the newest ones say what happens now. */
const SHOWN = 40

export const Calls = ({ calls, active }: { readonly calls: readonly ViewTool[]; readonly active: boolean }) => {
  if (calls.length === 0) return null
  const shown = calls.slice(-SHOWN)
  const running = calls.filter((call) => call.state !== "done").slice(-2)
  return (
    <div className="calls">
      <details className="call-list">
        <summary>
          <Icon name="read" />
          <span>{summaryOf(calls)}</span>
          <Icon name="chevron" />
        </summary>
        {shown.length < calls.length && <p className="faint">{plural(calls.length - shown.length, "earlier call")}</p>}
        <ol>
          {shown.map((call) => (
            <Call key={call.id} call={call} />
          ))}
        </ol>
      </details>
      {active && running.length > 0 && (
        <ol className="calls-now" aria-hidden="true">
          {running.map((call) => (
            <CallNow key={call.id} call={call} />
          ))}
        </ol>
      )}
    </div>
  )
}

const summaryOf = (calls: readonly ViewTool[]): string => {
  const searches = calls.filter(({ name }) => name === "search").length
  const reads = calls.filter(({ name }) => name === "read").length
  const notes = calls.filter(({ name }) => name === "write_note").length
  const others = calls.length - searches - reads - notes
  const said = [
    ...(searches > 0 ? [plural(searches, "search", "searches")] : []),
    ...(reads > 0 ? [`${plural(reads, "section")} read`] : []),
    ...(notes > 0 ? [plural(notes, "note")] : []),
    ...(others > 0 ? [plural(others, "other call")] : [])
  ]
  return said.join(", ")
}

const iconOf = (call: ViewTool): IconName =>
  call.outcome !== undefined && call.outcome.type !== "ok"
    ? "failed"
    : call.name === "search"
      ? "search"
      : call.name === "read"
        ? "read"
        : call.name === "write_note"
          ? "note"
          : "tool"

const CallNow = memo(({ call }: { readonly call: ViewTool }) => (
  <li className="call-now">
    <Icon name={iconOf(call)} />
    <span className="call-title">{subjectOf(call)}</span>
    <span className="faint">{call.label}</span>
    <progress max={1} {...(call.fraction === undefined ? {} : { value: call.fraction })} />
  </li>
))
CallNow.displayName = "CallNow"

const Call = memo(({ call }: { readonly call: ViewTool }) => (
  <li>
    <details className="call" data-state={call.outcome?.type ?? call.state}>
      <summary>
        <Icon name={iconOf(call)} />
        <span className="call-title">{subjectOf(call)}</span>
        <span className="call-result">{resultOf(call)}</span>
        <Icon name="chevron" />
      </summary>
      <CallDetails call={call} />
    </details>
  </li>
))
Call.displayName = "Call"

const field = (value: Json | undefined, name: string): Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })[name]
    : undefined
const outputOf = (call: ViewTool): Json | undefined => (call.outcome?.type === "ok" ? call.outcome.output : call.output)

const subjectOf = (call: ViewTool): string => {
  const question = field(call.input, "question")
  const section = field(call.input, "section")
  if (call.name === "search" && typeof question === "string") return `Searched for “${question}”`
  if (call.name === "read" && typeof section === "string") return section
  return call.title ?? call.name
}
const resultOf = (call: ViewTool): string => {
  const { outcome } = call
  if (outcome === undefined) return call.label ?? "…"
  switch (outcome.type) {
    case "ok": {
      const total = field(outcome.output, "total")
      const lines = field(outcome.output, "lines")
      if (typeof total === "number") return plural(total, "hit")
      if (typeof lines === "number") return plural(lines, "line")
      return "done"
    }
    case "failed":
      return "failed"
    case "invalid":
      return "refused: bad input"
    case "denied":
      return "denied"
    case "cancelled":
      return "stopped"
    case "unknown":
      return "interrupted; it may have taken effect"
    default:
      return ""
  }
}

/** Hits and passages as people read them; anything else as the JSON that it is. */
const CallDetails = ({ call }: { readonly call: ViewTool }) => {
  const output = outputOf(call)
  const hits = field(output, "hits")
  const passages = field(output, "passages")
  if (call.outcome?.type === "failed") return <p className="call-error">{call.outcome.error.message}</p>
  if (Array.isArray(hits)) {
    return (
      <ul className="hits">
        {hits.map((hit: Json, place: number) => (
          <li key={place}>
            <span>{String(field(hit, "title"))}</span>{" "}
            <span className="faint">
              {String(field(hit, "path"))} · {String(field(hit, "score"))}
            </span>
          </li>
        ))}
      </ul>
    )
  }
  if (Array.isArray(passages)) {
    return (
      <p className="faint">
        {plural(Number(field(output, "bytes") ?? 0), "byte")} read, {plural(passages.length, "passage")} quoted
      </p>
    )
  }
  return <pre tabIndex={0}>{JSON.stringify({ input: call.input, output }, null, 2)}</pre>
}
