/**
 * Markdown of the answer, made safe: no HTML, no images, links only to the web, to mail, and to the sources below.
 *
 * Tables are set by this file, because CommonMark has none; everything else by react-markdown.
 */
import { memo, useMemo } from "react"
import ReactMarkdown from "react-markdown"
import type { Components } from "react-markdown"

const SOURCE = "#source-"
const allowed = (url: string): string => (/^(https?:\/\/|mailto:)/i.test(url) || url.startsWith(SOURCE) ? url : "")

interface MarkdownProps {
  readonly text: string
  readonly onSource?: (id: string) => void
}

export const Markdown = memo(({ text, onSource }: MarkdownProps) => {
  const components = useMemo(
    (): Components => ({
      a: ({ href, children }) => {
        if (href === undefined || href === "") return <span>{children}</span>
        if (!href.startsWith(SOURCE))
          return (
            <a href={href} target="_blank" rel="noreferrer noopener">
              {children}
            </a>
          )
        if (onSource === undefined) return <span>{children}</span>
        const id = href.slice(SOURCE.length)
        return (
          <button type="button" className="source-link" onClick={() => onSource(id)}>
            {children}
          </button>
        )
      },
      // Wide code scrolls by itself and can be reached by keyboard.
      pre: ({ children }) => <pre tabIndex={0}>{children}</pre>,
      // Headings inside an answer must not rise above the question's.
      h1: ({ children }) => <h3>{children}</h3>,
      h2: ({ children }) => <h3>{children}</h3>
    }),
    [onSource]
  )
  return (
    <div className="prose">
      {piecesOf(text).map((piece, place) =>
        piece.table === undefined ? (
          <ReactMarkdown
            key={place}
            skipHtml
            disallowedElements={["img"]}
            urlTransform={allowed}
            components={components}
          >
            {piece.text}
          </ReactMarkdown>
        ) : (
          <Table key={place} rows={piece.table} components={components} />
        )
      )}
    </div>
  )
})
Markdown.displayName = "Markdown"

const Table = ({
  rows,
  components
}: {
  readonly rows: readonly (readonly string[])[]
  readonly components: Components
}) => {
  const [head = [], ...body] = rows
  const cell = (text: string) => (
    <ReactMarkdown
      skipHtml
      disallowedElements={["img", "p"]}
      unwrapDisallowed
      urlTransform={allowed}
      components={components}
    >
      {text}
    </ReactMarkdown>
  )
  return (
    <div className="table" tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead>
          <tr>
            {head.map((text, place) => (
              <th key={place} scope="col">
                {cell(text)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row, at) => (
            <tr key={at}>
              {row.map((text, place) => (
                <td key={place}>{cell(text)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface Piece {
  readonly text: string
  readonly table?: readonly (readonly string[])[]
}
const delimiter = /^\s{0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/
const cells = (line: string): string[] =>
  line
    .trim()
    .replace(/^\|/, "")
    .replace(/\|$/, "")
    .split(/(?<!\\)\|/)
    .map((text) => text.trim().replace(/\\\|/g, "|"))

/** Text and tables in turn. A fence keeps what looks like a table inside of it. */
const piecesOf = (text: string): Piece[] => {
  if (!text.includes("|")) return [{ text }]
  const lines = text.split("\n")
  const pieces: Piece[] = []
  let plain: string[] = []
  let fenced = false
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ""
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced
    const next = lines[at + 1]
    if (
      fenced ||
      !line.includes("|") ||
      next === undefined ||
      !next.includes("-") ||
      !next.includes("|") ||
      !delimiter.test(next)
    ) {
      plain.push(line)
      continue
    }
    const table = [cells(line)]
    for (at += 2; at < lines.length && (lines[at] ?? "").includes("|"); at += 1) table.push(cells(lines[at] ?? ""))
    at -= 1
    pieces.push({ text: plain.join("\n") }, { text: "", table })
    plain = []
  }
  return [...pieces, { text: plain.join("\n") }].filter(
    (piece) => piece.table !== undefined || piece.text.trim() !== ""
  )
}
