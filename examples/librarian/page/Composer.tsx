/**
 * Where people type: a question, or, while a run works, what it should do differently.
 *
 * Enter sends, Shift+Enter makes a new line. What was typed is never lost: if it is refused, it comes back.
 */
import { useLayoutEffect, useState } from "react"
import type { KeyboardEvent, RefObject } from "react"
import { Icon } from "./Icon.tsx"

interface ComposerProps {
  readonly running: boolean
  readonly stopping: boolean
  /** The run waits for a decision that is made above. */
  readonly asking: boolean
  readonly field: RefObject<HTMLTextAreaElement | null>
  /** Resolve to `true` when it was taken. */
  readonly onAsk: (question: string, everything: boolean) => Promise<boolean>
  readonly onSteer: (text: string) => Promise<boolean>
  readonly onStop: () => void
}

export const Composer = ({ running, stopping, asking, field, onAsk, onSteer, onStop }: ComposerProps) => {
  const [text, setText] = useState("")
  const [everything, setEverything] = useState(false)

  useLayoutEffect(() => {
    const area = field.current
    if (area === null) return
    area.style.height = "auto"
    area.style.height = `${Math.min(area.scrollHeight, 200)}px`
  }, [text, field])

  const send = async (): Promise<void> => {
    const sent = text.trim()
    if (sent === "") return
    setText("")
    const taken = running ? await onSteer(sent) : await onAsk(sent, everything)
    // What was refused comes back, unless something else is being typed by now.
    if (!taken) setText((now) => (now === "" ? sent : now))
  }
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    // While an input method composes a word, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    void send()
  }
  const label = running ? "Steer the run" : "Ask the librarian"
  return (
    <form
      className="composer"
      data-running={running}
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <label htmlFor="composer" className="hidden">
        {label}
      </label>
      <textarea
        id="composer"
        ref={field}
        rows={1}
        value={text}
        maxLength={4000}
        autoComplete="off"
        enterKeyHint="send"
        placeholder={
          asking
            ? "Decide above, or stop…"
            : running
              ? "Steer the run… e.g. “focus on retries”"
              : "Ask about the documents…"
        }
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="composer-row">
        {running ? (
          <span className="composer-hint">
            <kbd>Esc</kbd> stops
          </span>
        ) : (
          <label className="switch">
            <input
              type="checkbox"
              role="switch"
              checked={everything}
              onChange={(event) => setEverything(event.target.checked)}
            />
            <span className="switch-track" aria-hidden="true" />
            <span>Read everything that fits</span>
          </label>
        )}
        <span className="composer-buttons">
          {running && (
            <button type="button" className="stop" onClick={onStop} disabled={stopping}>
              <Icon name="stop" />
              <span>{stopping ? "Stopping…" : "Stop"}</span>
            </button>
          )}
          <button type="submit" className="send" aria-label={running ? "Steer" : "Ask"} disabled={text.trim() === ""}>
            <Icon name={running ? "steer" : "send"} />
          </button>
        </span>
      </div>
    </form>
  )
}
