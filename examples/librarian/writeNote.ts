/**
 * Writes a note into the documents' folder: all of it or nothing, and only over what people saw.
 *
 * The name is checked here again, whoever checked it before. Safe to repeat: a file that holds the text already was
 * written by an earlier try. Links are neither followed nor replaced.
 */
import { randomUUID } from "node:crypto"
import { link, lstat, open, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { AgentError } from "throughline"

export interface NoteFile {
  readonly path: string
  readonly text: string
  /** What the file must hold now; `null`: it must not be there. */
  readonly before: string | null
}

/** The file's text; `null` if there is none, `undefined` if something else is in its place. */
export const readNote = async (root: string, path: string): Promise<string | null | undefined> => {
  const file = join(root, path)
  const found = await lstat(file).catch((error: unknown) => (isCode(error, "ENOENT") ? null : undefined))
  if (found === null) return null
  return found?.isFile() === true ? readFile(file, "utf8") : undefined
}

/** Rejects with an `AgentError` for people where nothing is written. */
export const writeNote = async (
  root: string,
  { before, path, text }: NoteFile
): Promise<{ readonly bytes: number }> => {
  if (!/^[^./\\\p{C}][^/\\\p{C}]*\.md$/u.test(path))
    throw new AgentError("A note is written directly into the documents' folder, and its name ends with .md.")
  const written = { bytes: Buffer.byteLength(text) }
  const now = await readNote(root, path).catch(() => undefined)
  if (now === undefined) throw new AgentError(`${path} is no file that can be read and replaced.`)
  if (now === text) return written
  if (now !== before) throw changed(path, before, now)

  const draft = join(root, `.${randomUUID()}.tmp`)
  try {
    const file = await open(draft, "wx")
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    // A new file appears only if nobody made one meanwhile; an old one is replaced in one step.
    if (before === null) await link(draft, join(root, path))
    else await rename(draft, join(root, path))
  } catch (cause) {
    if (isCode(cause, "EEXIST")) throw changed(path, before, "")
    throw new AgentError(`${path} could not be written (${codeOf(cause)}).`, { cause, retryable: true })
  } finally {
    await rm(draft, { force: true })
  }
  return written
}

const changed = (path: string, before: string | null, now: string | null): AgentError =>
  new AgentError(
    before === null
      ? `There is a file ${path} by now. Choose another name.`
      : now === null
        ? `${path} is gone by now. Ask for the note again.`
        : `${path} was changed by somebody else meanwhile. Ask for the note again.`
  )
const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "unknown reason"
const isCode = (error: unknown, code: string): boolean => codeOf(error) === code
