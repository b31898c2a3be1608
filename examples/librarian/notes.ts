/**
 * Notes that the librarian may be asked to write: whether somebody wants one, and what it would say.
 *
 * A draft is made of what an answer said and nothing else. It names the file's text as it is now (`before`), so that
 * people are shown the change, and so that the tool can refuse to overwrite what they did not see.
 */
import type { HistoryMessage } from "throughline"
import * as z from "zod"
import { questionWords } from "./words.ts"
import { readNote } from "./writeNote.ts"

/** Of the encoded text: an edited note, with the text before it, is kept in one record of the log. */
const MAX_NOTE_BYTES = 12_000
const MAX_NAME = 80
const encodedBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text))
const Text = z
  .string()
  .refine((text) => encodedBytes(text) <= MAX_NOTE_BYTES, `a note has at most ${MAX_NOTE_BYTES} bytes`)

/** What may be written, as drafted or as people edited it: one Markdown file directly in the documents' folder. */
export const Note = z.strictObject({
  path: z
    .string()
    .max(MAX_NAME, `a name has at most ${MAX_NAME} characters`)
    .regex(
      /^[\p{L}\p{N}][\p{L}\p{N}\p{M} ._-]*\.md$/u,
      "name the file name.md: letters, digits, spaces, . _ and -, without a folder"
    ),
  text: Text.refine((text) => text.trim() !== "", "a note without words is not written"),
  /** What the file holds now; `null` if there is none. */
  before: Text.nullable()
})
export type Note = z.output<typeof Note>

/** `that`: the answer before. `about`: an answer to be found first. */
export type NoteWish = { readonly type: "that" } | { readonly type: "about"; readonly subject: string }

const polite = String.raw`^(?:(?:please|can you|could you)\s+)?`
const that = String.raw`(?:that|this|it|the answer|your answer)`
const asNote = String.raw`(?:\s+down)?(?:\s+(?:as|in|into|to)\s+(?:an?\s+|the\s+|my\s+)?(?:notes?|file))?[.!?]*$`
const saveThat = new RegExp(
  `${polite}(?:(?:save|keep|store|write)\\s+${that}${asNote}|(?:make|take|write)\\s+a\\s+note\\s+of\\s+${that}[.!?]*$)`,
  "i"
)
const writeAbout = new RegExp(
  `${polite}(?:write|make|create|draft|add|save|take)\\s+(?:me\\s+)?(?:an?\\s+|the\\s+)?(?:short\\s+|new\\s+)?note\\s+(?:about|on|of|for)\\s+(.+?)[.!?]*$`,
  "is"
)
const andSave = new RegExp(
  `^(.+?)[,;.?]*\\s+(?:and|then)\\s+(?:please\\s+)?(?:save|write|keep|put)\\s+${that}(?:\\s+down)?\\s+(?:as|in|into|to)\\s+(?:an?\\s+|the\\s+|my\\s+)?notes?[.!]*$`,
  "is"
)

export const noteWish = (question: string): NoteWish | undefined => {
  if (saveThat.test(question.trim())) return { type: "that" }
  const subject = (writeAbout.exec(question.trim()) ?? andSave.exec(question.trim()))?.[1]?.trim()
  return subject === undefined ? undefined : { type: "about", subject }
}

/** What an answer said, and what it was asked. */
export interface Said {
  readonly subject: string
  readonly text: string
}

/** The answer of run `answer`, or the newest one with words; `undefined` if there is none. */
export const saidBefore = (history: readonly HistoryMessage[], answer: string | undefined): Said | undefined => {
  const at = history.findLastIndex(
    (message) =>
      message.role === "assistant" &&
      (answer === undefined || message.run === answer) &&
      message.parts.some(({ type }) => type === "text")
  )
  const found = history[at]
  if (found === undefined) return undefined
  const question = history.slice(0, at).findLast(({ role }) => role === "user")
  const asked = question === undefined ? "" : textOf(question, " ")
  const wish = noteWish(asked)
  return { subject: wish?.type === "about" ? wish.subject : asked, text: textOf(found, "\n\n") }
}
const textOf = ({ parts }: HistoryMessage, between: string): string =>
  parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join(between)

/** Begins every answer without a model; a note needs no such word. */
export const QUOTED = "No model is set up, so everything below is quoted word for word from the documents."

/** A note that does not replace anything but a note. `undefined`: nothing in the answer is worth one. */
export const draftNote = async (root: string, { subject, text }: Said): Promise<Note | undefined> => {
  const body = bodyOf(text)
  if (body === "") return undefined
  const title = subject.replace(/\s+/g, " ").trim()
  const note = `# ${title === "" ? "Note" : title[0]?.toUpperCase() + title.slice(1, 200)}\n\n${body}\n`
  for (let n = 1; ; n += 1) {
    const path = noteName(subject, n)
    const before = await readNote(root, path)
    if (before === undefined || (before !== null && encodedBytes(before) > MAX_NOTE_BYTES)) continue
    return { path, text: note, before }
  }
}

/** Sources by their path, which still leads somewhere when the conversation is gone; as much as a note holds. */
const bodyOf = (text: string): string => {
  const whole = text
    .replace(QUOTED, "")
    .replace(
      /\[((?:\\.|[^\]\\])*)\]\(#source-[^)]*\)(\*\*)? · `([^`]+)`/g,
      (_, name: string, bold = "", path: string) =>
        `${name}${bold} · [${path}](${path.split("/").map(encodeURIComponent).join("/")})`
    )
    .replace(/\[((?:\\.|[^\]\\])*)\]\(#source-[^)]*\)/g, "$1")
    .replace(/\n{3,}/g, "\n\n")
    .trim()
  let kept = ""
  for (const paragraph of whole.split("\n\n")) {
    if (encodedBytes(kept + paragraph) > MAX_NOTE_BYTES - 1_000) return `${kept}…`
    kept += `${paragraph}\n\n`
  }
  return kept.trim()
}
/** A note quotes documents, and no other notes. */
export const isNote = (path: string): boolean => /^note(-.*)?\.md$/.test(path)
/** The file that a note about `subject` goes into; `n` where others are taken. */
const noteName = (subject: string, n = 1): string => {
  const words = questionWords(subject).slice(0, 6).join("-").toLowerCase().normalize("NFC").slice(0, 60)
  return `note${words === "" ? "" : `-${words}`}${n === 1 ? "" : `-${n}`}.md`
}
