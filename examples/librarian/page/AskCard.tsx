/**
 * What the run asks: the note that it would write, as a change to the file, to approve, edit or refuse.
 *
 * Decided, it is one quiet line. What is sent is bound to what is shown: a tab that is behind is told so, and nothing
 * happens twice.
 */
import { useEffect, useId, useMemo, useRef, useState } from "react"
import type { FormEvent, KeyboardEvent, ReactNode } from "react"
import type { InterruptReceipt, Thread, ViewAsk } from "throughline/client"
import { decisionOf, noteOf, untilWhen } from "./asks.ts"
import type { NoteInput } from "./asks.ts"
import { diffOf } from "./diff.ts"
import { troubleOf } from "./faults.ts"
import type { Trouble } from "./faults.ts"
import { Icon } from "./Icon.tsx"
import { plural } from "./turns.ts"

type Decider = Pick<Thread, "approve" | "deny">
interface AskProps {
  readonly ask: ViewAsk
  readonly thread: Decider
  /** Nothing runs meanwhile: the page may be closed. */
  readonly suspended: boolean
}
/** Somebody was faster, and this tab does not show it yet. */
const tooLate: ReadonlyMap<string, Trouble> = new Map(
  Object.entries({
    RUN_TERMINAL: { title: "This was already decided", advice: "The run has ended since." },
    APPROVAL_ALREADY_DECIDED: { title: "This was already decided", advice: "It shows here in a moment." }
  })
)
type Mode = "look" | "edit" | "refuse"
/** A word about a decision that was not taken; `late` when somebody was faster, which is nobody's mistake. */
interface Told {
  readonly title: string
  readonly advice: string
  readonly late: boolean
}

export const AskCard = ({ ask, suspended, thread }: AskProps) => {
  const [mode, setMode] = useState<Mode>("look")
  const [sending, setSending] = useState(false)
  const [told, setTold] = useState<Told>()
  const box = useRef<HTMLDivElement>(null)
  const title = useId()
  const note = noteOf(ask.input)
  const open = ask.answer === undefined

  const send = async (decision: Promise<InterruptReceipt>): Promise<void> => {
    setSending(true)
    setTold(undefined)
    const receipt = await decision
    if (receipt.ok && receipt.verdict.type === "accepted") return
    setSending(false)
    const error = receipt.ok ? refusalOf(receipt) : receipt.error
    const { advice, detail, title } = tooLate.get(error.code) ?? troubleOf(error)
    setTold({
      title: error.code === "BAD_INPUT" ? "It cannot be written like this" : title,
      advice: sentence(detail ?? advice),
      late: tooLate.has(error.code)
    })
  }
  const leave = (): void => {
    const from = mode
    setMode("look")
    setTold(undefined)
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-opens=${from}]`)?.focus())
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return
    // Inside of the card Escape goes one step back; it never stops the run.
    event.preventDefault()
    if (mode !== "look" && !sending) leave()
  }
  // Who decided with the keyboard stays where the decision is.
  const decidedHere = sending && !open
  useEffect(() => {
    if (decidedHere) box.current?.focus()
  }, [decidedHere])

  if (!open) {
    const yes = ask.answer?.type === "approved" || ask.answer?.type === "answered"
    return (
      <div
        className="decision"
        ref={box}
        tabIndex={-1}
        role="note"
        aria-label="Decision"
        data-answer={ask.answer?.type}
      >
        <Icon name={yes ? "done" : "failed"} />
        <span>{decisionOf(ask)}</span>
      </div>
    )
  }
  return (
    <div className="ask" ref={box} role="group" aria-labelledby={title} onKeyDown={onKeyDown} data-mode={mode}>
      <header className="ask-head">
        <Icon name="note" />
        <div>
          <h3 id={title}>{ask.prompt}</h3>
          <p className="faint">
            {suspended
              ? "Nothing runs while it waits for you; you may close this page and come back."
              : "Waiting for you."}{" "}
            Open until <time dateTime={ask.expiresAt}>{untilWhen(ask.expiresAt)}</time>, then it counts as refused.
          </p>
        </div>
      </header>
      {mode === "edit" && note !== undefined ? (
        <EditForm
          note={note}
          sending={sending}
          told={told}
          onBack={leave}
          onSend={(edited) => send(thread.approve(ask, edited === note ? {} : { input: { ...edited } }))}
        />
      ) : (
        <>
          {note === undefined ? <pre tabIndex={0}>{JSON.stringify(ask.input, null, 2)}</pre> : <Change note={note} />}
          {told !== undefined && <Told told={told} />}
          {mode === "refuse" ? (
            <RefuseForm
              sending={sending}
              onBack={leave}
              onSend={(reason) => send(thread.deny(ask, reason === "" ? {} : { reason }))}
            />
          ) : (
            <div className="ask-buttons">
              <button
                type="button"
                className="primary"
                disabled={sending}
                onClick={() => void send(thread.approve(ask))}
              >
                {sending ? "Approving…" : "Approve"}
              </button>
              {note !== undefined && (
                <button
                  type="button"
                  className="plain"
                  data-opens="edit"
                  disabled={sending}
                  onClick={() => setMode("edit")}
                >
                  Edit
                </button>
              )}
              <button
                type="button"
                className="plain refuse"
                data-opens="refuse"
                disabled={sending}
                onClick={() => setMode("refuse")}
              >
                Refuse
              </button>
            </div>
          )}
        </>
      )}
    </div>
  )
}

/** A fault's message as people read it: without the name of the field in front. */
const sentence = (message: string): string => {
  const text = message.replace(/^\w+: /, "")
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`
}
const refusalOf = (receipt: InterruptReceipt & { readonly ok: true }) =>
  receipt.verdict.type === "refused" ? receipt.verdict.error : { code: "ASK_CLOSED", message: "it was not taken" }

