/**
 * Asks whether a note may be written, and writes what was approved.
 *
 * The ask may be answered an hour later, by another process's run: the draft is kept as a checkpoint, and the run
 * goes on from it without searching again.
 */
import { AgentError } from "throughline"
import type { Run, Unanswered } from "throughline"
import type { Library } from "./library.ts"
import { Note } from "./notes.ts"
import { writeNote } from "./writeNote.ts"

export const noteAsks = { write_note: Note }
// oxlint-disable-next-line typescript/no-empty-object-type -- no events of its own
export type LibrarianRun = Run<{}, unknown, typeof noteAsks>

/** Resolves with the path that was written; `undefined` where people or the folder did not let it. */
export const keepNote = async (run: LibrarianRun, library: Library, draft: Note): Promise<string | undefined> => {
  const { before, path, text } = draft
  if (before === text) {
    run.status("Nothing new to write", { detail: path })
    await run.text(`The note \`${path}\` says exactly this already.`)
    return undefined
  }
  run.status("Waiting for you", { detail: path })
  const decided = await run.ask.approval({
    tool: "write_note",
    input: draft,
    prompt: before === null ? `Write a new note, ${path}?` : `Change the note ${path}?`,
    expiresIn: "1 hour",
    key: "note"
  })
  if (!decided.approved) {
    run.status("Wrote nothing")
    await run.text(`${refusal(decided)} Nothing was written.`)
    return undefined
  }
  const note = decided.input
  try {
    await run.tool("write_note", note, () => writeNote(library.root, Note.parse(note)), {
      approval: decided,
      idempotent: true,
      key: "note",
      title: `Write ${note.path}`
    })
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    run.status("Wrote nothing", { level: "warning" })
    await run.text(`${error.message} Nothing was written.`)
    return undefined
  }
  await library.refresh()
  run.status(`Wrote ${note.path}`)
  await run.text(
    `The note is in \`${note.path}\`${decided.edited ? ", as you changed it" : ""}. The next search finds it.`
  )
  return note.path
}

const refusal = ({ reason, why }: Unanswered): string => {
  if (why === "expired") return "Nobody decided about the note in time."
  return reason === undefined ? "The note was refused." : `The note was refused: “${reason.trim()}”.`
}
