/**
 * The copilot page: a conversation with the librarian, live in every tab that has it open.
 *
 * It keeps nothing: all that is shown comes from the thread's view, so a reload or a second tab shows the same.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from "react"
import type { ReactNode } from "react"
import type { ConnectionState, Fault, Thread, View, ViewSource } from "throughline/client"
import { useConnection, useThread } from "throughline/react"
import { decisionOf, isOpen } from "./asks.ts"
import { Composer } from "./Composer.tsx"
import { troubleOf } from "./faults.ts"
import type { Trouble } from "./faults.ts"
import { Icon } from "./Icon.tsx"
import { useFollow } from "./scroll.ts"
import { SourceDialog } from "./Sources.tsx"
import { Turn } from "./Turn.tsx"
import type { Turn as TurnData } from "./turns.ts"
import { activeRun, plural, sources, turnsOf } from "./turns.ts"

/** What the server knows about its documents. */
export interface LibraryCard {
  readonly name: string
  readonly documents: number
  readonly sections: number
  readonly suggestions: readonly string[]
  readonly answers: "quotes" | "model"
}
interface AppProps {
  readonly thread: Thread
  readonly library: LibraryCard
  readonly onNew: () => void
}

const whole = (view: View): View => view

export const App = ({ thread, library, onNew }: AppProps) => {
  const view = useThread(thread, whole)
  const turns = useMemo(() => turnsOf(view), [view])
  const running = activeRun(view)
  const connection = useConnection(thread)
  const { error, hasOlder } = thread.state
  // A cut heals by itself; what does not is told.
  const refused = connection !== "live" && error !== undefined && !error.retryable ? troubleOf(error) : undefined
  const [stopping, setStopping] = useState<string>()
  const [trouble, setTrouble] = useState<Trouble>()
  const [opened, setOpened] = useState<ViewSource>()
  const field = useRef<HTMLTextAreaElement>(null)
  const { away, toEnd, toQuestion } = useFollow(view)

  const answered = useCallback(
    (receipt: { readonly ok: true } | { readonly ok: false; readonly error: Fault }): boolean => {
      setTrouble(receipt.ok ? undefined : troubleOf(receipt.error))
      return receipt.ok
    },
    []
  )
  const ask = useCallback(
    async (question: string, everything = false): Promise<boolean> => {
      toQuestion()
      return answered(
        await thread.start("librarian", { question, ...(everything ? { depth: "all" } : {}) }, { message: question })
      )
    },
    [thread, answered, toQuestion]
  )
  const keep = useCallback(
    ({ question, run }: TurnData): void => {
      toQuestion()
      const message = `Save the answer to “${question.slice(0, 200)}” as a note`
      void thread.start("librarian", { question: message, noteOf: run?.id }, { message }).then(answered)
    },
    [thread, answered, toQuestion]
  )
  const steer = async (text: string): Promise<boolean> =>
    running === undefined ? ask(text) : answered(await thread.steer(running.id, text))
  const stop = useCallback(async (): Promise<void> => {
    if (running === undefined || stopping === running.id) return
    setStopping(running.id)
    const receipt = await thread.cancel(running.id)
    if (!receipt.ok) setStopping(undefined)
    // A run that ended by itself just before needs no words.
    if (!receipt.ok && receipt.error.code !== "RUN_TERMINAL") answered(receipt)
    field.current?.focus()
  }, [thread, running, stopping, answered])
  const retry = useCallback((question: string) => void ask(question), [ask])

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && opened === undefined && !event.defaultPrevented) void stop()
    }
    window.addEventListener("keydown", onKey)
    return () => window.removeEventListener("keydown", onKey)
  }, [stop, opened])
  useEffect(() => {
    const first = turns[0]?.question
    document.title = first === undefined || first === "" ? "Librarian" : `${first.slice(0, 60)} · Librarian`
  }, [turns])
  useEffect(() => field.current?.focus({ preventScroll: true }), [])

  return (
    <>
      <a className="skip" href="#composer">
        Skip to the question box
      </a>
      <header className="top">
        <div className="top-inner">
          <h1 className="brand">Librarian</h1>
          <p className="folder">
            {library.name} · {plural(library.documents, "document")}
          </p>
          <Connection state={connection} />
          <button type="button" className="plain new" onClick={onNew} aria-label="New conversation">
            <Icon name="plus" />
            <span className="new-words">New conversation</span>
          </button>
        </div>
      </header>
      <main className="conversation" aria-label="Conversation">
        {hasOlder && (
          <button type="button" className="quiet" onClick={() => void thread.older()}>
            Show what was asked before
          </button>
        )}
        {turns.length === 0 ? (
          <Welcome library={library} onAsk={retry} />
        ) : (
          turns.map((turn) => (
            <Turn key={turn.id} turn={turn} thread={thread} onKeep={keep} onOpen={setOpened} onRetry={retry} />
          ))
        )}
      </main>
      <footer className="bottom">
        <div className="bottom-inner">
          {away && (
            <button type="button" className="to-end" onClick={toEnd} aria-label="To the newest words">
              <Icon name="down" />
            </button>
          )}
          {refused !== undefined && <TroubleNote trouble={refused} />}
          {trouble !== undefined && (
            <TroubleNote trouble={trouble}>
              <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => setTrouble(undefined)}>
                <Icon name="failed" />
              </button>
            </TroubleNote>
          )}
          <Composer
            running={running !== undefined}
            stopping={running !== undefined && stopping === running.id}
            asking={view.asks.some((one) => one.run === running?.id && isOpen(one))}
            field={field}
            onAsk={ask}
            onSteer={steer}
            onStop={() => void stop()}
          />
          <p className="footnote">
            {library.answers === "quotes"
              ? "Answers are quoted word for word from the documents."
              : "Answers are written by a language model; check the sources."}
          </p>
        </div>
      </footer>
      <Announcer view={view} />
      {opened !== undefined && <SourceDialog source={opened} onClose={() => setOpened(undefined)} />}
    </>
  )
}