const Told = ({ told }: { readonly told: Told }) => (
  <div className="ask-told" role={told.late ? "status" : "alert"} data-late={told.late}>
    <strong>{told.title}.</strong> {told.advice}
  </div>
)

/** The file as it would be, its changed lines marked by sign and colour; long ones scroll by themselves. */
const Change = ({ note }: { readonly note: NoteInput }) => {
  const lines = useMemo(() => diffOf(note.before, note.text), [note.before, note.text])
  const count = (type: string): number => lines.filter((line) => line.type === type).length
  const said =
    note.before === null
      ? `New file, ${plural(count("added"), "line")}`
      : `${plural(count("added"), "line")} added, ${count("removed")} removed`
  return (
    <figure className="change">
      <figcaption>
        <code>{note.path}</code> <span className="faint">{said}</span>
      </figcaption>
      <ol tabIndex={0} aria-label={`Change of ${note.path}`}>
        {lines.map((line, place) =>
          line.type === "folded" ? (
            <li key={place} className="folded">
              {plural(line.lines, "unchanged line")}
            </li>
          ) : (
            <li key={place} data-type={line.type}>
              <span className="sign" aria-hidden="true">
                {line.type === "added" ? "+" : line.type === "removed" ? "−" : " "}
              </span>
              {line.type !== "same" && <span className="hidden">{line.type}: </span>}
              <span>{line.text === "" ? " " : line.text}</span>
            </li>
          )
        )}
      </ol>
    </figure>
  )
}

const Buttons = ({ children, onBack }: { readonly children: ReactNode; readonly onBack: () => void }) => (
  <div className="ask-buttons">
    {children}
    <button type="button" className="plain" onClick={onBack}>
      Back
    </button>
  </div>
)

const EditForm = (props: {
  readonly note: NoteInput
  readonly sending: boolean
  readonly told: Told | undefined
  readonly onBack: () => void
  readonly onSend: (edited: NoteInput) => Promise<void>
}) => {
  const { note, onBack, onSend, sending, told } = props
  const [path, setPath] = useState(note.path)
  const [text, setText] = useState(note.text)
  const field = useRef<HTMLTextAreaElement>(null)
  const ids = useId()
  useEffect(() => {
    field.current?.focus()
    field.current?.setSelectionRange(0, 0)
  }, [])
  const changed = path !== note.path || text !== note.text
  const submit = (event?: FormEvent): void => {
    event?.preventDefault()
    // Under another name nothing may be there yet.
    void onSend(changed ? { path, text, before: path === note.path ? note.before : null } : note)
  }
  return (
    <form className="ask-edit" onSubmit={submit}>
      <label htmlFor={`${ids}path`}>Name</label>
      <input id={`${ids}path`} value={path} spellCheck={false} onChange={(event) => setPath(event.target.value)} />
      <label htmlFor={`${ids}text`}>Text, in Markdown</label>
      <textarea
        id={`${ids}text`}
        ref={field}
        rows={12}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !sending) submit(event)
        }}
      />
      {told !== undefined && <Told told={told} />}
      <Buttons onBack={onBack}>
        <button type="submit" className="primary" disabled={sending || text.trim() === ""}>
          {sending ? "Approving…" : changed ? "Approve as edited" : "Approve"}
        </button>
      </Buttons>
    </form>
  )
}

const RefuseForm = (props: {
  readonly sending: boolean
  readonly onBack: () => void
  readonly onSend: (reason: string) => Promise<void>
}) => {
  const [reason, setReason] = useState("")
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  useEffect(() => field.current?.focus(), [])
  return (
    <form
      className="ask-edit"
      onSubmit={(event) => {
        event.preventDefault()
        void props.onSend(reason.trim())
      }}
    >
      <label htmlFor={id}>
        Why? <span className="faint">You need not say.</span>
      </label>
      <input id={id} ref={field} value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
      <Buttons onBack={props.onBack}>
        <button type="submit" className="primary refuse" disabled={props.sending}>
          {props.sending ? "Refusing…" : "Refuse"}
        </button>
      </Buttons>
    </form>
  )
}
