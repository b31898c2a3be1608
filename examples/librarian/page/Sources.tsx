/**
 * The documents that an answer rests on: cards, and the section itself in a dialog.
 */
import { useEffect, useRef, useState } from "react"
import type { ViewSource } from "throughline/client"
import { Icon } from "./Icon.tsx"
import { Markdown } from "./Markdown.tsx"
import { plural } from "./turns.ts"

const FIRST = 6

export const Sources = ({
  sources,
  onOpen
}: {
  readonly sources: readonly ViewSource[]
  readonly onOpen: (source: ViewSource) => void
}) => {
  const [all, setAll] = useState(false)
  if (sources.length === 0) return null
  const shown = all ? sources : sources.slice(0, FIRST)
  return (
    <section className="sources" aria-label="Sources">
      <h3>{plural(sources.length, "source")}</h3>
      <ol>
        {shown.map((source, place) => (
          <li key={source.id}>
            <button type="button" className="source" onClick={() => onOpen(source)}>
              <span className="source-number">{place + 1}</span>
              <span className="source-words">
                <span className="source-title">{source.title ?? source.name ?? source.url}</span>
                <span className="source-path">{source.name ?? source.url}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
      {shown.length < sources.length && (
        <button type="button" className="quiet" onClick={() => setAll(true)}>
          Show all {sources.length}
        </button>
      )}
    </section>
  )
}

interface Opened {
  readonly title: string
  readonly path: string
  readonly lines: readonly [number, number]
  readonly text: string
}
type Loading =
  | { readonly state: "loading" }
  | { readonly state: "gone"; readonly message: string }
  | { readonly state: "ready"; readonly section: Opened }

/** Modal; the browser keeps the focus inside and gives it back. */
export const SourceDialog = ({ source, onClose }: { readonly source: ViewSource; readonly onClose: () => void }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const [loading, setLoading] = useState<Loading>({ state: "loading" })
  const ref = source.url ?? ""
  useEffect(() => {
    dialog.current?.showModal()
    const abort = new AbortController()
    const load = async (): Promise<void> => {
      const response = await fetch(`/section?ref=${encodeURIComponent(ref)}`, { signal: abort.signal })
      if (response.ok) setLoading({ state: "ready", section: (await response.json()) as Opened })
      else setLoading({ state: "gone", message: "This section is no longer in the documents." })
    }
    load().catch(() => {
      if (!abort.signal.aborted)
        setLoading({ state: "gone", message: "The server did not answer. Close this and try again." })
    })
    return () => abort.abort()
  }, [ref])
  return (
    <dialog
      ref={dialog}
      className="source-dialog"
      aria-labelledby="source-title"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div className="source-sheet">
        <header>
          <div>
            <h2 id="source-title">{source.title ?? ref}</h2>
            <p className="faint">
              {source.name ?? ref}
              {loading.state === "ready" && `, lines ${loading.section.lines[0]}–${loading.section.lines[1]}`}
            </p>
          </div>
          <button type="button" className="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="failed" />
          </button>
        </header>
        {loading.state === "loading" && <p className="faint">Reading…</p>}
        {loading.state === "gone" && <p>{loading.message}</p>}
        {loading.state === "ready" && <Markdown text={loading.section.text} />}
      </div>
    </dialog>
  )
}