const Welcome = ({ library, onAsk }: { readonly library: LibraryCard; readonly onAsk: (question: string) => void }) => (
  <section className="welcome" aria-label="Welcome">
    <h2>What would you like to know?</h2>
    <p>
      {library.sections === 0
        ? "The folder has no Markdown to read yet. Put some documents into it, then ask."
        : `I search ${plural(library.sections, "section")} in ${plural(library.documents, "document")}, read what fits, and show where each word comes from.`}
    </p>
    {library.suggestions.length > 0 && (
      <ul className="suggestions" aria-label="Suggested questions">
        {library.suggestions.map((question) => (
          <li key={question}>
            <button type="button" onClick={() => onAsk(question)}>
              <span>{question}</span>
              <Icon name="chevron" />
            </button>
          </li>
        ))}
      </ul>
    )}
  </section>
)

const TroubleNote = ({ trouble, children }: { readonly trouble: Trouble; readonly children?: ReactNode }) => (
  <div className="trouble" role="alert">
    <p className="trouble-title">{trouble.title}</p>
    <p>{trouble.advice}</p>
    {children}
  </div>
)

const words = {
  connecting: { label: "Connecting", meaning: "Connecting to the live stream" },
  live: { label: "Live", meaning: "Connected; everything appears as it happens" },
  recovering: { label: "Recovering", meaning: "The connection was cut and is coming back; nothing is lost" },
  offline: { label: "Offline", meaning: "No connection; it comes back by itself, nothing is lost" },
  closed: { label: "Closed", meaning: "This page no longer follows the conversation" }
} as const

const Connection = ({ state }: { readonly state: ConnectionState }) => (
  <p className="connection" data-state={state} role="status" title={words[state].meaning}>
    <span className="connection-dot" aria-hidden="true" />
    <span className="hidden">Connection: </span>
    <span className="connection-label">{words[state].label}</span>
  </p>
)

/** Says to screen readers what changed in the newest run: that it began, asks, and how it ended; never single words. */
const Announcer = ({ view }: { readonly view: View }) => {
  const run = view.runs.at(-1)
  const first = useRef(run?.id)
  let said = ""
  if (run !== undefined && !(first.current === run.id && run.state === "finished")) {
    first.current = undefined
    const count = sources(
      view.messages.filter((message) => message.run === run.id).flatMap(({ parts }) => parts)
    ).length
    const ask = view.asks.findLast((one) => one.run === run.id)
    if (run.state !== "finished")
      said =
        ask === undefined
          ? "The librarian is working. Press Escape to stop."
          : isOpen(ask)
            ? `The librarian asks: ${ask.prompt}`
            : `${decisionOf(ask)}.`
    else if (run.outcome?.type === "completed" && ask !== undefined)
      said = `${decisionOf(ask)}. ${run.label ?? "Done"}.`
    else if (run.outcome?.type === "completed") said = `The answer is complete, with ${plural(count, "source")}.`
    else if (run.outcome?.type === "cancelled") said = "Stopped."
  }
  return (
    <p className="hidden" aria-live="polite">
      {said}
    </p>
  )
}
